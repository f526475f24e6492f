"""Guess what a new table is: its schema, its dictionary, a sample request, and what looks wrong with it.

python -m science.infer --file F --target COL --schema S --dictionary D --request R --findings J
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Literal

import narwhals as nw
import pandas as pd

from science import data, step
from science.features import Features
from science.guess import column_of, positive_of, read, spelled_gaps, task_of
from science.schema import Schema
from science.split import FEWEST_ROWS
from science.step import ArgumentError, DataError
from science.suspect import suspicions

DICTIONARY = (  # the columns of the Team Data Science Process
    "Column Index",
    "Column Name",
    "Type of Variable",
    "Values (range, levels, examples, etc)",
    "Short Description",
    "Joining Keys with others datasets?",
)


def infer(
    file: Path,
    target: str,
    schema: Path,
    dictionary: Path,
    request: Path,
    findings: Path,
    task: Literal["regression", "classification"] | None = None,
    exclude: list[str] | None = None,
    time: str | None = None,
    group: str | None = None,
    sensitive: list[str] | None = None,
) -> None:
    """Write what the table seems to be; nothing is written when it cannot be used.

    Args:
        file: CSV or Parquet.
        target: The column to predict.
        schema: File to write: types, ranges, categories and nullability, to be read and edited.
        dictionary: File to write: the data dictionary.
        request: File to write: two real rows as a scoring request.
        findings: File to write: the task, the class that counts as "yes", and what to look at before trusting a model.
        task: Inferred from the target when not given.
        exclude: Columns the model must not see, as a list: '["a", "b"]'.
        time: Column that orders the rows.
        group: Column whose rows stay together.
        sensitive: Columns whose groups are looked after, as a list.

    Raises:
        ArgumentError: an argument names a column that the file does not have, or the target twice.
        DataError: the file cannot be read, or its target cannot be predicted.
    """
    facts = {
        "target": target,
        "exclude": exclude or [],
        "time": time,
        "group": group,
        "sensitive": sensitive or [],
    }
    frame, gaps = read(file)
    _agree(frame, facts)
    task = task or task_of(frame[target])
    guessed = Schema({name: column_of(frame[name], facts, task) for name in frame})
    if time is not None and guessed.columns[time].type not in ("datetime", "integer", "float"):
        raise ArgumentError(
            f"--time: {time!r} is text, which has no order in time: write dates as ISO 8601 (2026-11-21)"
        )
    frame = data.typed(frame, guessed)
    _keep_names_apart(frame, guessed, facts)
    report = suspicions(frame, guessed, facts, task)
    spelled = spelled_gaps(gaps, guessed)
    report["findings"] += [{"kind": kind, "columns": names, "message": said} for kind, names, said in spelled]
    report["positive"] = positive_of(frame[target]) if task == "classification" else None
    step.write_text(schema, guessed.to_yaml())
    step.write_text(dictionary, _dictionary(guessed, facts))
    step.write_text(request, _request(frame, guessed, guessed.for_model(facts)))
    step.write_json(findings, report)
    print(f"{len(frame)} rows, {frame.shape[1]} columns: a {task}, {len(report['findings'])} finding(s)")
    if report["positive"] is not None:
        print(f'{report["positive"]!r} counts as "yes"; set data.positive in project.yml if it should not')


def _agree(frame: pd.DataFrame, facts: dict) -> None:
    """Raise if the arguments do not fit the table."""
    for key in ("target", "time", "group", "exclude", "sensitive"):
        names = facts[key] if isinstance(facts[key], list) else [facts[key]] if facts[key] is not None else []
        for name in names:
            if name not in frame:
                raise ArgumentError(f"--{key}: there is no column {name!r}; there are {', '.join(map(str, frame))}")
            if key != "target" and name == facts["target"]:
                raise ArgumentError(f"--{key}: {name!r} is the target")
    for key in ("target", "time", "group"):
        missing = int(frame[facts[key]].isna().sum()) if facts[key] is not None else 0
        if missing:
            raise DataError(f"{facts[key]}: {missing} rows have no {key}; remove or complete them first")
    if len(frame) < FEWEST_ROWS:
        raise DataError(f"{len(frame)} rows are too few to learn from, at least {FEWEST_ROWS} are needed")


def _keep_names_apart(frame: pd.DataFrame, schema: Schema, facts: dict) -> None:
    """Raise if a date becomes a feature that is called like a column of the file."""
    for name in schema.for_model(facts):
        if schema.columns[name].type == "datetime":
            features = []
            with contextlib.suppress(nw.exceptions.ColumnNotFoundError):  # features.py is about another table still
                features = Features({name: "datetime"}).fit(frame[[name]].head()).get_feature_names_out()
            if made := sorted(set(features) & set(frame)):
                twins = ", ".join(map(repr, made))
                raise DataError(
                    f"{name}: the model makes a column {twins} of it, and the file has one: rename that one"
                )


def _dictionary(schema: Schema, facts: dict) -> str:
    """Return the data dictionary as CSV; the descriptions are left to people."""
    roles = {facts["time"]: "Orders the rows", facts["group"]: "Rows of the same value belong together"}
    roles |= dict.fromkeys(facts["exclude"], "Not for the model") | {facts["target"]: "Target"}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DICTIONARY)
    for place, (name, column) in enumerate(schema.columns.items(), start=1):
        if column.categories:
            values = ", ".join(map(str, column.categories))
        elif column.minimum is not None:
            values = f"{column.minimum} to {column.maximum}"
        else:
            values = "any"
        values += ", may be missing" if column.nullable else ""
        key = "yes" if name == facts["group"] else "no"
        writer.writerow([place, name, column.type, values, roles.get(name, ""), key])
    return text.getvalue()


def _request(frame: pd.DataFrame, schema: Schema, names: list[str]) -> str:
    """Return two rows as a scoring request, a line each: values that occur, but nobody's own together."""
    two = pd.DataFrame({name: _typical(frame[name]) for name in names})
    rows = json.loads(two.to_json(orient="records", date_format="iso", double_precision=15))
    kinds = {name: {"boolean": bool, "integer": int}.get(schema.columns[name].type) for name in names}
    for row in rows:  # with gaps, truth values and whole numbers are floats to pandas
        row.update({name: kind(row[name]) for name, kind in kinds.items() if kind and row[name] is not None})
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return f'{{\n  "data": [\n{lines}\n  ]\n}}\n'


def _typical(values: pd.Series) -> pd.Series:
    """Return a low and a high value of a column, or its two most common texts; nothing of one that is empty."""
    filled = values.dropna()
    if filled.empty:
        return pd.Series([None, None], dtype=object)
    if filled.dtype == object:
        common = filled.value_counts().index
        return pd.Series([common[0], common[min(1, len(common) - 1)]], dtype=object)
    return filled.sort_values().iloc[[len(filled) // 4, 3 * len(filled) // 4]].reset_index(drop=True)


if __name__ == "__main__":
    step.run(infer)
