"""Guess the type, range and categories of the columns of a table that nobody has described yet."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from science import data
from science.leaks import Finding
from science.schema import Column, Schema, to_datetime
from science.step import ArgumentError, DataError

FEW_TEXTS = 50  # a text column with at most so many values, each common, gets them as categories
FEW_WHOLE_NUMBERS = 10  # a target of at most so many different whole numbers is taken for classes
MANY_CLASSES = 100
YES = {"yes", "y", "true", "t", "1", "positive", "pos", "present", "bad", "fail", "failed", "failure"}
NO = {"no", "n", "false", "f", "0", "negative", "neg", "absent", "none", "good", "ok", "normal", "healthy", "pass"}
ISO_DATE = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?"
GAPS = [word for word in data.NULLS if word]
CODE = r"0\d"  # how a cell of digits begins that is no number: "007"

Gaps = dict[str, dict[str, int]]  # column -> word -> how often


def read(file: Path) -> tuple[pd.DataFrame, Gaps]:
    """Read a table; digits that begin with a zero, or are too many for a number to hold, stay text.

    Returns:
        The table, and how often which words in its texts were read as a gap.
    """
    frame = data.read(file)
    if file.suffix.lower() == ".parquet":
        return frame, {}
    content = file.read_bytes()
    numbers = [name for name in frame if _is_whole(frame[name])]
    if numbers and _has_cell(content, rf"({CODE}|-?\d{{16}})"):
        texts = data.read(file, text={name: [] for name in numbers})
        codes = [name for name in numbers if _are_names(texts[name].dropna(), frame[name])]
        frame[codes] = texts[codes]
    words = [name for name in frame if kind_of(frame[name]) == "string"]
    if not words or not _has_cell(content, rf"({'|'.join(map(re.escape, GAPS))})(?![^,;\t|\"\n\r])"):
        return frame, {}
    texts = data.read(file, text=dict.fromkeys(words, GAPS))
    return frame, {name: texts[name][texts[name].isin(GAPS)].value_counts().to_dict() for name in words}


def _are_names(texts: pd.Series, numbers: pd.Series) -> bool:
    """Tell names written in digits from numbers."""
    too_long = numbers.abs().max() >= data.WHOLE and texts.str.fullmatch(r"-?\d+").all()
    return too_long or texts.str.match(CODE).any()


def _has_cell(content: bytes, pattern: str) -> bool:
    """Whether any cell may begin like that: to read all of them as text once more takes long."""
    utf16 = b"\0" in content[:100]
    return utf16 or re.search(rf"[,;\t|\"\n\r]{pattern}".encode(), content) is not None


def spelled_gaps(gaps: Gaps, schema: Schema) -> Iterator[Finding]:
    """Tell the words that were read as a gap and may be values: NA is the code of Namibia."""
    for name, words in gaps.items():
        way = "write it another way in the file"
        if schema.columns[name].categories:
            way = "add it to the categories in data/schema.yml"
        for word, count in words.items():
            told = f"{name} has {count} times {word!r}, which is read as missing: if it is one of the values, {way}"
            yield "gap-word", [name], told


def task_of(target: pd.Series) -> str:
    """Tell a regression from a classification: few different values, or text, are classes."""
    kind = kind_of(target)
    if kind == "datetime":
        raise DataError(f"{target.name}: a date cannot be the target; use the number of days to it")
    few = kind == "integer" and target.nunique() <= FEW_WHOLE_NUMBERS
    return "classification" if kind in ("string", "boolean") or few else "regression"


def positive_of(target: pd.Series) -> str | int | bool | None:
    """Tell which of two classes counts as "yes": the higher number, the one that says so, or else the rarer one."""
    counts = target.value_counts().sort_index()
    classes = counts.index.tolist()
    if len(classes) != 2:
        return None
    if isinstance(classes[0], int):  # booleans, too
        return classes[-1]
    words = [str(name).strip().casefold() for name in classes]
    for answer, said in ((YES, True), (NO, False)):
        meant = [place for place, word in enumerate(words) if word in answer]
        if len(meant) == 1:
            return classes[meant[0] if said else 1 - meant[0]]
    return counts.iloc[::-1].idxmin()  # of equals the last


def kind_of(values: pd.Series) -> str:
    """Return the schema's word for what the values of a column are; nulls do not count."""
    filled = values.dropna()
    if filled.empty:
        return "string"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "datetime"
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return "integer" if _is_whole(filled) and filled.abs().max() < data.WHOLE else "float"
    texts = pd.Series(filled.unique()).astype(str)
    if texts.isin(["True", "False", "true", "false"]).all():
        return "boolean"
    if texts.str.fullmatch(ISO_DATE).all() and to_datetime(texts).notna().all():
        return "datetime"
    return "string"


