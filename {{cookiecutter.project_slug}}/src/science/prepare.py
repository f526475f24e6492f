"""First step: check the raw data against its schema, hold rows out, and describe what was found.

python -m science.prepare --raw data/raw --schema data/schema.yml --facts project.yml --split S --quality Q
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import yaml

from science import data, plots, step
from science.contract import Contract, Feature, positive_of
from science.leaks import leaks
from science.quality import ROWS, constant_columns, describe, ranking
from science.schema import Schema, check, sentences
from science.split import FEWEST_OF_A_CLASS, copies_across, held_out, rule_of
from science.step import DataError
from science.units import too_few

# What project.yml need not say; `tdsp.project` has the same.
SPLIT = {"test_fraction": 0.2, "seed": 42}
GATE = {"confidence": 0.95, "group_min_rows": 20}


def prepare(raw: Path, schema: Path, facts: Path, split: Path, quality: Path) -> None:
    """Validate the data and split it.

    Args:
        raw: Folder of the data file.
        schema: What the data must look like (data/schema.yml).
        facts: The project's facts (project.yml).
        split: Folder to write: train.parquet, test.parquet and contract.json.
        quality: Folder to write: quality.json and plots; quality.json also when the data fails its schema.

    Raises:
        DataError: the data fails its schema, or cannot be split.
    """
    known = yaml.safe_load(facts.read_text(encoding="utf-8"))
    expected = Schema.load(schema)
    agree(known, expected)
    file = raw / known["data"]["file"]
    frame = data.read_for(file, expected)
    checks = check(frame, expected)
    report = {
        "passed": all(item["passed"] for item in checks),
        "rows": len(frame),
        "columns": frame.shape[1],
        "checks": checks,
    }
    if not report["passed"]:
        with step.output(quality) as folder:
            step.write_json(folder / "quality.json", report)
        failures = sentences(checks)
        head = f"{file.name} fails {len(failures)} check(s) of {schema.name} (rows count from 1, below the header):"
        raise DataError("\n  ".join([head, *failures]))

    frame = data.typed(frame, expected)
    test = _hold_out(frame, known)
    contract = _contract(frame, test, known, expected, file)
    with step.output(quality) as folder:
        report |= _description(frame, test, contract)
        step.write_json(folder / "quality.json", report)
        plots.target(frame.loc[~test], contract, folder / "target.png")
        plots.variables(frame.loc[~test], contract, folder / "variables.png")
    with step.output(split) as folder:  # all columns: the champion may need one that is excluded by now
        frame.loc[~test].to_parquet(folder / "train.parquet")
        frame.loc[test].to_parquet(folder / "test.parquet")
        contract.save(folder)
    print(f"{len(frame)} rows pass {len(checks)} checks; {contract.rows['test']} of them are held out")
    for name, count in report["duplicates"].items():
        if count:
            print(f"warning: {count} {name.replace('_', ' ')}: see quality.json")
    if few := too_few(frame.loc[test], contract.time, contract.group):
        print(f"warning: {few}")
    for leak in report["leaks"]:
        print(f"warning: {leak['message']}")


def agree(known: dict, expected: Schema) -> None:
    """Raise if the facts name a column that the schema does not have, or leave nothing to learn from."""
    facts = known["data"]
    for key in ("target", "time", "group", "exclude", "sensitive"):
        names = facts.get(key) or []
        for name in [names] if isinstance(names, str) else names:
            if name not in expected.columns:
                raise DataError(f"project.yml: data.{key} names {name!r}, a column that the schema does not have")
    if facts.get("time") and expected.columns[facts["time"]].type not in ("datetime", "integer", "float"):
        raise DataError(f"project.yml: data.time names {facts['time']!r}, which is text and has no order in time")
    if expected.columns[facts["target"]].nullable:
        raise DataError(f"schema: {facts['target']} is the target and must have `nullable: false`")
    if not expected.for_model(facts):
        raise DataError("project.yml: every column but the target is excluded, so there is nothing to learn from")


def _hold_out(frame: pd.DataFrame, known: dict) -> pd.Series:
    """Split by the facts, and see that both sides can be used."""
    facts = known["data"]
    test = held_out(frame, *split_of(known))
    target = frame[facts["target"]]
    if known["task"] == "regression":
        if not pd.api.types.is_numeric_dtype(target):
            raise DataError(f"{target.name}: a regression needs a number as its target")
    else:
        for side, rows, fewest in (("training", ~test, FEWEST_OF_A_CLASS), ("held-out", test, 1)):
            counts = target[rows].value_counts().reindex(target.unique(), fill_value=0)
            if len(counts) < 2:
                raise DataError(f"{target.name}: all rows are {counts.index[0]!r}, so there is nothing to tell apart")
            if counts.min() < fewest:
                few = f"{counts.min()} of the {side} rows are {counts.idxmin()!r}, at least {fewest} are needed"
                raise DataError(f"{target.name}: {few}; merge or drop rare classes, or choose another split")
        if facts.get("positive") is not None and target.nunique() > 2:
            classes = f"{target.name} has {target.nunique()} classes"
            raise DataError(f"project.yml: data.positive is for two classes, {classes}: set it to null")
        if facts.get("positive") is not None and facts["positive"] not in set(target.unique()):
            raise DataError(f"project.yml: data.positive is {facts['positive']!r}; {target.name} never has this value")
    return test


def split_of(known: dict) -> tuple[str, float, int, str | None]:
    """Return what `held_out` asks for: strategy, fraction and seed of the split, and the column that it goes by."""
    facts, rule = known["data"], known["split"]
    rule = {**SPLIT, **rule}
    by = {"stratified": facts["target"], "group": facts.get("group"), "time": facts.get("time")}.get(rule["strategy"])
    return rule["strategy"], rule["test_fraction"], rule["seed"], by


def _contract(frame: pd.DataFrame, test: pd.Series, known: dict, expected: Schema, file: Path) -> Contract:
    """Write down what the rows are."""
    facts = known["data"]
    classes = None
    positive = facts.get("positive")
    if known["task"] == "classification":
        classes = sorted(frame[facts["target"]].unique().tolist())
        positive = positive_of(classes) if positive is None else positive
    return Contract(
        task=known["task"],
        target=facts["target"],
        positive=positive,
        classes=classes,
        metric=known["metric"],
        features=[
            Feature(name, column.type, column.categories, column.minimum, column.maximum, column.nullable)
            for name in expected.for_model(facts)
            for column in [expected.columns[name]]
        ],
        sensitive=facts.get("sensitive", []),
        time=facts.get("time"),
        group=facts.get("group"),
        seed={**SPLIT, **known["split"]}["seed"],
        **{key: known["gate"].get(key, value) for key, value in GATE.items()},
        rows={"train": int((~test).sum()), "test": int(test.sum())},
        data={
            "file": file.name,
            "sha256": data.sha256_of(file),
            "rows": len(frame),
            "columns": frame.shape[1],
        },
        split=rule_of(frame, *split_of(known)),
    )


def _description(frame: pd.DataFrame, test: pd.Series, contract: Contract) -> dict:
    """Return what quality.json says beyond the checks. Only training rows are set against the target."""
    train = frame.loc[~test]
    groups = frame[contract.group] if contract.group else pd.Series(dtype=object)
    ranked = ranking(train[contract.names], train[contract.target], contract.task, contract.seed)
    some = train.sample(min(ROWS, len(train)), random_state=contract.seed)
    found = leaks(some[contract.names], some[contract.target], contract.task, ranked)
    return {
        "duplicates": {
            "rows": int(frame.duplicated().sum()),
            # To the model: rows that differ in other columns only, an identifier say, may be on both sides.
            "across_split": copies_across(frame[[*contract.names, contract.target]], test),
            "groups_across_split": int(groups[test].drop_duplicates().isin(groups[~test]).sum())
            if contract.group
            else 0,
        },
        "constant_columns": constant_columns(frame),
        "variables": [describe(frame[name]) for name in frame if name != contract.target],
        "target": describe(frame[contract.target]),
        "ranking": ranked,
        "leaks": [{"kind": kind, "columns": columns, "message": message} for kind, columns, message in found],
    }


if __name__ == "__main__":
    step.run(prepare)
