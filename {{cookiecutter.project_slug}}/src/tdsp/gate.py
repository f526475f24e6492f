"""The gate: may this model be registered? A pure judgement on the evidence of the steps.

A challenger passes when its data passed, its metric clears the threshold, it beats the dumb baseline and the
champion *on the same held-out rows* by more than noise, and no judged group of a sensitive column falls below
its floor. "By more than noise" means that the paired bootstrap interval of the improvement lies above zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tdsp.errors import WrongInput
from tdsp.wording import interval, is_number, number

DEFAULTS = {"confidence": 0.95, "group_min_rows": 20}  # as in project.yml, of which this reads the text
_COMPARED = {"dummy": "the dumb baseline", "champion": "the champion"}
_LET_GO = "`uv run tdsp models --champion none` lets it go (in Azure ML: take its tag tdsp.champion away)"


@dataclass(frozen=True)
class Check:
    """One question of the gate.

    Attributes:
        name: `data`, `threshold`, `baseline`, `champion` or `groups`.
        passed: the answer.
        detail: the numbers behind it, one sentence.
        judged: whether there was anything to ask; it passes when nobody asks.
    """

    name: str
    passed: bool
    detail: str
    judged: bool = True


@dataclass(frozen=True)
class Verdict:
    """What the gate says: all checks, none left out after the first failure."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


def judge(facts: Mapping[str, Any], quality: Mapping[str, Any], metrics: Mapping[str, Any]) -> Verdict:
    """Judge a challenger.

    Args:
        facts: `project.yml`; `metric` and `gate` are used.
        quality: `quality.json` of the prepare step.
        metrics: `metrics.json` of the evaluate step.

    Raises:
        WrongInput: the evidence is about another metric.
        KeyError: a part of the evidence is missing.
    """
    metric, gate = facts["metric"], {**DEFAULTS, **facts["gate"]}
    if metrics["metric"] != metric:
        raise WrongInput(f"the evidence is of {metrics['metric']}, project.yml asks for {metric}: run again")
    value = metrics["models"]["challenger"][metric]["value"]
    checks = [_data(quality), _threshold(metric, value, gate.get("threshold"), metrics["higher_is_better"])]
    checks.append(_beats("baseline", "dummy", metrics, gate["confidence"]))
    if metrics["same_as_champion"]:
        checks.append(Check("champion", True, "it is the champion"))
    elif absent := metrics["champion_absent"]:
        checks.append(_not_compared(absent, metrics.get("champion_status")))
    else:
        compared = _beats("champion", "champion", metrics, gate["confidence"])
        doubts = [doubt for doubt in (metrics.get("champion_split"), _forbidden(metrics)) if doubt]
        checks.append(replace(compared, detail="; ".join([compared.detail, *doubts])))
    checks.append(_groups(metric, metrics, gate))
    return Verdict(tuple(checks))


def _data(quality: Mapping[str, Any]) -> Check:
    broken = [f"{check['column']}: {check['check']}" for check in quality["checks"] if not check["passed"]]
    if quality["passed"] is True and not broken:
        return Check("data", True, f"{number(quality['rows'])} rows keep the schema")
    return Check("data", False, f"{len(broken)} of {len(quality['checks'])} checks failed: {_few(broken)}")


def _threshold(metric: str, value: float, threshold: float | None, higher: bool) -> Check:
    if threshold is None:
        good = is_number(value)
        return Check("threshold", good, f"{metric} {number(value)}; no threshold is set", judged=not good)
    bound = "at least" if higher else "at most"
    detail = f"{metric} {number(value)}, {bound} {number(threshold)} is asked for"
    return Check("threshold", _reaches(value, threshold, higher), detail)


def _beats(name: str, other: str, metrics: Mapping[str, Any], confidence: float) -> Check:
    """Tell whether the improvement over `other` excludes zero; a missing number is no evidence."""
    compared = metrics["comparisons"].get(other)
    if compared is None:
        return Check(name, False, f"it was not compared with {_COMPARED[other]}")
    if not compared["confidence"] >= confidence - 1e-9:
        return Check(name, False, f"compared at {compared['confidence']:g}, {confidence:g} is asked for: run again")
    better, low, high = compared["improvement"], compared["low"], compared["high"]
    said = f"{confidence:.0%} interval {interval(low, high)}"
    if (why := metrics.get("interval_absent")) and not is_number(low):
        return Check(name, False, f"it cannot be told whether it is better than {_COMPARED[other]}: {why}")
    if is_number(low) and is_number(better) and low > 0 and better > 0:
        return Check(name, True, f"better than {_COMPARED[other]} by {number(better)} ({said})")
    if is_number(low) and is_number(high) and high < 0:
        said = f"{confidence:.0%} interval {interval(-high, -low)}"
        return Check(name, False, f"worse than {_COMPARED[other]} by {number(-better)} ({said})")
    by = f"worse by {number(-better)}" if is_number(better) and better < 0 else f"better by {number(better)}"
    return Check(name, False, f"no better than {_COMPARED[other]} beyond noise: {by} ({said})")


def _forbidden(metrics: Mapping[str, Any]) -> str:
    """Say so when the champion knows what the challenger must not see: a leak that was found since, for instance."""
    names = metrics.get("champion_forbidden")
    return f"the champion learned from {_few(names)}, which models must not see any more: {_LET_GO}" if names else ""


def _not_compared(why: str, status: str | None) -> Check:
    """Pass without a comparison only when nobody holds the place; a champion that cannot be run still holds it."""
    if status == "cannot-run":
        return Check("champion", False, f"it could not be compared: {why}; give it what it needs, or {_LET_GO}")
    return Check("champion", True, f"not compared: {why}", judged=False)


def _groups(metric: str, metrics: Mapping[str, Any], gate: Mapping[str, Any]) -> Check:
    """Hold each judged group to the floor; a floor that judged nothing is not cleared."""
    groups, floor = metrics["groups"], gate.get("group_threshold")
    if floor is None:
        why = "gate.group_threshold is not set" if groups else "no sensitive column is named"
        return Check("groups", True, why, judged=False)
    judged = [group for group in groups if group["judged"]]
    small = sum(not group["judged"] and group["rows"] < gate["group_min_rows"] for group in groups)
    undefined = len(groups) - len(judged) - small
    left = [f"{small} with fewer than {gate['group_min_rows']} rows"] if small else []
    left += [f"{undefined} in which {metric} is not defined"] if undefined else []
    aside = f"; not judged: {', '.join(left)}" if left else ""
    if not judged:
        what = f"can judge no group{aside}" if groups else "is set, but data.sensitive names no column"
        return Check("groups", False, f"gate.group_threshold {what}; set it to null to go without")
    below = [
        f"{group['column']} = {group['value']} at {number(group['metric_value'])} ({group['rows']} rows)"
        for group in judged
        if not _reaches(group["metric_value"], floor, metrics["higher_is_better"])
    ]
    if below:
        return Check("groups", False, f"{metric} misses the floor of {number(floor)} for {_few(below)}{aside}")
    return Check("groups", True, f"{metric} clears {number(floor)} in all {len(judged)} groups{aside}")


def _reaches(value: Any, bound: float, higher: bool) -> bool:
    return is_number(value) and (value >= bound if higher else value <= bound)


def _few(items: list[str], most: int = 5) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
