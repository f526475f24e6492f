"""What is held out, and what must never be on both sides."""

import json
import zlib

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from science.split import copies_across, held_out, rule_of
from science.step import DataError
from science.units import FEWEST_UNITS

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
    units = TABLE["patient"].nunique() if strategy == "group" else len(TABLE)
    assert test.mean() == pytest.approx(0.2, abs=2.5 * (0.2 * 0.8 / units) ** 0.5)
    assert test.equals(held_out(TABLE, strategy, 0.2, 7, by))


@pytest.mark.parametrize("word", ["NA", "null"])
def test_a_word_that_the_schema_takes_for_a_value_now_leaves_its_row_where_it_was(word):
    texts = pd.Series(["CH", "FR", word] * 100)
    before = pd.DataFrame({"x": range(300), "country": texts.where(texts != word, None)})
    after = pd.DataFrame({"x": range(300), "country": texts})
    pd.testing.assert_series_equal(*(held_out(frame, "random", 0.2, 7, None) for frame in (before, after)))


@pytest.mark.parametrize("strategy", ["random", "group"])
def test_another_seed_holds_out_other_rows(strategy):
    assert not held_out(TABLE, strategy, 0.2, 7, "patient").equals(held_out(TABLE, strategy, 0.2, 8, "patient"))


def test_no_group_is_on_both_sides():
    test = held_out(TABLE, "group", 0.2, 7, "patient")
    assert not set(TABLE["patient"][test]) & set(TABLE["patient"][~test])


@pytest.mark.parametrize("fraction", [0.05, 0.2])
@pytest.mark.parametrize("groups", [16, 20, 40])
def test_enough_groups_for_an_interval_are_held_out_when_enough_are_left(groups, fraction):
    frame = pd.DataFrame({"site": np.arange(800) % groups})
    for seed in range(20):
        test = held_out(frame, "group", fraction, seed, "site")
        assert frame["site"][test].nunique() >= FEWEST_UNITS
        assert frame["site"][~test].nunique() >= FEWEST_UNITS


def test_a_group_that_was_learned_from_is_not_held_out_when_groups_are_added():
    for seed in range(20):
        frames = [pd.DataFrame({"site": np.arange(800) % groups}) for groups in (16, 30, 100)]
        tests = [set(frame["site"][held_out(frame, "group", 0.1, seed, "site")]) for frame in frames]
        for before, after, seen in zip(tests, tests[1:], (16, 30), strict=False):
            assert {site for site in after if site < seen} <= before
        rules = [rule_of(frame, "group", 0.1, seed, "site") for frame in frames]
        assert rules[0] == rules[1] == rules[2]


def test_the_rule_of_a_split_by_time_says_when_it_begins():
    days = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=100)})
    earlier = pd.DataFrame({"day": pd.date_range("2025-09-23", periods=200)})
    assert rule_of(days, "time", 0.2, 7, "day")["first_held_out"] == "2026-03-22T00:00:00"
    assert rule_of(earlier, "time", 0.2, 7, "day")["first_held_out"] == "2026-03-02T00:00:00"
    assert rule_of(pd.DataFrame({"day": range(100)}), "time", 0.2, 7, "day")["first_held_out"] == 80


def test_a_rule_that_holds_out_more_groups_is_another_rule():
    few, many = (pd.DataFrame({"site": np.arange(800) % groups}) for groups in (15, 16))
    assert rule_of(few, "group", 0.2, 7, "site") != rule_of(many, "group", 0.2, 7, "site")


def test_everything_held_out_by_time_is_later_than_everything_else():
    test = held_out(TABLE, "time", 0.2, 7, "day")
    assert TABLE["day"][test].min() > TABLE["day"][~test].max()


def test_stratified_has_some_of_each_class_on_both_sides():
    frame = TABLE.assign(**{"class": ["odd"] * 3 + ["lone"] + ["common"] * 496})
    for seed in range(20):
        test = held_out(frame, "stratified", 0.2, seed, "class")
        assert 1 <= test[frame["class"] == "odd"].sum() <= 2
        assert not test[frame["class"] == "lone"].any()  # to learn from


