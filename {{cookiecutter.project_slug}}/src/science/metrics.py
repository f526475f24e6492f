"""The metrics, each bound once to the rows and then computed for any weights of them.

A resample of a bootstrap is a table with some rows repeated and some left out: the same rows, with whole
numbers as weights. So one definition gives both the value (all weights 1) and its distribution (many weights
at once).

Every metric is a function of the truth and the prediction, shapes as in `Rows`, that returns a function of
weights: resamples x rows in, one value per resample out, NaN where the metric does not exist (no row of a
class, say). The values agree with scikit-learn's functions of the same name; with more than two classes,
`roc_auc`, `average_precision` and `f1` are the plain average over the classes, each against the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Value = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Rows:
    """What happened and what a model said.

    Regression: `truth` and `predicted` are values, one per row. Classification: `truth` is the place of the
    class in the contract, `predicted` the probabilities (rows x classes), `positive` the place of the class
    that counts as "yes" (None with more than two classes).
    """

    truth: np.ndarray
    predicted: np.ndarray
    positive: int | None = None

    @property
    def labels(self) -> np.ndarray:
        """The place of the most probable class, per row."""
        return self.predicted.argmax(axis=1)

    @property
    def judged_classes(self) -> list[int]:
        """The classes that a class-wise metric averages over."""
        return [self.positive] if self.positive is not None else list(range(self.predicted.shape[1]))


@dataclass(frozen=True)
class Metric:
    """A metric of `project.yml`."""

    task: str
    higher_is_better: bool
    bind: Callable[[Rows], Value]

    def value(self, rows: Rows) -> float:
        """Return the metric on the rows as they are."""
        return float(self.bind(rows)(np.ones((1, len(rows.truth))))[0])


def _mean(losses: np.ndarray) -> Value:
    return lambda weights: weights @ losses / weights.sum(axis=1)


def _mae(rows: Rows) -> Value:
    return _mean(np.abs(rows.truth - rows.predicted))


def _rmse(rows: Rows) -> Value:
    squared = _mean((rows.truth - rows.predicted) ** 2)
    return lambda weights: np.sqrt(squared(weights))


def _median_ae(rows: Rows) -> Value:
    errors = np.abs(rows.truth - rows.predicted)
    order = np.argsort(errors)
    errors = errors[order]

    def value(weights: np.ndarray) -> np.ndarray:
        counts = np.cumsum(weights[:, order], axis=1)
        total = counts[:, -1:]
        lower = (counts > (total - 1) // 2).argmax(axis=1)  # the two middle errors, the same one if rows are odd
        upper = (counts > total // 2).argmax(axis=1)
        return (errors[lower] + errors[upper]) / 2

    return value


def _r2(rows: Rows) -> Value:
    truth = rows.truth - rows.truth.mean()  # numerically kinder, and the same result
    squared = (rows.truth - rows.predicted) ** 2

    def value(weights: np.ndarray) -> np.ndarray:
        spread = weights @ truth**2 - (weights @ truth) ** 2 / weights.sum(axis=1)
        return 1 - _ratio(weights @ squared, spread)

    return value


def _accuracy(rows: Rows) -> Value:
    return _mean((rows.labels == rows.truth).astype(float))


def _balanced_accuracy(rows: Rows) -> Value:
    members = np.eye(rows.predicted.shape[1])[rows.truth]
    hits = members * (rows.labels == rows.truth)[:, None]

    def value(weights: np.ndarray) -> np.ndarray:
        recall = _ratio(weights @ hits, weights @ members)
        with np.errstate(invalid="ignore"):
            return np.nansum(recall, axis=1) / (~np.isnan(recall)).sum(axis=1)

    return value


def _f1(rows: Rows) -> Value:
    classes = rows.judged_classes
    truth = np.eye(rows.predicted.shape[1])[rows.truth][:, classes]
    said = np.eye(rows.predicted.shape[1])[rows.labels][:, classes]

    def value(weights: np.ndarray) -> np.ndarray:
        both = weights @ (truth * said)
        scores = _ratio(2 * both, weights @ truth + weights @ said)
        return np.nan_to_num(scores).mean(axis=1)  # a class nobody has and nobody predicted scores 0

    return value


def _log_loss(rows: Rows) -> Value:
    given = rows.predicted[np.arange(len(rows.truth)), rows.truth]
    return _mean(-np.log(np.clip(given, np.finfo(float).eps, 1)))


def _roc_auc(rows: Rows) -> Value:
    return _over_classes(rows, _one_roc_auc)


def _one_roc_auc(yes: np.ndarray, score: np.ndarray) -> Value:
    cumulated = _by_score(yes, score)

    def value(weights: np.ndarray) -> np.ndarray:
        true, false = (np.pad(counts, ((0, 0), (1, 0))) for counts in cumulated(weights))
        area = (np.diff(false) * (true[:, 1:] + true[:, :-1]) / 2).sum(axis=1)  # trapezoids: ties count half
        return _ratio(area, true[:, -1] * false[:, -1])

    return value


def _average_precision(rows: Rows) -> Value:
    return _over_classes(rows, _one_average_precision)


def _one_average_precision(yes: np.ndarray, score: np.ndarray) -> Value:
    cumulated = _by_score(yes, score)

    def value(weights: np.ndarray) -> np.ndarray:
        true, false = cumulated(weights)
        precision = np.nan_to_num(_ratio(true, true + false))
        gained = np.diff(true, prepend=0)
        return _ratio((gained * precision).sum(axis=1), true[:, -1])

    return value


def _over_classes(rows: Rows, bind: Callable[[np.ndarray, np.ndarray], Value]) -> Value:
    """Average a two-class metric over the classes, each against the rest."""
    values = [bind(rows.truth == place, rows.predicted[:, place]) for place in rows.judged_classes]
    return lambda weights: np.mean([value(weights) for value in values], axis=0)


def _by_score(yes: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function of weights: how many "yes" and "no" have at least each score, highest first."""
    order = np.argsort(-score, kind="stable")
    yes, score = yes[order].astype(float), score[order]
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of the rows that share a score

    def cumulated(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ordered = weights[:, order]
        everybody = np.cumsum(ordered, axis=1)[:, last]
        true = np.cumsum(ordered * yes, axis=1)[:, last]
        return true, everybody - true

    return cumulated


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide; nothing by nothing is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


METRICS: dict[str, Metric] = {
    "mae": Metric("regression", False, _mae),
    "median_ae": Metric("regression", False, _median_ae),
    "rmse": Metric("regression", False, _rmse),
    "r2": Metric("regression", True, _r2),
    "accuracy": Metric("classification", True, _accuracy),
    "average_precision": Metric("classification", True, _average_precision),
    "balanced_accuracy": Metric("classification", True, _balanced_accuracy),
    "f1": Metric("classification", True, _f1),
    "log_loss": Metric("classification", False, _log_loss),
    "roc_auc": Metric("classification", True, _roc_auc),
}


def metrics_for(task: str) -> dict[str, Metric]:
    """Return the metrics of a task by name."""
    return {name: metric for name, metric in METRICS.items() if metric.task == task}
