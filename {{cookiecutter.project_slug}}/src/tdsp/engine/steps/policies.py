"""Early termination of a sweep's trials, as the service documents it.

Pure functions over metric histories.
"""

from __future__ import annotations

import statistics
from typing import Any

History = list[float]


def hopeless(policy: dict[str, Any], maximize: bool, own: History, others: list[History]) -> bool:
    """Say whether a running trial should end.

    Args:
        policy: `early_termination` of the YAML: bandit, median_stopping or truncation_selection.
        maximize: whether a larger metric is better.
        own: the trial's metric, one value for each time it was logged (an interval).
        others: the same for every other trial.
    """
    interval = len(own)
    every, delay = int(policy.get("evaluation_interval") or 1), int(policy.get("delay_evaluation") or 0)
    if interval == 0 or interval <= delay or interval % every:
        return False
    kind = str(policy.get("type", "")).lower()
    if kind == "bandit":
        return _bandit(policy, maximize, own, others)
    peers = [history[:interval] for history in others if len(history) >= interval]
    if not peers:
        return False
    best = max if maximize else min
    if kind == "median_stopping":
        median = statistics.median(statistics.fmean(history) for history in peers)
        return best(own) < median if maximize else best(own) > median
    if kind == "truncation_selection":
        share = int(policy.get("truncation_percentage") or 10) / 100
        ranked = sorted([best(own), *(best(history) for history in peers)], reverse=maximize)
        keep = len(ranked) - int(len(ranked) * share)
        return keep > 0 and best(own) != ranked[0] and ranked.index(best(own)) >= keep
    return False


def _bandit(policy: dict[str, Any], maximize: bool, own: History, others: list[History]) -> bool:
    interval = len(own)
    seen = [value for history in (own, *others) for value in history[:interval]]
    best = max(seen) if maximize else min(seen)
    mine = max(own) if maximize else min(own)
    factor, amount = float(policy.get("slack_factor") or 0), float(policy.get("slack_amount") or 0)
    if factor:  # of the distance from 0, so that a negative metric gets its slack too
        amount = abs(best) * (factor / (1 + factor) if maximize else factor)
    return mine < best - amount if maximize else mine > best + amount
