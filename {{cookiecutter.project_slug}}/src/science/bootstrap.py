"""How sure a number is: intervals from resampling the held-out rows (Efron and Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from science.metrics import METRICS, Rows, metrics_for

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
    units = rows if clusters is None else int(clusters.max()) + 1
    left = resamples_for(rows)
    while left > 0:
        count = min(left, max(1, CHUNK // rows))
        drawn = random.integers(0, units, (count, units)) + np.arange(count)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units).astype(float)
        yield times if clusters is None else times[:, clusters]
        left -= count


def clusters_of(frame: pd.DataFrame, time: str | None, group: str | None) -> tuple[np.ndarray | None, str]:
    """Find rows that are not independent of each other, and so must be drawn together.

    Rows of a group belong together, and so do rows that follow each other in time: blocks of n^(1/3) of the n
    instants (the order of length that is best for a block bootstrap: Hall, Horowitz and Jing 1995). Of the two,
    the one with fewer units is taken, because it claims less.

    Returns:
        A number from 0 for each row, or None if each row is drawn by itself; and what is drawn, in words.
    """
    found = []
    if group is not None:
        found.append((pd.factorize(frame[group])[0], f"groups of the same {group}"))
    if time is not None:
        codes = pd.factorize(frame[time], sort=True)[0]
        instants = int(codes.max()) + 1
        length = max(1, round(instants ** (1 / 3)))
        if instants > 1:
            found.append((codes // length, f"blocks of {length} successive values of {time}"))
    return min(found, key=lambda unit: unit[0].max()) if found else (None, "rows")


def distributions(models: dict[str, Rows], task: str, seed: int, clusters: np.ndarray | None) -> dict:
    """Return, by model and metric, its value in each resample. All models see the same resamples."""
    bound = {
        model: {name: metric.bind(rows) for name, metric in metrics_for(task).items()} for model, rows in models.items()
    }
    found = {model: {name: [] for name in values} for model, values in bound.items()}
    for drawn in weights(len(next(iter(models.values())).truth), seed, clusters):
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
