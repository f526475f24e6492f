"""Choose between a simple model, a flexible one and averages of the two, by cross-validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from science import model as models
from science.contract import Contract
from science.metrics import METRICS, Rows
from science.subset import subset

FOLDS = 5
FEWEST_OF_A_CLASS = 50  # in a sample
ROWS = 20_000  # enough to tell two families of models apart; more would only cost time
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of boosting in the average


def choose(contract: Contract, frame: pd.DataFrame, learners: dict[str, BaseEstimator]) -> tuple[dict, dict]:
    """Return the weight of each learner, and how the candidates did.

    Each learner predicts every fold from the others; averages of these predictions are the candidates (a
    small "super learner", van der Laan et al. 2007). The project's metric decides; of equals the simplest
    wins.

    Args:
        contract: What the rows are.
        frame: The training rows.
        learners: `linear` and `boosting`, not fitted.
    """
    frame = subset(contract, frame, ROWS, FEWEST_OF_A_CLASS)
    if contract.time:
        frame = frame.sort_values(contract.time, kind="stable")
    predicted: dict[str, list] = {name: [] for name in learners}
    judged = []
    divided, judged_on, wanted = folds(contract, frame)
    for fit, judge in divided:
        judged.append(judge)
        for name, learner in learners.items():
            pipeline = models.fit(learner, contract, frame.iloc[fit])
            predicted[name].append(models.predict(pipeline, contract, frame.iloc[judge]))
    truth = contract.coded(frame[contract.target].iloc[np.concatenate(judged)])
    linear, boosting = (np.concatenate(predicted[name]) for name in ("linear", "boosting"))
    metric = METRICS[contract.metric]
    values = [
        metric.value(Rows(truth, (1 - share) * linear + share * boosting, contract.positive_place)) for share in SHARES
    ]
    signed = np.array(values) if metric.higher_is_better else -np.array(values)
    share = SHARES[int(np.nanargmax(signed))]  # the first, and simplest, of equals
    validation = {
        "metric": contract.metric,
        "value": values[SHARES.index(share)],
        "folds": len(divided),
        "judged_on": judged_on,
        "instead_of": wanted,
        "rows": len(truth),
        "candidates": [
            {"linear": 1 - share, "boosting": share, "value": value}
            for share, value in zip(SHARES, values, strict=True)
        ],
    }
    return {"linear": 1 - share, "boosting": share}, validation


Fold = tuple[np.ndarray, np.ndarray]


def folds(contract: Contract, frame: pd.DataFrame) -> tuple[list[Fold], str, str | None]:
    """Return folds, rows to fit and rows to judge: later rows, other groups or rows by chance.

    Whatever the contract names comes first, unless a class would then be missing where it is needed; at most
    `FOLDS` folds, fewer if there are fewer groups or instants, or if only then the earliest rows hold enough of
    each class.

    Args:
        contract: What the rows are.
        frame: The rows.

    Returns:
        The folds; what judges in each; and what should have, when a class would have been missing there.
    """
    target, shuffle = frame[contract.target], {"shuffle": True, "random_state": contract.seed}
    regression = contract.task == "regression"
    ways = []
    if contract.time and frame[contract.time].nunique() > 1:
        most = min(FOLDS, frame[contract.time].nunique() - 1)
        numbers = range(most, min(most, 2) - 1, -1)
        ways = [("later rows", _later(frame[contract.time], number)) for number in numbers]
    if contract.group and frame[contract.group].nunique() > 1:
        number = min(FOLDS, frame[contract.group].nunique())
        by_group = GroupKFold(number) if regression else StratifiedGroupKFold(number, **shuffle)
        ways.append(("other groups", by_group.split(frame, target, frame[contract.group])))
    for judge_on, divided in ways:
        found = [(fit, judge) for fit, judge in divided if len(fit) > 1 and len(judge)]
        if found and (regression or all(_classes_suffice(target.iloc[fit], target) for fit, _ in found)):
            return found, judge_on, ways[0][0] if judge_on != ways[0][0] else None
    by_chance = (KFold if regression else StratifiedKFold)(FOLDS, **shuffle)
    return list(by_chance.split(frame, target)), "rows by chance", ways[0][0] if ways else None


def _later(times: pd.Series, number: int) -> Iterator[Fold]:
    """Yield `number` folds as `TimeSeriesSplit` does, but cut between instants: rows of one instant stay together."""
    instants = pd.factorize(times, sort=True, use_na_sentinel=False)[0]
    count = instants.max() + 1
    size = count // (number + 1)
    for first in range(count - number * size, count, size):
        yield np.flatnonzero(instants < first), np.flatnonzero((instants >= first) & (instants < first + size))


def _classes_suffice(some: pd.Series, target: pd.Series) -> bool:
    counts = some.value_counts().reindex(target.unique(), fill_value=0)
    return counts.min() >= FEWEST_OF_A_CLASS / 2
