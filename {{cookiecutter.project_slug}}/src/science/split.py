"""Hold rows out: at random, stratified by class, whole groups, or the latest in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from science.step import DataError

FEWEST_ROWS = 20  # to learn from; with less, cross-validation means nothing


def held_out(frame: pd.DataFrame, strategy: str, fraction: float, seed: int, by: str | None) -> pd.Series:
    """Decide which rows are held out for the test.

    Args:
        frame: The table, without nulls in `by`.
        strategy: `random`, `stratified` (by the classes in `by`), `group` (rows that share a value of `by`
            stay together) or `time` (the latest rows by `by`; rows of the same instant stay together).
        fraction: Share of the rows to hold out, between 0 and 1. `group` and `time` come as near as they can.
        seed: Of the random generator.
        by: The column to go by; not used by `random`.

    Returns:
        A boolean for each row, in the frame's order; some rows are held out, and not all.

    Raises:
        DataError: the rows cannot be divided like that.
    """
    if by is not None and frame[by].isna().any():
        raise DataError(f"{by}: {frame[by].isna().sum()} rows have no value, so the {strategy} split cannot place them")
    if strategy == "group":
        chosen = _groups(frame[by], fraction, seed)
    elif strategy == "time":
        chosen = _latest(frame[by], fraction)
    else:
        chosen = _at_random(frame, fraction, seed, frame[by] if strategy == "stratified" else None)
    if (~chosen).sum() < FEWEST_ROWS:
        raise DataError(f"{(~chosen).sum()} rows are left to learn from, at least {FEWEST_ROWS} are needed")
    return pd.Series(chosen, index=frame.index, name="held_out")


def _at_random(frame: pd.DataFrame, fraction: float, seed: int, classes: pd.Series | None) -> np.ndarray:
    try:
        _, test = train_test_split(np.arange(len(frame)), test_size=fraction, random_state=seed, stratify=classes)
    except ValueError as error:
        raise DataError(f"{len(frame)} rows cannot be split: {str(error).split('.')[0]}") from None
    return np.isin(np.arange(len(frame)), test)


def _groups(values: pd.Series, fraction: float, seed: int) -> np.ndarray:
    codes, groups = pd.factorize(values)
    if len(groups) < 2:
        raise DataError(f"{values.name}: all rows belong to one group, so none can be held out whole")
    order = np.random.default_rng(seed).permutation(len(groups))
    taken = np.cumsum(np.bincount(codes)[order])
    number = _nearest(taken[:-1], fraction * len(values)) + 1  # groups to hold out; at least one stays
    return np.isin(codes, order[:number])


def _latest(values: pd.Series, fraction: float) -> np.ndarray:
    instants, counts = np.unique(values.to_numpy(), return_counts=True)
    if len(instants) < 2:
        raise DataError(f"{values.name}: all rows have the same time, so none is the latest")
    later = np.cumsum(counts[::-1])[::-1][1:]  # rows at or after each instant but the first
    first = instants[1:][_nearest(later, fraction * len(values))]
    return (values >= first).to_numpy()


def _nearest(counts: np.ndarray, wanted: float) -> int:
    return int(np.abs(counts - wanted).argmin())


def copies_across(frame: pd.DataFrame, test: pd.Series) -> int:
    """Return how many held-out rows have an exact copy among the others."""
    rows = pd.util.hash_pandas_object(frame, index=False)
    return int(rows[test].isin(rows[~test]).sum())
