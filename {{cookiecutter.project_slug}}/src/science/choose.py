"""Choose between a simple model, a flexible one and averages of the two, by cross-validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

from science import model as models
from science.contract import Contract
from science.metrics import METRICS, Rows

FOLDS = 5
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
    if len(frame) > ROWS:
        frame = frame.sample(ROWS, random_state=contract.seed)
    if contract.time:
        frame = frame.sort_values(contract.time, kind="stable")
    predicted: dict[str, list] = {name: [] for name in learners}
    judged = []
    for fit, judge in folds(contract, frame):
        judged.append(judge)
        for name, learner in learners.items():
            pipeline = models.fit(learner, contract, frame.iloc[fit])
            predicted[name].append(models.predict(pipeline, contract, frame.iloc[judge]))
    truth = contract.coded(frame[contract.target].iloc[np.concatenate(judged)])
    linear, boosting = (np.concatenate(predicted[name]) for name in ("linear", "boosting"))
    metric = METRICS[contract.metric]
    values = [
        metric.value(Rows(truth, (1 - share) * linear + share * boosting, contract.positive_place))
        for share in SHARES
    ]
    signed = np.array(values) if metric.higher_is_better else -np.array(values)
    share = SHARES[int(np.nanargmax(signed))]  # the first, and simplest, of equals
    validation = {
        "metric": contract.metric,
        "value": values[SHARES.index(share)],
        "folds": FOLDS,
        "rows": len(truth),
        "candidates": [
            {"linear": 1 - share, "boosting": share, "value": value}
            for share, value in zip(SHARES, values, strict=True)
        ],
    }
    return {"linear": 1 - share, "boosting": share}, validation


def folds(contract: Contract, frame: pd.DataFrame):
    """Return folds that are held out as the test rows were: whole groups, later rows, or at random."""
    target = frame[contract.target]
    groups = frame[contract.group] if contract.group else None
    regression = contract.task == "regression"
    seed = {"shuffle": True, "random_state": contract.seed}
    if groups is not None and groups.nunique() >= FOLDS:
        folds = GroupKFold(FOLDS) if regression else StratifiedGroupKFold(FOLDS, **seed)
    elif contract.time and regression:
        folds = TimeSeriesSplit(FOLDS)
    else:  # classes over time, too: every fold needs every class
        folds = KFold(FOLDS, **seed) if regression else StratifiedKFold(FOLDS, **seed)
    return folds.split(frame, target, groups)
