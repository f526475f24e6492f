"""Read a CSV or Parquet file into a table, and give each column the type its schema names."""

from __future__ import annotations

import csv
import hashlib
import re
import warnings
from pathlib import Path

import pandas as pd

from science.schema import Schema, to_datetime
from science.step import DataError

# What an empty cell may look like. "None" is not among them: it is a category in many tables.
NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null")
UNUSABLE = ("bytes", "mixed", "complex", "period", "interval", "timedelta", "timedelta64", "time")  # of Parquet
WHOLE = 2**53  # the first whole number that a float may mistake for its neighbour
SEPARATORS = ",;\t|"


def read(file: Path, text: dict[str, list[str]] | None = None) -> pd.DataFrame:
    """Read a table; its index counts rows from 1 below the header, and has no name that a column might have too.

    A CSV file must be UTF-8 (or UTF-16 with its mark); comma, semicolon, tab and bar are recognised as
    separators, and decimal commas where semicolons separate.

    Args:
        file: `.csv`, `.tsv`, `.txt` or `.parquet`.
        text: Columns to keep as text whatever they look like, and values in them that are not nulls.

    Raises:
        DataError: there is no such file, or it cannot be read as a table.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist; put the data there, or see `data.file` in project.yml")
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        frame = _read_parquet(file)
    elif suffix in (".csv", ".tsv", ".txt"):
        frame = _read_csv(file, text or {})
    else:
        raise DataError(f"{file.name} is neither CSV nor Parquet by its name: use .csv or .parquet")
    if frame.empty:
        raise DataError(f"{file.name} has no rows")
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise DataError(f"{file.name} is not a Parquet file: {str(error).splitlines()[0]}") from None
    if frame.index.names != [None]:
        frame = frame.reset_index()  # a named index is a column
    frame.columns = frame.columns.map(str)
    kinds = {name: pd.api.types.infer_dtype(frame[name], skipna=True) for name in frame}
    if unusable := ", ".join(f"{name} ({kind})" for name, kind in kinds.items() if kind in UNUSABLE):
        told = f"columns of these kinds cannot be read: {unusable}; drop them, or make them numbers"
        raise DataError(f"{file.name}: {told}")
    return pd.DataFrame({name: _plain(frame[name], kind) for name, kind in kinds.items()})


def _plain(values: pd.Series, kind: str) -> pd.Series:
    """Return a Parquet column of a kind, as pandas infers it, in the few types of a CSV file, and dates."""
    if kind in ("date", "datetime", "datetime64"):
        try:
            return pd.to_datetime(values, utc=True).dt.tz_localize(None).dt.as_unit("ns")
        except pd.errors.OutOfBoundsDatetime:
            raise DataError(f"{values.name}: has dates outside of 1678 to 2261; turn them into numbers") from None
    if kind == "integer" and values.dropna().abs().max() >= WHOLE:
        values = values.astype("Int64").astype("string")  # a name: as a number it would be mistaken for another
        return values.astype(object).where(values.notna(), None)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return pd.to_numeric(values.astype("float64") if kind == "decimal" or values.isna().any() else values)
    return values if kind == "boolean" and values.dtype == bool else values.astype(object)


def _read_csv(file: Path, text: dict[str, list[str]]) -> pd.DataFrame:
    with file.open("rb") as stream:
        utf16 = stream.read(2) in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if utf16 else "utf-8-sig"
    try:
        with file.open(encoding=encoding, newline="") as stream:
            head = [line for _, line in zip(range(100), stream, strict=False)]
        separator, decimal, names = _dialect(file, head)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # what else it would drop without a word
            return pd.read_csv(
                file,
                sep=separator,
                decimal=decimal,
                encoding=encoding,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={name: [null for null in NULLS if null not in text.get(name, [])] for name in names},
                low_memory=False,  # types are decided on whole columns
                index_col=False,
            )
    except pd.errors.ParserWarning:
        raise DataError(f"{file.name}: rows have more cells than the header names columns ({len(names)})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name} is not UTF-8 ({error.reason}): save it as UTF-8 (Excel: CSV UTF-8)") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        reason = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise DataError(f"{file.name} cannot be read as CSV: {reason}") from None


def _dialect(file: Path, head: list[str]) -> tuple[str, str, list[str]]:
    """Return separator, decimal mark and column names, judged by the first lines."""
    if not head or not head[0].strip():
        raise DataError(f"{file.name} has no header: the first line must name the columns")
    counts = {mark: len(next(csv.reader([head[0]], delimiter=mark))) for mark in SEPARATORS}
    separator = max(counts, key=counts.get)
    names = next(csv.reader(head, delimiter=separator))
    if "" in names:
        raise DataError(f"{file.name}: column {names.index('') + 1} has no name")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{file.name}: more than one column is called {', '.join(twice)}")
    cells = [cell for row in csv.reader(head[1:], delimiter=separator) for cell in row]
    comma = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)
    point = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    decimal = "," if comma and not point and separator != "," else "."  # "1,234" may be a thousand
    return separator, decimal, names


def read_for(file: Path, schema: Schema) -> pd.DataFrame:
    """Read a table whose text columns, by its schema, are to stay text ("007" is not 7)."""
    text = {name: column.categories or [] for name, column in schema.columns.items() if column.type == "string"}
    return read(file, text)


def typed(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Return the columns of the schema in its order and types; `frame` must have passed the schema's checks.

    Whole numbers and booleans with missing values become floats, as pandas has nothing better that every tool
    reads.
    """
    return pd.DataFrame({name: _typed(frame[name], column.type) for name, column in schema.columns.items()})


def _typed(values: pd.Series, kind: str) -> pd.Series:
    if kind == "datetime":
        return to_datetime(values)
    if kind == "string":
        return values.astype(object).where(values.notna(), None)
    if kind == "boolean":
        values = values.map({True: 1, False: 0, "True": 1, "False": 0, "true": 1, "false": 0})
    numbers = pd.to_numeric(values)
    if kind == "float" or numbers.isna().any():
        return numbers.astype("float64")
    return numbers.astype("bool" if kind == "boolean" else "int64")


def sha256_of(file: Path) -> str:
    """Return the hex digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
