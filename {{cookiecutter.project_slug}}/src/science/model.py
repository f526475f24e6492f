"""The models: the real one, and two baselines to compare it with. Each takes raw columns."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import ThreadpoolController

from science.contract import Contract
from science.features import Features

# The rarest values of a column share one place beyond this many.
TREE_CATEGORIES = 250  # histogram gradient boosting tells 255 apart
LINEAR_CATEGORIES = 50  # each becomes a column
MANY_ROWS = 50_000  # from here on threads pay


def dummy(contract: Contract) -> BaseEstimator:
    """Predict the same for everybody: the constant that the metric likes best, or the share of each class."""
    if contract.task == "regression":
        return DummyRegressor(strategy="median" if contract.metric in ("mae", "median_ae") else "mean")
    if contract.metric == "f1" and contract.positive is not None:
        return DummyClassifier(strategy="constant", constant=contract.positive)  # the other class scores 0
    return DummyClassifier(strategy="prior")


def linear(contract: Contract) -> BaseEstimator:
    """Ridge or logistic regression on scaled numbers and a column per category; gaps get the median."""
    gaps = SimpleImputer(strategy="median", keep_empty_features=True)
    columns = make_column_transformer(
        (
            OneHotEncoder(max_categories=LINEAR_CATEGORIES, handle_unknown="ignore", sparse_output=False),
            nominal(contract),
        ),
        remainder=make_pipeline(gaps, StandardScaler()),
    )
    return make_pipeline(columns, Ridge() if contract.task == "regression" else LogisticRegression(max_iter=1000))


def boosting(contract: Contract, learning_rate: float, max_iter: int) -> BaseEstimator:
    """Histogram gradient boosting, which takes categories and gaps as they are.

    Small trees and early stopping keep it from learning a small table by heart: `max_iter` is the most it may
    take.
    """
    names = nominal(contract)
    codes = OrdinalEncoder(
        max_categories=TREE_CATEGORIES,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    columns = make_column_transformer((codes, names), remainder="passthrough")
    kind = HistGradientBoostingRegressor if contract.task == "regression" else HistGradientBoostingClassifier
    trees = kind(
        learning_rate=learning_rate,
        max_iter=max_iter,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        categorical_features=list(range(len(names))),  # they come first
        early_stopping=True,
        n_iter_no_change=20,
        random_state=contract.seed,
    )
    return make_pipeline(columns, trees)


def blend(contract: Contract, members: dict[str, BaseEstimator], weights: dict[str, float]) -> BaseEstimator:
    """Average the predictions of the members by weight; those without weight are left out."""
    kept = [(name, member) for name, member in members.items() if weights[name]]
    if len(kept) == 1:
        return kept[0][1]
    shares = [weights[name] for name, _ in kept]
    if contract.task == "regression":
        return VotingRegressor(kept, weights=shares)
    return VotingClassifier(kept, weights=shares, voting="soft")


def fit(learner: BaseEstimator, contract: Contract, frame: pd.DataFrame) -> Pipeline:
    """Fit a learner behind the features; what comes out takes raw columns.

    Args:
        learner: Not fitted, and left so.
        contract: What the columns are.
        frame: Features and target.
    """
    types = {feature.name: feature.type for feature in contract.features}
    pipeline = Pipeline([("features", Features(types)), ("learner", clone(learner))])
    with _threads(len(frame)):
        return pipeline.fit(frame[contract.names], frame[contract.target])


def predict(model: BaseEstimator, contract: Contract, frame: pd.DataFrame) -> np.ndarray:
    """Predict rows; the pipeline picks its columns from those of the frame.

    Returns:
        Regression: one value per row. Classification: probabilities, rows x classes in the order of the
        contract; a class the model never saw has none.
    """
    with _threads(len(frame)):
        found = model.predict(frame) if contract.task == "regression" else model.predict_proba(frame)
    if contract.task == "regression":
        return found
    known = list(model.classes_)
    zero = np.zeros(len(frame))
    return np.column_stack([found[:, known.index(label)] if label in known else zero for label in contract.classes])


def _threads(rows: int) -> AbstractContextManager:
    """Return a context that gives a small table one thread: more would mostly wait for each other."""
    return _controller().limit(limits=1) if rows < MANY_ROWS else nullcontext()


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks for libraries on disk, so once is enough


def nominal(contract: Contract) -> list[str]:
    """Return the features whose values are names, not amounts: text, and what has named categories."""
    return [feature.name for feature in contract.features if feature.type == "string" or feature.categories]
