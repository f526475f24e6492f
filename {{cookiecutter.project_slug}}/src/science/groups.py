"""How well the model does in each group of a sensitive column."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from science.contract import Contract
from science.metrics import METRICS, Rows

MANY = 10  # a number with more values than this is cut at its quartiles


def by_group(contract: Contract, frame: pd.DataFrame, rows: Rows) -> list[dict]:
    """Return the project's metric in each group of each sensitive column.

    Groups with fewer rows than the contract's `group_min_rows`, or in which the metric does not exist, are
    reported but marked as not judged.
    """
    metric = METRICS[contract.metric]
    found = []
    for column in contract.sensitive:
        names = group_names(frame[column])
        for name in sorted(names.unique(), key=_natural):
            inside = (names == name).to_numpy()
            value = metric.value(Rows(rows.truth[inside], rows.predicted[inside], rows.positive))
            count = int(inside.sum())
            judged = count >= contract.group_min_rows and bool(np.isfinite(value))
            found.append({"column": column, "value": name, "rows": count, "metric_value": value, "judged": judged})
    return found


def group_names(values: pd.Series) -> pd.Series:
    """Return the name of each row's group: a value, a quarter of a number with many values, or `missing`."""
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if (number or pd.api.types.is_datetime64_any_dtype(values)) and values.nunique() > MANY:
        quarters = pd.qcut(values, 4, duplicates="drop")
        said = _said({edge for part in quarters.cat.categories for edge in (part.left, part.right)})
        names = quarters.map(lambda part: f"{said[part.left]} to {said[part.right]}")
    else:
        names = values.map(_said(values.dropna().unique()))
    return names.astype(object).where(values.notna(), "missing")


def _said(values: Iterable) -> dict:
    """Return each value as text: as short as tells them apart, so that no two groups get one name."""
    values = list(values)
    for digits in range(4, 18):
        said = [_short(value, digits) for value in values]
        if len(set(said)) == len(values):
            break
    return dict(zip(values, said, strict=True))


def _short(value: object, digits: int) -> str:
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if digits == 4 else value.isoformat(" ")
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.{digits}g}"
    return str(value)


def _natural(name: str) -> tuple:
    """Sort numbers by size, the rest by letter."""
    first = name.split(" to ")[0]
    try:
        return (0, float(first), name)
    except ValueError:
        return (1, 0.0, name)
