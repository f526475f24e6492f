"""The gate lets in what is proved to be better, nothing else. To change it, change this first."""

import pytest

from tdsp.errors import WrongInput
from tdsp.gate import Check, judge

FACTS = {
    "metric": "mae",
    "gate": {"threshold": 60, "confidence": 0.95, "group_threshold": 70, "group_min_rows": 20},
}
QUALITY = {"passed": True, "rows": 442, "checks": [{"column": "age", "check": "at least 0", "passed": True}]}
BETTER, NOISE, WORSE = (5, 2, 8), (1, -2, 4), (-5, -8, -2)


def evidence(value=44.0, dummy=(20, 12, 28), champion=None, groups=(43.0, 45.0), **changes):
    """Metrics as `evaluate` writes them; `dummy` and `champion` are improvements with their intervals."""
    comparisons = {"dummy": dummy} | ({"champion": champion} if champion else {})
    return {
        "metric": "mae",
        "higher_is_better": False,
        "models": {"challenger": {"mae": {"value": value}}},
        "comparisons": {
            other: {"improvement": better, "low": low, "high": high, "confidence": 0.95}
            for other, (better, low, high) in comparisons.items()
        },
        "champion_absent": None if champion else "there is no champion yet",
        "same_as_champion": False,
        "groups": [
            {"column": "sex", "value": place, "rows": 45, "metric_value": value, "judged": True}
            for place, value in enumerate(groups)
        ],
        **changes,
    }


def failed(verdict):
    return [check.name for check in verdict.failed]


def test_the_first_good_model_passes():
    assert judge(FACTS, QUALITY, evidence()).passed


def test_a_better_model_passes():
    assert judge(FACTS, QUALITY, evidence(champion=BETTER)).passed


def test_a_worse_model_is_refused():
    verdict = judge(FACTS, QUALITY, evidence(champion=WORSE))
    assert failed(verdict) == ["champion"]
    assert verdict.failed[0].detail == "worse than the champion by 5 (95% interval 2 to 8)"


def test_of_noise_the_sign_is_put_in_words():
    (check,) = judge(FACTS, QUALITY, evidence(champion=(-1, -4, 2))).failed
    assert check.detail.startswith("no better than the champion beyond noise: worse by 1 (95% interval -4 to 2)")


@pytest.mark.parametrize(("champion", "passed"), [(BETTER, True), (NOISE, False)])
def test_a_comparison_that_favours_the_champion_counts_and_says_so(champion, passed):
    doubted = judge(FACTS, QUALITY, evidence(champion=champion, champion_split="the champion may have seen some"))
    assert doubted.passed is passed
    (check,) = (check for check in doubted.checks if check.name == "champion")
    assert check.detail.endswith("; the champion may have seen some")


@pytest.mark.parametrize("interval", [NOISE, (1, 0, 2), (0, 0, 0), (float("nan"),) * 3, (None, None, None)])
def test_noise_is_refused(interval):
    assert failed(judge(FACTS, QUALITY, evidence(champion=interval))) == ["champion"]


def test_without_an_interval_the_gate_refuses_and_says_why():
    unknown, why = (5, None, None), "fewer than 8 groups are held out (2): bring rows of more groups"
    verdict = judge(FACTS, QUALITY, evidence(dummy=unknown, champion=unknown, interval_absent=why))
    assert failed(verdict) == ["baseline", "champion"]
    assert verdict.failed[0].detail == f"it cannot be told whether it is better than the dumb baseline: {why}"


@pytest.mark.parametrize("interval", [NOISE, WORSE])
def test_a_model_no_better_than_the_dumb_baseline_is_refused(interval):
    assert failed(judge(FACTS, QUALITY, evidence(dummy=interval))) == ["baseline"]


def test_a_model_that_was_not_compared_is_refused():
    unknown = evidence(champion_absent=None)
    assert failed(judge(FACTS, QUALITY, unknown)) == ["champion"]


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"champion_status": "none"}, []),
        ({"champion_status": "other-question", "champion_absent": "it answers another question"}, []),
        ({"champion_absent": "it answers another question"}, []),  # evidence of an older evaluate step
        ({"champion_status": "cannot-run", "champion_absent": "it needs the column bmi"}, ["champion"]),
    ],
)
def test_only_an_empty_place_is_taken_without_a_comparison(changes, refused):
    assert failed(judge(FACTS, QUALITY, evidence(**changes))) == refused


