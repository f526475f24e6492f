"""What is held out, and what must never be on both sides."""

import numpy as np
import pandas as pd
import pytest

from science.split import copies_across, held_out
from science.step import DataError

RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "patient": RANDOM.integers(0, 60, 500),
        "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(RANDOM.integers(0, 40, 500), "D"),
        "class": np.where(RANDOM.random(500) < 0.1, "rare", "common"),
    },
    index=RANDOM.permutation(500),
)
STRATEGIES = [("random", None), ("stratified", "class"), ("group", "patient"), ("time", "day")]


@pytest.mark.parametrize(("strategy", "by"), STRATEGIES)
def test_about_the_wanted_share_is_held_out_and_the_same_each_time(strategy, by):
    test = held_out(TABLE, strategy, 0.2, 7, by)
    assert test.index.equals(TABLE.index)
    assert test.mean() == pytest.approx(0.2, abs=0.03)
    assert test.equals(held_out(TABLE, strategy, 0.2, 7, by))


@pytest.mark.parametrize("strategy", ["random", "group"])
def test_another_seed_holds_out_other_rows(strategy):
    assert not held_out(TABLE, strategy, 0.2, 7, "patient").equals(held_out(TABLE, strategy, 0.2, 8, "patient"))


def test_no_group_is_on_both_sides():
    test = held_out(TABLE, "group", 0.2, 7, "patient")
    assert not set(TABLE["patient"][test]) & set(TABLE["patient"][~test])


def test_everything_held_out_by_time_is_later_than_everything_else():
    test = held_out(TABLE, "time", 0.2, 7, "day")
    assert TABLE["day"][test].min() > TABLE["day"][~test].max()


def test_stratified_keeps_the_share_of_each_class():
    test = held_out(TABLE, "stratified", 0.2, 7, "class")
    shares = [(TABLE["class"][side] == "rare").mean() for side in (test, ~test)]
    assert shares[0] == pytest.approx(shares[1], abs=0.01)


@pytest.mark.parametrize(
    ("strategy", "frame", "by", "message"),
    [
        ("time", TABLE.assign(day=TABLE["day"].iloc[0]), "day", "the same time"),
        ("group", TABLE.assign(patient=1), "patient", "one group"),
        (
            "group",
            TABLE.assign(patient=TABLE["patient"].where(TABLE["patient"] > 3)),
            "patient",
            "have no value",
        ),
        ("stratified", TABLE.assign(**{"class": ["odd"] + ["common"] * 499}), "class", "cannot be split"),
        ("random", TABLE.head(1), None, "cannot be split"),
        ("random", TABLE.head(24), None, "19 rows are left to learn from"),
    ],
)
def test_rows_that_cannot_be_divided_are_told(strategy, frame, by, message):
    with pytest.raises(DataError, match=message):
        held_out(frame, strategy, 0.2, 7, by)


def test_copies_across_the_split_are_counted():
    frame = pd.DataFrame({"a": [1, 1, 2, 2, 3], "b": [None, None, "x", "y", "z"]})
    assert copies_across(frame, pd.Series([True, False, True, False, False])) == 1
