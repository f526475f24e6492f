"""What of the held-out rows is independent of each other, and whether that is enough to tell a model from noise."""

from __future__ import annotations

import numpy as np
import pandas as pd

# What an interval can be drawn from. The fewer units, the shorter it is for what it promises: of models that are no
# better than another, a 95 % interval lets 2.5 % through with many units, 5 % with 8, 12 % with 3, half of them with 1.
FEWEST_UNITS = 8


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
        length = max(1, round((int(codes.max()) + 1) ** (1 / 3)))
        found.append((codes // length, f"blocks of {length} successive values of {time}"))
    return min(found, key=lambda unit: unit[0].max()) if found else (None, "rows")


def count_of(rows: int, clusters: np.ndarray | None) -> int:
    """Return how many units that many rows are."""
    return rows if clusters is None else int(clusters.max()) + 1


def too_few(frame: pd.DataFrame, time: str | None, group: str | None) -> str | None:
    """Say so, and what to do, when the held-out rows are too few units to draw an interval from.

    Groups that are all known, now and later, are not there by chance: then rows may be drawn by themselves.
    """
    clusters, unit = clusters_of(frame, time, group)
    count = count_of(len(frame), clusters)
    if count >= FEWEST_UNITS:
        return None
    ways = "bring more data or raise split.test_fraction"
    if unit.startswith("groups"):
        alone = "if new rows will be of these groups only, set data.group to null and split.strategy to random"
        ways = f"bring rows of more groups, raise split.test_fraction or, {alone}"
    return f"fewer than {FEWEST_UNITS} {unit} are held out ({count}), too few to tell a model from noise: {ways}"