def test_a_champion_that_cannot_be_run_is_a_refusal_with_a_way_out():
    unable = evidence(champion_status="cannot-run", champion_absent="it needs the column bmi")
    (check,) = judge(FACTS, QUALITY, unable).failed
    assert "it needs the column bmi" in check.detail
    assert "`uv run tdsp models --champion none` lets it go" in check.detail


def test_a_champion_that_knows_what_is_forbidden_now_is_named_with_a_way_out():
    known = evidence(champion=WORSE, champion_forbidden=["leak"])
    (check,) = judge(FACTS, QUALITY, known).failed
    assert "the champion learned from leak, which models must not see any more" in check.detail
    assert "`uv run tdsp models --champion none` lets it go" in check.detail


@pytest.mark.parametrize(("value", "passes"), [(60, True), (60.01, False), (float("nan"), False), (None, False)])
def test_the_threshold_is_the_worst_acceptable_value(value, passes):
    assert (failed(judge(FACTS, QUALITY, evidence(value))) == []) is passes


def test_the_threshold_turns_round_when_higher_is_better():
    facts = {"metric": "r2", "gate": {**FACTS["gate"], "threshold": 0.4, "group_threshold": None}}
    for value, expected in ((0.41, []), (0.39, ["threshold"])):
        metrics = evidence(metric="r2", higher_is_better=True, models={"challenger": {"r2": {"value": value}}})
        assert failed(judge(facts, QUALITY, metrics)) == expected


def test_an_unfair_model_is_refused():
    verdict = judge(FACTS, QUALITY, evidence(groups=(40.0, 71.0)))
    assert failed(verdict) == ["groups"]
    assert "sex = 1 at 71 (45 rows)" in verdict.failed[0].detail


def test_a_group_too_small_to_judge_does_not_refuse():
    metrics = evidence(groups=(40.0, 71.0))
    metrics["groups"][1] |= {"judged": False, "rows": 19}
    verdict = judge(FACTS, QUALITY, metrics)
    assert verdict.passed
    assert verdict.checks[-1].detail.endswith("in all 1 groups; not judged: 1 with fewer than 20 rows")


def test_a_floor_that_judged_nothing_is_not_cleared():
    metrics = evidence(groups=(40.0, None))
    metrics["groups"][0] |= {"judged": False, "rows": 19}
    metrics["groups"][1] |= {"judged": False}
    verdict = judge(FACTS, QUALITY, metrics)
    assert failed(verdict) == ["groups"]
    assert "1 with fewer than 20 rows, 1 in which mae is not defined" in verdict.failed[0].detail
    verdict = judge(FACTS, QUALITY, evidence(groups=()))
    assert failed(verdict) == ["groups"]
    assert "data.sensitive names no column" in verdict.failed[0].detail


def test_without_a_floor_the_gate_says_that_nobody_looks():
    facts = {**FACTS, "gate": {**FACTS["gate"], "group_threshold": None}}
    checks = judge(facts, QUALITY, evidence()).checks
    assert checks[-1] == Check("groups", True, "gate.group_threshold is not set", judged=False)
    assert [check.name for check in checks if not check.judged] == ["champion", "groups"]


def test_data_that_broke_its_schema_is_refused():
    quality = {
        **QUALITY,
        "passed": False,
        "checks": [{"column": "age", "check": "at least 0", "passed": False}],
    }
    verdict = judge(FACTS, quality, evidence())
    assert failed(verdict) == ["data"]
    assert "age: at least 0" in verdict.failed[0].detail


def test_every_failed_check_is_told():
    quality = {**QUALITY, "passed": False}
    verdict = judge(FACTS, quality, evidence(99, dummy=WORSE, champion=WORSE, groups=(99.0,)))
    assert failed(verdict) == ["data", "threshold", "baseline", "champion", "groups"]


def test_intervals_narrower_than_asked_for_do_not_count():
    facts = {**FACTS, "gate": {**FACTS["gate"], "confidence": 0.99}}
    assert failed(judge(facts, QUALITY, evidence(champion=BETTER))) == ["baseline", "champion"]


def test_evidence_about_another_metric_is_wrong_input():
    with pytest.raises(WrongInput, match=r"of mae, project\.yml asks for r2"):
        judge({**FACTS, "metric": "r2"}, QUALITY, evidence())