def _is_whole(values: pd.Series) -> bool:
    """Whether all values are whole numbers, in floats too, as those with gaps are."""
    number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return number and bool((values.dropna() % 1 == 0).all())


def column_of(values: pd.Series, facts: dict, task: str) -> Column:
    """Guess what a column must look like.

    Ranges are half as wide again on each side as what was seen, rounded, and never go below zero for what
    never did. A whole number gets categories only when it has two values (a flag) or is a class; the target's
    are never widened.

    Args:
        values: The column.
        facts: target, exclude, time and group, as in `project.yml`.
        task: regression or classification.

    Raises:
        DataError: the target has one value only, or too many to be classes.
    """
    kind, filled = kind_of(values), values.dropna()
    if kind == "float" and filled.abs().max() == math.inf:
        raise DataError(f"{values.name}: has infinite values; remove them, or leave those cells empty")
    nullable = len(filled) < len(values)
    name = values.name
    if name == facts["target"]:
        distinct = filled.nunique()
        if distinct < 2:
            raise DataError(f"{name}: the target is the same in all rows")
        if task == "regression" and kind not in ("integer", "float"):
            raise ArgumentError(f"{name}: a regression needs a number as its target, this is a {kind}")
        if task == "classification":
            if kind in ("float", "datetime"):
                raise DataError(f"{name}: classes are words, whole numbers or true and false, this is a {kind}")
            if distinct > MANY_CLASSES:
                like = f"texts like {str(filled.iloc[0])!r}" if kind == "string" else "values"
                told = "merge them or, if they are amounts, write plain numbers (1331.15)"
                raise DataError(f"{name}: {distinct} different {like} are too many classes; {told}")
            return Column(kind, categories=_values(filled, kind))
    if name in (*facts["exclude"], facts["time"], facts["group"]) or filled.empty:
        return Column(kind, nullable=nullable)
    if kind == "integer" and filled.nunique() == 2:
        return Column(kind, categories=_values(filled, kind), nullable=nullable)
    if kind in ("integer", "float"):
        low, high = _range(float(filled.min()), float(filled.max()), kind)
        return Column(kind, low, high, nullable=nullable)
    if kind == "string" and filled.nunique() <= min(FEW_TEXTS, len(filled) / 5):
        return Column(kind, categories=_values(filled, kind), nullable=nullable)
    return Column(kind, nullable=nullable)


def _values(filled: pd.Series, kind: str) -> list:
    if kind == "boolean":
        return [False, True]
    values = sorted(filled.unique())
    return [int(value) for value in values] if kind == "integer" else [str(value) for value in values]


def _range(low: float, high: float, kind: str) -> tuple[float, float]:
    """Widen a range and round it outward to a number people would choose."""
    spread = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(spread)) / 2
    if kind == "integer":
        step = max(1.0, step)
    bottom = math.floor((low - spread / 2) / step) * step
    top = math.ceil((high + spread / 2) / step) * step
    bottom, top = (max(0.0, bottom) if low >= 0 else bottom), (min(0.0, top) if high <= 0 else top)
    digits = max(0, -math.floor(math.log10(step)))
    bottom, top = (int(end) if end == int(end) else round(end, digits) for end in (bottom, top))
    return bottom, top
