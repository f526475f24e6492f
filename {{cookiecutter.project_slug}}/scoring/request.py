"""Turn the body of a request, or columns of a file, into the model's table, or say in one sentence what is wrong.

The rules are those of the training data (`contract.json`, made from `data/schema.yml`). A value outside its
range or categories is refused, not scored: the training data was held to the same rule, so the model knows
nothing about such a value, and a wrong unit would otherwise give a plausible number. A rule that is too
narrow belongs changed in the schema, and the model trained again. One bad row refuses the whole request: an
answer always has one prediction per row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

MAX_ROWS = 100_000  # in one request; more belongs in several, or in a batch endpoint
MAX_BYTES = 64 * 2**20
SHOWN = 3  # mistakes told in one answer; the rest is counted

WANTED = {
    "boolean": "true or false",
    "datetime": "a date or time as text, like 2026-01-31 or 2026-01-31T08:00:00",
    "float": "a number",
    "integer": "a whole number",
    "string": "text",
}
JSON_TYPES = {
    "boolean": {bool},
    "datetime": {str},
    "float": {int, float},
    "integer": {int, float},  # 3.0 is a whole number: JSON does not tell the two apart
    "string": {str},
}
NULL = type(None)


class RequestError(Exception):
    """The request cannot be answered; the message is one sentence and `status` the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class _Mistakes:
    """Counts every mistake and keeps the first few; rows count from 1, after `before` others."""

    def __init__(self, before: int = 0) -> None:
        self.before, self.count = before, 0
        self.first: list[tuple[int, str]] = []

    def add(self, rows: Iterable[int], text: Callable[[int], str]) -> None:
        """Note a mistake in each of `rows` (positions); `text` describes one."""
        rows = list(rows)
        self.count += len(rows)
        self.first += [(row, text(row)) for row in rows[:SHOWN]]

    def stop(self) -> None:
        """Raise `RequestError` if there was a mistake."""
        if self.count:
            told = [f"row {self.before + row + 1}: {text}" for row, text in sorted(self.first)[:SHOWN]]
            rest = self.count - len(told)
            raise RequestError("; ".join(told) + (f"; and {rest:,} more" if rest else ""))


