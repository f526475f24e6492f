"""Hold rows out: at random, stratified by class, whole groups, or the latest in time.

By chance means by what a row holds: a hash of the row (or of its group) and the seed says how far up it stands
between 0 and 1, and what stands below the wanted fraction is held out. So no row that was learned from is held out
when others are added to the table, which keeps a champion from being judged on rows it was trained on. Of equal rows
the hash also takes whether one is the first, the second and so on: each goes its own way, as rows drawn by chance do.
(If they stayed together, the target would decide on which side they are, and in a table of few different rows the
test would say the opposite of what training saw.) The share that is held out is about the fraction, not exactly.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from science.data import NULLS
from science.step import DataError
from science.units import FEWEST_UNITS

FEWEST_ROWS = 20  # to learn from; with less, cross-validation means nothing
FEWEST_OF_A_CLASS = 20  # to learn from; boosting holds a tenth of them out for itself, in each of five folds


def held_out(frame: pd.DataFrame, strategy: str, fraction: float, seed: int, by: str | None) -> pd.Series:
    """Decide which rows are held out for the test.

    Args:
        frame: The table, without nulls in `by`.
        strategy: `random`, `stratified` (of each class in `by` some rows, if it has two that differ), `group`
            (rows that share a value of `by` stay together) or `time` (the latest rows by `by`; rows of the same
            instant stay together).
        fraction: Share of the rows (of `group`: of the groups) to hold out, between 0 and 1; about that many, and of
            groups at least as many as an interval can be drawn from, if as many are left.
        seed: Another one holds out others; not used by `time`.
        by: The column to go by; not used by `random`.

    Returns:
        A boolean for each row, in the frame's order; some rows are held out, and not all.

    Raises:
        DataError: the rows cannot be divided like that.
    """
    if by is not None and frame[by].isna().any():
        raise DataError(f"{by}: {frame[by].isna().sum()} rows have no value, so the {strategy} split cannot place them")
    if strategy == "time":
        chosen = _latest(frame[by], fraction)
    elif strategy == "group":
        if frame[by].nunique() < 2:
            raise DataError(f"{by}: all rows belong to one group, so none can be held out whole")
        chosen = _below(_places(frame[[by]], seed), fraction, _fewest_groups(frame[by]))
    else:
        places = _places(frame, seed, apart=True)
        chosen = _below(places, fraction)
        if strategy == "stratified":
            for rows in frame.groupby(by, sort=False).indices.values():
                chosen[rows] = _below(places[rows], fraction)
    left = int((~chosen).sum())
    if left < FEWEST_ROWS:
        raise DataError(f"{left} of {len(frame)} rows are left to learn from, at least {FEWEST_ROWS} are needed")
    if not chosen.any():
        raise DataError(f"{by}: no class has two rows, so none can be held out")
    return pd.Series(chosen, index=frame.index, name="held_out")


def rule_of(frame: pd.DataFrame, strategy: str, fraction: float, seed: int, by: str | None) -> dict:
    """Return what decides on which side a row falls, without what plays no part.

    A row that one split learns from is never held out by another of the same rule, unless rows were taken away or, by
    time, the other begins to hold out earlier: `first_held_out` is the earliest value of `by` that is held out.
    """
    rule = {"strategy": strategy, "test_fraction": fraction, "by": by}
    if strategy == "time":
        first = frame.loc[_latest(frame[by], fraction), by].min()
        rule["first_held_out"] = first.isoformat() if isinstance(first, pd.Timestamp) else float(first)
    else:
        hashed = [by] if strategy == "group" else frame.columns
        rule |= {"seed": seed, "columns": [[str(name), _kind(frame[name])] for name in hashed]}  # lists, as in JSON
    if strategy == "group":
        rule["fewest_groups"] = _fewest_groups(frame[by])
    return rule


def _fewest_groups(values: pd.Series) -> int:
    """Return how many groups to hold out at least."""
    return FEWEST_UNITS if values.nunique() >= 2 * FEWEST_UNITS else 1


def _places(frame: pd.DataFrame, seed: int, *, apart: bool = False) -> np.ndarray:
    """Return a number from 0 to 1 for each row, the same for the same content and seed wherever the row stands.

    Args:
        frame: What decides.
        seed: Another one gives others.
        apart: Whether equal rows get numbers of their own, in their order; the first has the one that it would
            have alone.
    """
    key = hashlib.sha256(f"seed {seed}".encode()).hexdigest()
    hashes = pd.util.hash_pandas_object(frame.apply(_canonical), index=False, hash_key=key[:16]).to_numpy()
    if apart:
        hashes = hashes + pd.Series(hashes).groupby(hashes).cumcount().to_numpy(np.uint64)
    return pd.util.hash_array(hashes ^ np.uint64(int(key[16:32], 16))) / 2.0**64


def _canonical(values: pd.Series) -> pd.Series:
    """Return values whose hash does not depend on the rest of the column: a gap turns whole numbers into floats."""
    kind = _kind(values)
    if kind == "number":
        return values.astype("float64") + 0.0  # -0 is 0
    if kind == "datetime":
        return values.astype("datetime64[ns]")
    return values.where(~values.isin(NULLS))  # the schema may take such a word for a value, or for a gap


def _kind(values: pd.Series) -> str:
    """Return what a column is hashed as: the same cells have another hash as a number than as text."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return "datetime"
    return "number" if pd.api.types.is_numeric_dtype(values) else "text"  # booleans are numbers, too


def _below(places: np.ndarray, fraction: float, fewest: int = 1) -> np.ndarray:
    """Return which places are below the fraction: the `fewest` lowest at least, and not all, if there are two."""
    chosen = (places < fraction) | (places <= np.unique(places)[fewest - 1])
    return chosen if not chosen.all() else places < places.max()


def _latest(values: pd.Series, fraction: float) -> np.ndarray:
    instants, counts = np.unique(values.to_numpy(), return_counts=True)
    if len(instants) < 2:
        raise DataError(f"{values.name}: all rows have the same time, so none is the latest")
    later = np.cumsum(counts[::-1])[::-1][1:]  # rows at or after each instant but the first
    first = instants[1:][np.abs(later - fraction * len(values)).argmin()]
    return (values >= first).to_numpy()


def copies_across(frame: pd.DataFrame, test: pd.Series) -> int:
    """Return how many held-out rows have an exact copy among the others."""
    rows = pd.util.hash_pandas_object(frame, index=False)
    return int(rows[test].isin(rows[~test]).sum())
