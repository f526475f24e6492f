"""Read a CSV or Parquet file part by part, as columns of the values that JSON would hold.

The rules for CSV are those of the training data: UTF-8 (or UTF-16 with its mark), the first line names the columns,
the separator is the one of `, ; tab |` that splits it most, and numbers may have decimal commas where another mark
separates. A test of the template reads the same files all ways.
"""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from request import RequestError

ROWS = 50_000  # in memory at once
CSV, PARQUET = (".csv", ".tsv", ".txt"), ".parquet"
SEPARATORS = ",;\t|"
OWN = ".predictions.csv"  # how the names of our own answers end
NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null")  # what an empty cell may look like
TRUTH = {"true": True, "false": False}


def readable(file: Path) -> bool:
    """Tell by its name whether a file is a table to score."""
    return file.suffix.lower() in (*CSV, PARQUET) and not file.name.endswith(OWN)


def parts(file: Path, features: list[dict[str, Any]]) -> Iterator[dict[str, list]]:
    """Yield the columns that are features, part by part; other columns are left out, missing ones are not there.

    Raises:
        RequestError: it cannot be read as a table, or has no rows.
    """
    known = {feature["name"]: feature for feature in features}
    rows = 0
    for part in (_parquet if file.suffix.lower() == PARQUET else _csv)(file, known):
        if count := len(next(iter(part.values()), [])):
            rows += count
            yield part
    if not rows:
        some = [*known][:5] + ["…"] * (len(known) > 5)
        raise RequestError(f"it has no rows with columns that the model takes ({', '.join(some)})")


def _csv(file: Path, known: dict[str, dict]) -> Iterator[dict[str, list]]:
    with file.open("rb") as stream:
        encoding = "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        with file.open(encoding=encoding, newline="") as stream:
            head = list(islice(stream, 100))
        separator, mark = _dialect(head)
        read = pd.read_csv(
            file,
            sep=separator,
            encoding=encoding,
            dtype=str,
            keep_default_na=False,
            index_col=False,
            chunksize=ROWS,
        )
        for chunk in _strictly(read):
            yield {name: _typed(chunk[name], known[name], mark) for name in chunk if name in known}
    except UnicodeError:
        raise RequestError("it is not UTF-8 text; save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        reason = str(error).replace("Error tokenizing data. C error: ", "").strip()
        raise RequestError(f"it cannot be read as CSV: {reason}") from None


def _strictly(chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Yield chunks; what pandas would drop with a warning is a mistake."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            yield from chunks
        except pd.errors.ParserWarning:
            raise RequestError("a row has more cells than the header") from None


def _dialect(head: list[str]) -> tuple[str, str]:
    """Return separator and decimal mark, judged by the first lines."""
    if not head:
        raise RequestError("it is empty")
    separator = max(SEPARATORS, key=lambda mark: len(next(csv.reader([head[0]], delimiter=mark), [])))
    cells = [cell for row in csv.reader(head[1:], delimiter=separator) for cell in row]
    comma = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)
    point = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    return separator, "," if comma and not point and separator != "," else "."  # "1,234" may be a thousand


def _typed(cells: pd.Series, feature: dict[str, Any], mark: str) -> list:
    """Return cells in their feature's type; one that does not look like it stays text, so that it is named."""
    empty = cells.isin([null for null in NULLS if null not in (feature["categories"] or ())])
    if feature["type"] in ("integer", "float"):
        plain = cells
        if mark == ",":  # then a point is no decimal mark, and the cell no number
            plain = cells.str.replace(".", "?", regex=False).str.replace(",", ".", regex=False)
        numbers = pd.to_numeric(plain.where(~empty), errors="coerce")
        if not (numbers.isna() & ~empty).any():
            return numbers.tolist() if not empty.any() else numbers.astype(object).where(~empty, None).tolist()
        return numbers.astype(object).where(numbers.notna(), cells).where(~empty, None).tolist()
    if feature["type"] == "boolean":
        cells = cells.map(lambda cell: TRUTH.get(cell.lower(), cell))
    return cells.astype(object).where(~empty, None).tolist()


def _parquet(file: Path, known: dict[str, dict]) -> Iterator[dict[str, list]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as source:
            names = [name for name in source.schema_arrow.names if name in known]
            for batch in source.iter_batches(ROWS, columns=names):
                yield {name: list(map(_plain, values)) for name, values in batch.to_pydict().items()}
    except (pyarrow.ArrowException, OSError) as error:
        raise RequestError(f"it is not a Parquet file: {str(error).splitlines()[0]}") from None


def _plain(value: Any) -> Any:
    """Return a value of a Parquet file as JSON would hold it."""
    if value != value or value is pd.NaT:  # NaN means null there
        return None
    if isinstance(value, dt.date):
        return value.isoformat()
    return float(value) if isinstance(value, decimal.Decimal) else value