@pytest.mark.parametrize(("strategy", "by"), [item for item in STRATEGIES if item[0] != "time"])
def test_no_row_changes_sides_when_rows_are_added(strategy, by):
    before = TABLE.head(300).assign(amount=range(300))
    more = TABLE.tail(200).assign(amount=[None, *range(199)])  # a gap turns whole numbers into floats
    after = pd.concat([before, more]).sample(frac=1, random_state=1)
    test = held_out(before, strategy, 0.2, 7, by)
    assert held_out(after, strategy, 0.2, 7, by).loc[before.index].equals(test)


@pytest.mark.parametrize(("strategy", "by"), STRATEGIES[:2])
def test_copies_of_a_row_go_their_own_ways_and_the_first_stays_where_it_was(strategy, by):
    once = TABLE.drop_duplicates()
    twice = pd.concat([once, once], ignore_index=True)
    test = held_out(twice, strategy, 0.2, 7, by)
    first, second = test.head(len(once)).to_numpy(), test.tail(len(once)).to_numpy()
    assert first.tolist() == held_out(once, strategy, 0.2, 7, by).tolist()
    assert (first & second).mean() == pytest.approx(0.2 * 0.2, abs=0.03)


@pytest.mark.parametrize(("strategy", "by"), [("random", None), ("stratified", "y")])
def test_a_table_of_few_different_rows_is_divided_as_by_chance(strategy, by):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"k": random.integers(1, 4, 2200), "s": random.integers(0, 2, 2200)})
    frame["y"] = (random.random(2200) < 0.15 + 0.5 * frame["s"] + 0.05 * frame["k"]).astype(int)
    assert len(frame.drop_duplicates()) == 12

    def area(test: pd.Series) -> float:
        learned = frame[~test].groupby(["k", "s"])["y"].mean()
        said = pd.MultiIndex.from_frame(frame.loc[test, ["k", "s"]]).map(learned)
        return roc_auc_score(frame.loc[test, "y"], said)

    tests = [held_out(frame, strategy, 0.2, seed, by) for seed in range(20)]
    chance = [pd.Series(random.permutation(2200) < 440) for _ in range(20)]
    areas, expected = [area(test) for test in tests], [area(test) for test in chance]
    assert np.mean(areas) == pytest.approx(np.mean(expected), abs=0.02)
    assert min(areas) > min(expected) - 0.03
    assert np.mean([test.mean() for test in tests]) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("study", "count", "sum_of_rows"),
    [("regression", 71, 2806940342), ("classification", 101, 3707380856)],
)
def test_the_rows_of_a_study_without_copies_are_on_the_side_they_always_were(study, count, sum_of_rows, request):
    rows = request.getfixturevalue(study).test_rows().index
    assert len(rows) == count
    assert zlib.crc32(" ".join(map(str, rows)).encode()) == sum_of_rows


def test_the_rows_held_out_are_the_same_on_every_machine_and_in_every_version():
    frame = pd.DataFrame({"a": range(30), "b": [f"t{place}" for place in range(30)], "c": [True, None, 0.5] * 10})
    assert np.flatnonzero(held_out(frame, "random", 0.2, 7, None)).tolist() == [0, 4, 9, 24, 26]


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
        ("random", TABLE.head(1), None, "1 of 1 rows are left to learn from"),
        ("stratified", pd.DataFrame({"name": range(30)}), "name", "no class has two rows"),
        ("random", TABLE.head(20), None, "of 20 rows are left to learn from"),
    ],
)
def test_rows_that_cannot_be_divided_are_told(strategy, frame, by, message):
    with pytest.raises(DataError, match=message):
        held_out(frame, strategy, 0.2, 7, by)


def test_copies_across_the_split_are_counted():
    frame = pd.DataFrame({"a": [1, 1, 2, 2, 3], "b": [None, None, "x", "y", "z"]})
    assert copies_across(frame, pd.Series([True, False, True, False, False])) == 1


@pytest.mark.parametrize("strategy", ["random", "group"])
def test_the_rule_tells_texts_from_numbers_but_not_kinds_of_numbers(strategy):
    frame = pd.DataFrame({"code": np.arange(100), "x": RANDOM.normal(size=100)})
    rule = rule_of(frame, strategy, 0.2, 7, "code")
    assert rule_of(frame.astype({"code": float}), strategy, 0.2, 7, "code") == rule
    assert rule_of(frame.astype({"code": str}), strategy, 0.2, 7, "code") != rule
    assert json.loads(json.dumps(rule)) == rule
