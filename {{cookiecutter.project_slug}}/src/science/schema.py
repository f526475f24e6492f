"""`data/schema.yml`: what the data must look like, as a file people edit and as the checks pandera runs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import yaml

from science.step import DataError

TYPES = ("float", "integer", "boolean", "string", "datetime")
HEADER = """\
# What the data must look like. `tdsp run` checks every row, and stops at what breaks a rule.
# type: float, integer, boolean, string or datetime (ISO 8601). minimum and maximum are inclusive; categories
# are the only values allowed; nullable says whether a value may be missing. Edit it: you know the data."""
EXAMPLES = 5  # of the offending rows and values, per failed check


@dataclass(frozen=True)
class Column:
    """What one column must look like; `minimum` and `maximum` are inclusive."""

    type: str
    minimum: float | None = None
    maximum: float | None = None
    categories: list | None = None
    nullable: bool = False
    description: str = ""


@dataclass(frozen=True)
class Schema:
    """What a table must look like. `strict` forbids columns that are not named."""

    columns: dict[str, Column]
    strict: bool = True

    @classmethod
    def load(cls, path: Path) -> Schema:
        """Read a schema file.

        Raises:
            DataError: the file is not a schema; each fault is one line.
        """
        try:
            text = path.read_text(encoding="utf-8")
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f" at line {mark.line + 1}" if mark else ""
            raise DataError(f"{path.name} is not YAML{line}: {getattr(error, 'problem', error)}") from None
        except UnicodeDecodeError:
            raise DataError(f"{path.name} is not UTF-8 text: save it as UTF-8") from None
        except ValueError as error:  # a date that no calendar has
            raise DataError(f"{path.name} is not YAML: {error}") from None
        tree = yaml.compose(text, yaml.SafeLoader)
        try:
            faults = [*_doubled(tree), *_faults(content)] or [*_misread(tree)]
        except RecursionError:
            raise DataError(f"{path.name} is not a schema: an alias stands inside of what it names") from None
        if faults:
            raise DataError("\n  ".join([f"{path.name} is not a schema:", *faults]))
        columns = {str(name): Column(**column) for name, column in content["columns"].items()}
        return cls(columns, content.get("strict", True))

    def for_model(self, facts: dict) -> list[str]:
        """Return the columns that the model may see.

        Not the target and what is excluded; not the group, because new rows have others; of time only the
        calendar comes again, so not a time that is no date.

        Args:
            facts: target, exclude, time and group, as in `project.yml`.
        """
        unseen = {facts["target"], facts.get("group"), *(facts.get("exclude") or [])}
        time = facts.get("time")
        if time is not None and self.columns[time].type != "datetime":
            unseen.add(time)
        return [name for name in self.columns if name not in unseen]

    def to_yaml(self) -> str:
        """Return the schema as the text of a file, a line per column."""
        lines = [HEADER, "columns:"]
        for name, column in self.columns.items():
            said = {key: value for key, value in vars(column).items() if value is not None and value != ""}
            flow = yaml.safe_dump(said, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
            key = yaml.safe_dump(name, allow_unicode=True, width=10**6).removesuffix("...\n").strip()
            key = json.dumps(name) if "\n" in key else key  # a key has to be one line
            lines.append(f"  {key}: {flow.strip()}")
        lines.append(f"strict: {str(self.strict).lower()} # other columns are an error\n")
        return "\n".join(lines)


def _doubled(node: yaml.Node | None) -> Iterator[str]:
    """Yield the keys that a mapping has twice: YAML itself would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        yield from (f"{key} comes twice" for key in dict.fromkeys(keys) if keys.count(key) > 1)
        for _, value in node.value:
            yield from _doubled(value)


def _misread(tree: yaml.Node) -> Iterator[str]:
    """Yield the columns whose names YAML reads as something else: yes as true, 007 as 7."""
    names = [name for key, columns in tree.value if key.value == "columns" for name, _ in columns.value]
    for key in names:
        if key.tag.rpartition(":")[2] in ("bool", "null", "int", "float", "timestamp"):
            name = yaml.SafeLoader("").construct_object(key)
            if str(name) != key.value:
                yield f"{key.value}: YAML reads this name as {name!r}; put it in quotes"


def _faults(content: object) -> Iterator[str]:
    """Yield what keeps `content` from being a schema, a line each."""
    if not isinstance(content, dict) or not isinstance(content.get("columns"), dict) or not content["columns"]:
        yield "it needs `columns:` with at least one column"
        return
    for key in content.keys() - {"columns", "strict"}:
        yield f"unknown key {key!r}; known are columns, strict"
    if not isinstance(content.get("strict", True), bool):
        yield "strict must be true or false"
    known = [field.name for field in fields(Column)]
    for name, column in content["columns"].items():
        if not isinstance(column, dict) or column.get("type") not in TYPES:
            yield f"{name}: needs `type:` with one of {', '.join(TYPES)}"
            continue
        for key in column.keys() - set(known):
            yield f"{name}: unknown key {key!r}; known are {', '.join(known)}"
        for key in ("minimum", "maximum"):
            if column.get(key) is not None and (
                column["type"] not in ("float", "integer") or not _is_number(column[key])
            ):
                yield f"{name}: {key} must be a number, for a float or integer column"
        low, high = column.get("minimum"), column.get("maximum")
        if _is_number(low) and _is_number(high) and low > high:
            yield f"{name}: minimum {low} is above maximum {high}"
        if "categories" in column and not (isinstance(column["categories"], list) and column["categories"]):
            yield f"{name}: categories must be a list of the allowed values"
        if column["type"] == "datetime" and column.get("categories"):
            yield f"{name}: a datetime has no categories; make it a string, or leave them out"
        if not isinstance(column.get("nullable", False), bool):
            yield f"{name}: nullable must be true or false"


def _is_number(value: object) -> bool:
    """Whether it is a finite number; True is not 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_of_type(values: pd.Series, kind: str) -> pd.Series:
    """Return which values can be read as `kind`; infinity is no number that a model could take."""
    if kind in ("float", "integer"):
        numbers = _numbers(values)
        return np.isfinite(numbers) & (numbers % 1 == 0) if kind == "integer" else np.isfinite(numbers)
    if kind == "boolean":
        return values.isin([True, False, "True", "False", "true", "false"])
    if kind == "datetime":
        return to_datetime(values).notna()
    return values.map(lambda value: isinstance(value, str)).astype(bool)


def to_datetime(values: pd.Series) -> pd.Series:
    """Read ISO 8601 dates and times, as UTC without a zone; what cannot be read becomes null."""
    if values.dtype == object:  # pandas takes these words for a time, another one in each run
        words = values.map(lambda value: isinstance(value, str) and value.strip().lower() in ("now", "today"))
        values = values.mask(words.astype(bool))
    return pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)


