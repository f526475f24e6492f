"""What looks wrong with a table before any model is trained on it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from science.leaks import Finding, leaks
from science.quality import constant_columns, kind_of, ranking
from science.schema import Schema
from science.split import FEWEST_OF_A_CLASS, copies_across, held_out
from science.step import DataError
from science.units import too_few

SEED = 42
TEST_FRACTION = 0.2
ROWS = 10_000  # rows that leaks and odd texts are looked for in: they show in any sample
SPARSE = 10  # so many times as wide as its rows are many is the range of a number that does not just count them
RARE_CLASS = 0.1
MANY_TEXTS = 250  # values of a text column that the model tells apart
NUMBER_LIKE = r"[-+]?[$€£¥]?\s?[-+]?\d{1,3}([,.' ]?\d{3})*([.,]\d+)?\s?[%€$£¥]?"
DATE_LIKE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([ T].*)?"


def suspicions(frame: pd.DataFrame, schema: Schema, facts: dict, task: str) -> dict:
    """Look for leaks, identifiers, copies and gaps.

    Args:
        frame: The table, typed as the schema says.
        schema: Of the table.
        facts: target, exclude, time and group, as in `project.yml`.
        task: regression or classification.

    Returns:
        task; strategy (of the split that fits the facts); rows; leak_rows (how many were searched for leaks);
        and findings, each with kind, columns and message (one sentence).
    """
    strategy = split_strategy(facts, task)
    seen = schema.for_model(facts)
    sample = frame.sample(min(ROWS, len(frame)), random_state=SEED)
    ranked = ranking(sample[seen], sample[facts["target"]], task, SEED)
    test, refused = _held_out(frame, facts, strategy)
    found = [
        *leaks(sample[seen], sample[facts["target"]], task, ranked),
        *_identifiers(frame[seen], ranked),
        *_columns(frame, schema, seen, facts),
        *_time_and_group(facts),
        *_copies(frame, seen, facts, test),
        *refused,
        *([] if test is None else _units(frame[test], facts)),
        *(_classes(frame[facts["target"]], test) if task == "classification" else []),
    ]
    return {
        "task": task,
        "strategy": strategy,
        "rows": len(frame),
        "leak_rows": len(sample),
        "findings": [{"kind": kind, "columns": columns, "message": message} for kind, columns, message in found],
    }


def split_strategy(facts: dict, task: str) -> str:
    """Return the split that fits: by time, by group, stratified, or random."""
    if facts.get("time"):
        return "time"
    if facts.get("group"):
        return "group"
    return "stratified" if task == "classification" else "random"


def _identifiers(frame: pd.DataFrame, ranked: list[dict]) -> Iterator[Finding]:
    """Find texts and whole numbers that differ in each row, but no amount that says something about the target."""
    chance = 2 / math.sqrt(min(ROWS, len(frame)))  # what a column that says nothing seldom scores
    related = {item["name"] for item in ranked if item["score"] > chance}
    for name in frame:
        values, kind = frame[name], kind_of(frame[name])
        if kind not in ("integer", "string") or not values.nunique() > 0.99 * len(frame) > 50:
            continue
        if kind == "integer" and name in related and values.max() - values.min() > SPARSE * len(frame):
            continue
        yield "identifier", [name], f"{name} is different in each row, like an identifier: exclude it"


def _columns(frame: pd.DataFrame, schema: Schema, seen: list[str], facts: dict) -> Iterator[Finding]:
    """Find columns that carry little, or something else than they could."""
    for name in constant_columns(frame[seen]):
        yield "constant", [name], f"{name} is the same in all rows: it can teach nothing"
    for name in seen:
        values, kind = frame[name].dropna(), schema.columns[name].type
        missing = 1 - len(values) / len(frame)
        if 0.5 < missing < 1:
            yield "gaps", [name], f"{name} is missing in {missing:.0%} of the rows"
        if kind == "datetime" and not facts.get("time"):
            yield "time", [name], f"{name} is a time: if new rows come later than these, use --time {name}"
        if kind == "string":
            yield from _texts(name, values)


def _texts(name: str, values: pd.Series) -> Iterator[Finding]:
    distinct = values.nunique()
    if MANY_TEXTS < distinct <= 0.99 * len(values):
        told = f"the model tells the {MANY_TEXTS} most common apart"
        yield "many-values", [name], f"{name} has {distinct} different texts; {told}"
    some = values.head(ROWS)
    as_number = pd.to_numeric(some, errors="coerce").notna().mean() if len(some) else 0
    if 0.5 < as_number < 1:
        strays = some[pd.to_numeric(some, errors="coerce").isna()].unique()[:3]
        yield (
            "mixed",
            [name],
            f"{name} is text because of values like {', '.join(map(repr, strays))} among numbers",
        )
    if len(some) and not as_number and some.str.fullmatch(NUMBER_LIKE).mean() > 0.9:
        yield "number", [name], f"{name} is text like {some.iloc[0]!r}: as plain numbers it would teach more"
    if len(some) and some.str.fullmatch(DATE_LIKE).mean() > 0.9:
        yield (
            "time",
            [name],
            f"{name} looks like dates, but only ISO 8601 (2026-01-31) is read as such: convert it",
        )


def _held_out(frame: pd.DataFrame, facts: dict, strategy: str) -> tuple[pd.Series | None, list[Finding]]:
    """Return which rows a run would hold out, or the finding that it cannot."""
    by = {"time": facts.get("time"), "group": facts.get("group"), "stratified": facts["target"]}.get(strategy)
    try:
        return held_out(frame, strategy, TEST_FRACTION, SEED, by), []
    except DataError as error:
        return None, [("split", [by] if by else [], f"the {strategy} split will not work: {error}")]


def _time_and_group(facts: dict) -> Iterator[Finding]:
    time, group = facts.get("time"), facts.get("group")
    if time and group:
        both = f"rows are held out by {time}, so those of one {group} may be on both sides"
        yield "split", [group], f"{both}; if new rows are of others, leave --time out"


def _units(held: pd.DataFrame, facts: dict) -> Iterator[Finding]:
    time, group = facts.get("time"), facts.get("group")
    if told := too_few(held, time, group):
        yield "few-units", [name for name in (time, group) if name], told


def _copies(frame: pd.DataFrame, seen: list[str], facts: dict, test: pd.Series | None) -> Iterator[Finding]:
    copies = int(frame.duplicated().sum())
    if copies:
        yield "duplicates", [], f"{copies} rows are exact copies of others"
    across = 0 if test is None else copies_across(frame[[*seen, facts["target"]]], test)
    if across:
        yield (
            "duplicates-across-split",
            [],
            f"{across} rows would be held out although training has seen the like: all that the model sees is equal",
        )


def _classes(target: pd.Series, test: pd.Series | None) -> Iterator[Finding]:
    counts = target.value_counts()
    sides = {} if test is None else {"training": (~test, FEWEST_OF_A_CLASS), "held-out": (test, 1)}
    for side, (rows, fewest) in sides.items():
        few = target[rows].value_counts().reindex(counts.index, fill_value=0)
        few = few[few < fewest].sort_values()
        if len(few):
            rare = zip(few.tolist(), few.index.tolist(), strict=True)
            said = ", ".join([f"{count} of the {side} rows would be {name!r}" for count, name in rare][:5])
            told = "merge or drop rare classes, or choose another split"
            yield "few-of-a-class", [target.name], f"{said}, and every run needs at least {fewest}: {told}"
            return
    if counts.min() < RARE_CLASS * len(target):
        rarest = counts.index.tolist()[counts.argmin()]
        told = "judge by average_precision or balanced_accuracy, not by accuracy"
        yield "imbalance", [target.name], f"only {counts.min()} of {len(target)} rows are {rarest!r}: {told}"
