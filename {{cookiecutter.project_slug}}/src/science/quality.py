"""Describe a table: the numbers behind the data report."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SHOWN = 5  # rows that a text must be in to be written into a document: a rarer one may be somebody's name
ROWS = 10_000  # enough to rank columns: a tree of depth 4 changes little with more


def describe(values: pd.Series) -> dict:
    """Return what is worth knowing about one column; numbers are None where they make no sense."""
    filled = values.dropna()
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    time = pd.api.types.is_datetime64_any_dtype(values)
    ordered = len(filled) > 0 and (number or time)
    common = filled.value_counts().head(5).loc[lambda rows: rows >= SHOWN]
    return {
        "name": str(values.name),
        "type": kind_of(values),
        "missing": int(values.isna().sum()),
        "unique": int(filled.nunique()),
        "mean": filled.mean() if number and ordered else None,
        "std": filled.std() if number and ordered else None,
        "min": filled.min() if ordered else None,
        "quartiles": filled.quantile([0.25, 0.5, 0.75]).tolist() if ordered else None,
        "max": filled.max() if ordered else None,
        "top": [{"value": value, "rows": int(rows)} for value, rows in common.items()] if not ordered else None,
    }


def kind_of(values: pd.Series) -> str:
    """Return the schema's word for the type of a column."""
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "float", "M": "datetime"}
    return kinds.get(values.dtype.kind, "string")


def constant_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold one value, or none at all."""
    return [name for name in frame if frame[name].nunique(dropna=False) < 2]


def ranking(frame: pd.DataFrame, target: pd.Series, task: str, seed: int) -> list[dict]:
    """Rank columns by how well each one alone predicts the target.

    The score is that of a tree of depth 4 on this column, in 3-fold cross-validation on at most `ROWS` rows; a text
    stands for the mean target of its value in the other rows. R² for a regression, 2 x AUC - 1 (averaged over the
    classes) for a classification. 1 is perfect; 0 is no better than chance, and so is anything below.
    """
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=seed)
        target = target.loc[frame.index]
    if task == "regression":
        tree, scoring = DecisionTreeRegressor(max_depth=4, min_samples_leaf=5, random_state=seed), "r2"
    else:
        rare = target.value_counts()
        target = target[target.isin(rare[rare >= 3].index)]  # each fold needs one of every class
        frame = frame.loc[target.index]
        tree, scoring = (
            DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, random_state=seed),
            "roc_auc_ovr",
        )
    kind = "continuous" if task == "regression" else "binary" if target.nunique() == 2 else "multiclass"
    by_value = make_pipeline(TargetEncoder(target_type=kind, cv=KFold(5, shuffle=True, random_state=seed)), tree)
    order = np.random.default_rng(seed).permutation(len(frame))  # the folds must not follow the file's order
    scores = []
    for name in frame:
        text = kind_of(frame[name]) == "string"
        column = (frame[name].astype(object).fillna("") if text else numbers(frame[name])).iloc[order].to_frame()
        judge = by_value if text else tree
        score = float(np.mean(cross_val_score(judge, column, target.iloc[order], cv=3, scoring=scoring)))
        score = score if task == "regression" else 2 * score - 1
        scores.append({"name": str(name), "score": max(0.0, score) if np.isfinite(score) else 0.0})
    return sorted(scores, key=lambda item: -item["score"])


def numbers(values: pd.Series) -> pd.Series:
    """Return a column that is no text as numbers that a tree can split."""
    if kind_of(values) == "datetime":
        return values.astype("int64").where(values.notna()).astype("float64")
    return values.astype("float64")
