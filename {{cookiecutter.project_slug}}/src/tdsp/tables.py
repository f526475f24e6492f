"""Look at a table file without loading it: its columns, and the rows of a CSV one by one.

The rules for CSV are those of `science.data`, which reads the same files whole: UTF-8 (or UTF-16 with its
mark), the first line names the columns, the separator is the one of `, ; tab |` that splits it most, and numbers may
have decimal commas where another mark separates. A test reads the same files both ways.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tdsp.errors import WrongInput

CSV = (".csv", ".tsv", ".txt")
PARQUET = ".parquet"
SEPARATORS = ",;\t|"
NULLS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null")  # what an empty cell may look like


def columns(file: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises:
        WrongInput: it is no CSV or Parquet file, is empty, or has columns without a name or with the same
        name.
    """
    suffix = file.suffix.lower()
    if suffix not in (*CSV, PARQUET):
        raise WrongInput(f"{file}: give a CSV or Parquet file, with a name that ends in .csv or .parquet")
    if not file.is_file():
        raise WrongInput(f"{file}: {'is a folder; give the file in it' if file.is_dir() else 'there is no such file'}")
    if file.stat().st_size == 0:
        raise WrongInput(f"{file}: the file is empty")
    names = _parquet_columns(file) if suffix == PARQUET else next(csv_rows(file), [])
    nameless = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if nameless or not names:
        raise WrongInput(
            f"{file}: column {', '.join(nameless) or 1} has no name; the first line must name every column"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise WrongInput(
            f"{file}: more than one column is called {', '.join(map(repr, twice))}; rename them in the file"
        )
    return names


def csv_rows(file: Path) -> Iterator[list[str]]:
    """Yield the lines of a CSV file as lists of cells, the header first; the file is closed when they end.

    Raises:
        WrongInput: it is not text, or not CSV.
    """
    with _as_input_errors(file):
        encoding, separator = _format(file)
        with file.open(encoding=encoding, newline="") as stream:
            yield from csv.reader(stream, delimiter=separator)


def decimal_mark(file: Path) -> str:
    """Return the mark between a number's whole part and its fraction in a CSV file, judged by its first lines.

    Raises:
        WrongInput: it is not text, or not CSV.
    """
    with _as_input_errors(file):
        encoding, separator = _format(file)
        with file.open(encoding=encoding, newline="") as stream:
            head = list(islice(stream, 100))
        cells = [cell for row in csv.reader(head[1:], delimiter=separator) for cell in row]
    comma = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)
    point = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    return "," if comma and not point and separator != "," else "."  # "1,234" may be a thousand


def _format(file: Path) -> tuple[str, str]:
    """Return encoding and separator of a CSV file."""
    with file.open("rb") as stream:
        start = stream.read(4096)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if b"\0" in start and encoding != "utf-16":
        raise WrongInput(f"{file}: not a CSV file but binary data")
    with file.open(encoding=encoding, newline="") as stream:
        first = stream.readline()
    return encoding, max(SEPARATORS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))


@contextlib.contextmanager
def _as_input_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        raise WrongInput(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8 (Excel: CSV UTF-8)") from None
    except csv.Error as error:
        raise WrongInput(f"{file}: not CSV ({error})") from None
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}") from None


def _parquet_columns(file: Path) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    try:
        return parquet.read_schema(file).names
    except (pyarrow.ArrowException, OSError) as error:
        raise WrongInput(f"{file}: not a Parquet file ({str(error).splitlines()[0]})") from None
