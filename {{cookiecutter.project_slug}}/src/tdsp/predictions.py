"""What goes into batch scoring and what comes out: a folder of tables, a line of JSON for each row, one CSV file.

The lines are those of `scoring/batch.py`: `{"file", "row", "prediction"}`, with `"probabilities"` for a classification.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from tdsp import files, tables
from tdsp.errors import TdspError, WrongInput

ENDING = ".predictions.csv"  # what scoring/table.py leaves out


def folder_of(given: Path, home: Path) -> Path:
    """Return the folder to be scored: `given`, or one in `home` that holds the file `given` and nothing else.

    Raises:
        WrongInput: there is no table to score, or two files would have the same name in the answer.
    """
    if given.is_file():
        if not _is_table(given):
            raise WrongInput(f"{given}: give a CSV or Parquet file, or a folder of them")
        folder = home / files.sha256_of(given)[:16]
        if not (folder / given.name).is_file():
            with files.replace_folder(folder) as aside:
                shutil.copy(given, aside)
        return folder
    if not given.is_dir():
        raise WrongInput(f"{given} does not exist")
    names = Counter(file.name for file in given.rglob("*") if file.is_file() and _is_table(file))
    if not names:
        raise WrongInput(f"{given} holds no CSV or Parquet file to score")
    if twice := [name for name, count in names.items() if count > 1]:
        raise WrongInput(
            f"{given}: more than one file is called {', '.join(twice)}; the answer could not tell them apart"
        )
    return given


def _is_table(file: Path) -> bool:
    return file.suffix.lower() in (*tables.CSV, tables.PARQUET) and not file.name.endswith(ENDING)


def place_for(given: Path) -> Path:
    """Return where the predictions for a file or folder go: beside it."""
    return given.with_name((given.stem if given.is_file() else given.name) + ENDING)


def read(place: Path) -> list[dict[str, Any]]:
    """Return the lines for rows in a file, or in the files of a folder, ordered by file and row.

    Raises:
        TdspError: there is none, or it holds something else.
    """
    found = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    lines = []
    for file in found:
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            try:
                line = json.loads(text)
                line["file"], "skipped" in line or (line["row"], line["prediction"])
            except (ValueError, KeyError, TypeError):
                raise TdspError(f"{file.name}: line {number} is no prediction: {text[:80]}") from None
            lines += [] if "skipped" in line else [line]
    if not lines:
        raise TdspError("the job ended well and left no predictions; run the same command again")
    return sorted(lines, key=lambda line: (line["file"], line["row"]))


def answers(lines: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
    """Return for each file what an endpoint would answer for its rows."""
    found: dict[str, dict[str, list]] = {}
    for line in lines:
        answer = found.setdefault(line["file"], {"predictions": []})
        answer["predictions"].append(line["prediction"])
        if "probabilities" in line:
            answer.setdefault("probabilities", []).append(line["probabilities"])
    return found


def write(lines: list[dict[str, Any]], target: Path) -> None:
    """Write predictions as CSV with the columns file, row, prediction and `probability_CLASS`, all or nothing."""
    classes = list(lines[0].get("probabilities", {}))
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["file", "row", "prediction", *(f"probability_{name}" for name in classes)])
    for line in lines:
        shares = line.get("probabilities", {})
        rows.writerow([line["file"], line["row"], line["prediction"], *(shares[name] for name in classes)])
    files.write_text(target, out.getvalue())
