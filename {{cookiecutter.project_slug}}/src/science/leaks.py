"""Columns that give the answer away: `data add` warns of them, and so does every run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from science.quality import kind_of, numbers

LEAK = 0.98  # of the scores of `quality.ranking`
ORDERED = 0.995  # of the rank correlation (Spearman 1904): the tree that ranks is blind for the tail of a skewed target
EXACT = 1 - 1e-6  # share of the target's variance that only arithmetic explains
DISTINCT = 20  # values, so that an order means something

Finding = tuple[str, list[str], str]  # kind, columns, message


def leaks(frame: pd.DataFrame, target: pd.Series, task: str, ranked: list[dict]) -> Iterator[Finding]:
    """Find columns that give the answer away: alone, renamed, or added up.

    Args:
        frame: What the model sees.
        target: What it predicts.
        task: regression or classification.
        ranked: `quality.ranking` of the columns.
    """
    guilty = [name for name in frame if _same(frame[name], target)]
    for name in guilty:
        yield "copy", [name], f"{name} is the target under another name: exclude it"
    for item in ranked:
        name = item["name"]
        if name in guilty:
            continue
        if item["score"] >= LEAK or (task == "regression" and _is_ordered_like(frame[name], target)):
            guilty.append(name)
            known = "is it known before the target is? If not, exclude it"
            yield "leak", [name], f"{name} alone predicts the target almost perfectly: {known}"
    if task == "regression":
        parts = _sum(frame.drop(columns=guilty), target)
        if parts:
            yield (
                "sum",
                parts,
                f"the target can be computed from {' and '.join(parts)}: exclude those not known before it",
            )


def _same(values: pd.Series, target: pd.Series) -> bool:
    """Tell whether each value of a column goes with one value of the target, and the other way round."""
    pairs = pd.DataFrame({"value": values, "target": target}).dropna().drop_duplicates()
    if len(pairs) < 2 or values.nunique() != target.nunique() or len(pairs) != target.nunique():
        return False
    if kind_of(target) != "float" and target.nunique() < len(target) / 2:
        return True
    if kind_of(values) not in ("float", "integer"):
        return False  # an identifier goes one to one with everything
    return abs(np.corrcoef(pairs["value"], pairs["target"])[0, 1]) > EXACT


def _is_ordered_like(values: pd.Series, target: pd.Series) -> bool:
    """Tell whether a number or a date rises or falls with the target nearly everywhere."""
    if kind_of(values) in ("string", "boolean") or values.nunique() < DISTINCT:
        return False
    ranks = pd.DataFrame({"value": numbers(values), "target": target}).dropna().rank()
    return abs(ranks["value"].corr(ranks["target"])) >= ORDERED


def _sum(frame: pd.DataFrame, target: pd.Series) -> list[str]:
    """Return the columns whose weighted sum is the target, if there are any."""
    table = frame[[name for name in frame if kind_of(frame[name]) in ("float", "integer")]].astype("float64")
    table = table.fillna(table.mean()).dropna(axis="columns")
    table = (table - table.mean()).loc[:, table.std() > 0] / table.std()[table.std() > 0]
    wanted = (target - target.mean()).to_numpy(dtype=float) / target.std()
    if not 1 < table.shape[1] < len(table) / 2:
        return []
    weights, *_ = np.linalg.lstsq(table.to_numpy(), wanted, rcond=None)
    if 1 - np.mean((wanted - table.to_numpy() @ weights) ** 2) < EXACT:
        return []
    return [name for name, weight in zip(table, weights, strict=True) if abs(weight) > 1e-3]
