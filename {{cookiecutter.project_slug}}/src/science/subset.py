"""Some of many rows, for what takes long and changes little with more of them."""

from __future__ import annotations

import pandas as pd

from science.contract import Contract


def subset(contract: Contract, frame: pd.DataFrame, rows: int, of_each_class: int) -> pd.DataFrame:
    """Return about that many rows by chance, but not too few of any class; all of them if there are no more."""
    if len(frame) <= rows:
        return frame
    shuffled = frame.sample(frac=1, random_state=contract.seed)
    if contract.task == "regression":
        return shuffled.head(rows)
    target = shuffled[contract.target]
    wanted = (target.value_counts() * rows / len(frame)).clip(lower=of_each_class)
    return shuffled[shuffled.groupby(contract.target).cumcount() < target.map(wanted)]