def _rules(column: Column) -> dict[str, Callable[[pd.Series], pd.Series]]:
    """Return the checks of a column by name: each tells which of the values, none of them null, pass."""
    rules = {f"type {column.type}": lambda values: is_of_type(values, column.type)}
    if column.minimum is not None:
        rules[f"at least {column.minimum}"] = lambda values: ~(_numbers(values) < column.minimum)
    if column.maximum is not None:
        rules[f"at most {column.maximum}"] = lambda values: ~(_numbers(values) > column.maximum)
    if column.categories:
        shown = ", ".join(map(str, column.categories[:10])) + (", …" if len(column.categories) > 10 else "")
        rules[f"one of {shown}"] = lambda values: values.isin(column.categories)
    return rules


def _numbers(values: pd.Series) -> pd.Series:
    """Return numbers, and null for what is none; True is not 1."""
    if values.dtype.kind in "iuf":
        return values
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers.mask(values.map(lambda value: isinstance(value, bool | np.bool_)).astype(bool))


def check(frame: pd.DataFrame, schema: Schema) -> list[dict]:
    """Run every check on every row.

    Returns:
        One entry per check: column, check, passed, failures (rows), examples. Rows count from 1 below the
        header.
    """
    failed = _failures(frame, schema)
    report = []
    for name, column in schema.columns.items():
        names = ["present", *([] if column.nullable else ["no missing values"]), *_rules(column)]
        report += [(name, check) for check in names]
    report += [
        (str(name), "named in the schema") for name in frame.columns if schema.strict and name not in schema.columns
    ]
    return [
        {"column": name, "check": check, "passed": not failures, "failures": failures, "examples": examples}
        for name, check in report
        for failures, examples in [failed.get((name, check), (0, []))]
    ]


def _failures(frame: pd.DataFrame, schema: Schema) -> dict[tuple[str, str], tuple[int, list[dict]]]:
    """Return what fails: (column, check) to the number of offending rows and the first of them.

    pandera runs the checks; each notes its own failures, because pandera's list has an entry per offending row.
    """
    found: dict[tuple[str, str], tuple[int, list[dict]]] = {}

    def noting(name: str, check: str, rule: Callable[[pd.Series], pd.Series], gaps: bool) -> pa.Check:
        def passes(values: pd.Series) -> bool:
            values = values if gaps else values.dropna()
            bad = values[~rule(values).to_numpy(dtype=bool)]
            if len(bad):
                some = [{"row": int(row) + 1, "value": value} for row, value in bad.head(EXAMPLES).items()]
                found[name, check] = len(bad), some
            return bad.empty

        return pa.Check(passes, name=check, error=check, ignore_na=False)

    columns = {
        name: pa.Column(
            checks=[
                *([] if column.nullable else [noting(name, "no missing values", pd.Series.notna, gaps=True)]),
                *(noting(name, check, rule, gaps=False) for check, rule in _rules(column).items()),
            ],
            nullable=True,  # gaps are one of the checks
        )
        for name, column in schema.columns.items()
    }
    about_table = {"column_in_dataframe": "present", "column_in_schema": "named in the schema"}
    try:
        pa.DataFrameSchema(columns, strict=schema.strict).validate(frame.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as error:
        for case in error.failure_cases.itertuples():
            if case.check in about_table:
                found[str(case.failure_case), about_table[case.check]] = 1, [{"row": None, "value": None}]
            elif (str(case.column), case.check) not in found:
                raise RuntimeError(f"{case.column}: {case.check} could not be run: {case.failure_case}") from None
    return found


def sentences(checks: list[dict]) -> list[str]:
    """Return one line for each failed check: what, how many rows, and the first of them."""
    lines = []
    for item in checks:
        if item["passed"]:
            continue
        if item["check"] == "present":
            lines.append(f"{item['column']}: the column is missing")
        elif item["check"] == "named in the schema":
            lines.append(f"{item['column']}: the schema knows no such column")
        else:
            gap = item["check"] == "no missing values"
            what = "missing" if gap else f"not {item['check']}"
            shown = ", ".join(
                f"row {example['row']}" + ("" if gap else f": {example['value']!r}") for example in item["examples"]
            )
            more = ", …" if item["failures"] > len(item["examples"]) else ""
            lines.append(f"{item['column']}: {what} in {item['failures']} row(s) ({shown}{more})")
    return lines