def rows_of(body: bytes, contract: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of a request with the model's columns, in its order and types.

    Args:
        body: the request as sent, JSON `{"data": [{column: value, …}, …]}`.
        contract: the model's `contract.json`; `features` is used.

    Raises:
        RequestError: with the first mistakes by row and column, and the number of the others.
    """
    rows = _parse(body)
    names = [feature["name"] for feature in contract["features"]]
    mistakes = _Mistakes()
    _check_keys(rows, names, mistakes)
    mistakes.stop()
    return table_of({name: [row[name] for row in rows] for name in names}, contract)


def table_of(columns: dict[str, list], contract: dict[str, Any], before: int = 0) -> pd.DataFrame:
    """Return columns of plain values (those of JSON) as the model's table.

    Args:
        columns: name -> values, one for each row.
        contract: the model's `contract.json`; `features` is used.
        before: rows of the same file that came before these, for the messages.

    Raises:
        RequestError: a column is missing, or the first mistakes by row and column, and the number of the others.
    """
    features = contract["features"]
    missing = [feature["name"] for feature in features if feature["name"] not in columns]
    if missing:
        raise RequestError(f"column {', '.join(map(repr, missing))} is missing")
    mistakes = _Mistakes(before)
    table = {feature["name"]: _column(feature, columns[feature["name"]], mistakes) for feature in features}
    mistakes.stop()
    return pd.DataFrame(table)


def _parse(body: bytes) -> list:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not body.strip() else str(error)
        raise RequestError(f"the request is not JSON: {reason}") from None
    if not isinstance(content, dict) or set(content) != {"data"}:
        raise RequestError('the request must be an object with one key, "data": {"data": [{column: value, …}, …]}')
    rows = content["data"]
    if not isinstance(rows, list):
        raise RequestError('"data" must be a list of rows: {"data": [{column: value, …}, …]}')
    if not rows:
        raise RequestError('"data" is empty; send at least one row')
    if len(rows) > MAX_ROWS:
        raise RequestError(f"{len(rows):,} rows in one request, at most {MAX_ROWS:,}; send them in parts", status=413)
    return rows


def _check_keys(rows: list, names: list[str], mistakes: _Mistakes) -> None:
    expected = dict.fromkeys(names).keys()
    odd = [row for row, values in enumerate(rows) if type(values) is not dict or values.keys() != expected]
    mistakes.add(
        (row for row in odd if type(rows[row]) is not dict),
        lambda row: f"{_show(rows[row])} is not an object like {{column: value, …}}",
    )
    objects = [row for row in odd if type(rows[row]) is dict]
    for name in names:
        mistakes.add(
            (row for row in objects if name not in rows[row]),
            lambda _, n=name: f"column {n!r} is missing",
        )
    for row in objects:
        for name in sorted(rows[row].keys() - expected):
            mistakes.add([row], lambda _, n=name: f"column {_show(n)} is not one the model knows")


def _column(feature: dict[str, Any], values: list, mistakes: _Mistakes) -> Any:
    """Return the values of one column as an array, and note what is wrong with them."""
    name, kind = feature["name"], feature["type"]
    told: set[int] = set()

    def note(rows: Iterable[int], text: Callable[[int], str]) -> None:
        fresh = [int(row) for row in rows if row not in told]
        told.update(fresh)
        mistakes.add(fresh, lambda row: f"column {name!r}: {text(row)}")

    types = set(map(type, values))
    if NULL in types and not feature["nullable"]:
        note((row for row, value in enumerate(values) if value is None), lambda _: "null is not allowed")
    if types - JSON_TYPES[kind] - {NULL}:
        fitting = JSON_TYPES[kind] | {NULL}
        wrong = (row for row, value in enumerate(values) if type(value) not in fitting)
        note(wrong, lambda row: f"{_show(values[row])} is not {WANTED[kind]}")
    clean = [None if row in told else value for row, value in enumerate(values)] if told else values

    if kind in ("boolean", "string"):
        array = _booleans(clean) if kind == "boolean" else _texts(clean)
    else:
        array = {"datetime": _times, "float": _floats, "integer": _integers}[kind](clean, note)
    if feature["categories"] is not None:
        known = set(feature["categories"])
        strange = (row for row, value in enumerate(clean) if value is not None and value not in known)
        note(strange, lambda row: f"{_show(values[row])} is not one of {_some(feature['categories'])}")
    for limit, beyond, word in (("minimum", np.less, "below"), ("maximum", np.greater, "above")):
        if feature[limit] is not None and kind in ("datetime", "float", "integer"):
            bound = pd.Timestamp(feature[limit]) if kind == "datetime" else feature[limit]
            outside = np.flatnonzero(beyond(array, bound))
            note(outside, lambda row, w=word, at=limit: f"{_show(values[row])} is {w} {feature[at]}")
    return array


def _floats(values: list, note: Callable) -> np.ndarray:
    """Return float64, null as NaN; `NaN`, `Infinity` and numbers too large for a float are mistakes."""
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:  # a whole number of more than 308 digits
        array = np.array([np.inf if isinstance(v, int) and abs(v) > 2**1000 else v for v in values], dtype=np.float64)
    if not np.isfinite(array).all():
        bad = (row for row in np.flatnonzero(~np.isfinite(array)) if values[row] is not None)
        note(bad, lambda row: f"{_show(values[row])} is not a finite number")
    return array


def _integers(values: list, note: Callable) -> np.ndarray:
    """Return int64, or float64 with NaN where there are nulls, as `science.data` does."""
    array = _floats(values, note)
    odd = np.flatnonzero(np.isfinite(array) & ((array != np.floor(array)) | (np.abs(array) >= 2.0**63)))
    note(odd, lambda row: f"{_show(values[row])} is not {WANTED['integer']} of at most 64 bits")
    if len(odd) or not np.isfinite(array).all():
        return array
    return np.array(values, dtype=np.int64)


def _times(values: list, note: Callable) -> pd.Series:
    """Return UTC times without a zone; a time without one is taken as UTC."""
    clocks = ("now", "today")  # pandas takes these words for a time, another one in each request
    texts = [None if isinstance(value, str) and value.strip().lower() in clocks else value for value in values]
    times = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", errors="coerce", utc=True)
    bad = (row for row in np.flatnonzero(times.isna()) if values[row] is not None)
    note(bad, lambda row: f"{_show(values[row])} is not {WANTED['datetime']}")
    return times.dt.tz_localize(None)


def _booleans(values: list) -> np.ndarray:
    """Return bool, or float64 with NaN where there are nulls, as `science.data` does."""
    return np.array(values, dtype=np.float64 if None in values else bool)


def _texts(values: list) -> np.ndarray:
    """Return the text as it is, null as None."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _show(value: Any) -> str:
    """Return a value as JSON, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _some(values: list) -> str:
    shown = ", ".join(_show(value) for value in values[:8])
    return shown if len(values) <= 8 else f"{shown} and {len(values) - 8} others"
