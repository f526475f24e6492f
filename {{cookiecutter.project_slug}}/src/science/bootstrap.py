"""How sure a number is: intervals from resampling the held-out rows (Efron and Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from science.metrics import METRICS, Rows, metrics_for
from science.units import FEWEST_UNITS, count_of

RESAMPLES = 1000
FEWEST = 200
CELLS = 100_000_000  # resamples x rows to spend: large tables, which vary less, get fewer resamples
DEFINED = 0.95  # share of the resamples in which a metric must exist: a resample may lack a rare class
CHUNK = 4_000_000  # resamples x rows held in memory at once


def resamples_for(rows: int) -> int:
    """Return how many resamples a table of this many rows gets."""
    return int(np.clip(CELLS // rows, FEWEST, RESAMPLES))


def weights(rows: int, seed: int, clusters: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield how often each resample holds each row, some resamples (at least one) x rows at a time.

    Args:
        rows: How many there are.
        seed: The same seed gives the same resamples.
        clusters: A number from 0 for each row, whose rows are drawn together because they are not independent
            (all rows of a patient); without it each row is drawn by itself.
    """
    random = np.random.default_rng(seed)
    units = count_of(rows, clusters)
    left = resamples_for(rows)
    while left > 0:
        count = min(left, max(1, CHUNK // rows))
        drawn = random.integers(0, units, (count, units)) + np.arange(count)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(float)
        yield times if clusters is None else times[:, clusters]
        left -= count


def distributions(models: dict[str, Rows], task: str, seed: int, clusters: np.ndarray | None) -> dict:
    """Return, by model and metric, its value in each resample. All models see the same resamples.

    With fewer units than an interval can be drawn from the values are NaN: nothing is known of how they vary.
    """
    rows = len(next(iter(models.values())).truth)
    if count_of(rows, clusters) < FEWEST_UNITS:
        unknown = np.full(resamples_for(rows), np.nan)
        return {model: dict.fromkeys(metrics_for(task), unknown) for model in models}
    bound = {
        model: {name: metric.bind(rows) for name, metric in metrics_for(task).items()} for model, rows in models.items()
    }
    found = {model: {name: [] for name in values} for model, values in bound.items()}
    for drawn in weights(rows, seed, clusters):
        for model, values in bound.items():
            for name, value in values.items():
                found[model][name].append(value(drawn))
    return {model: {name: np.concatenate(parts) for name, parts in values.items()} for model, values in found.items()}


def interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the ends of the middle share `confidence` of the values; NaN if too many of them do not exist."""
    kept = values[~np.isnan(values)]
    if len(kept) < DEFINED * len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def improvement(metric: str, challenger: Rows, other: Rows, drawn: tuple, confidence: float) -> dict:
    """Compare two models on the same rows; positive means that the challenger is better.

    Args:
        metric: Its name.
        challenger: What one model said.
        other: What the other said of the same rows.
        drawn: The metric of the two in each resample, resamples shared: what makes the comparison a paired
            one.
        confidence: Of the interval.
    """
    sign = 1 if METRICS[metric].higher_is_better else -1
    differences = sign * (drawn[0] - drawn[1])
    low, high = interval(differences, confidence)
    return {
        "improvement": sign * (METRICS[metric].value(challenger) - METRICS[metric].value(other)),
        "low": low,
        "high": high,
        "confidence": confidence,
        "resamples": len(differences),
        "defined": int((~np.isnan(differences)).sum()),
    }
