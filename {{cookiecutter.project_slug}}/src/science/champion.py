"""The registered champion in an evaluation: whether it can be asked about these rows, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from science import store
from science.contract import Contract
from science.model import predict


@dataclass(frozen=True)
class Answer:
    """What came of asking the champion about the held-out rows."""

    status: str  # none, other-question, cannot-run or compared
    absent: str | None = None  # why it was not compared
    predictions: np.ndarray | None = None  # as `model.predict` returns them, when it was compared
    doubt: str | None = None  # why it may look better than it is
    forbidden: list[str] = field(default_factory=list)  # columns that it knows and the challenger may not

    def report(self) -> dict:
        """Return what the evaluation keeps of it."""
        return {
            "champion_status": self.status,
            "champion_absent": self.absent,
            "champion_split": self.doubt,
            "champion_forbidden": self.forbidden,
        }


def ask(folder: Path, contract: Contract, frame: pd.DataFrame) -> Answer:
    """Let the champion predict the held-out rows.

    Args:
        folder: The registered model, or a folder without one.
        contract: Of the challenger.
        frame: The held-out rows, with every column of the file.
    """
    if not (folder / "MLmodel").is_file():
        return Answer("none", "there is no champion yet")
    try:
        champion = Contract.load(folder)
        if other := _other_question(champion, contract):
            return Answer("other-question", f"the champion answers another question: {other}")
        missing = [name for name in champion.names if name not in frame]
        if missing:
            lost = f"the champion cannot be run: it needs columns that the schema no longer has: {', '.join(missing)}"
            return Answer("cannot-run", lost)
        predictions = predict(store.load(folder), contract, frame)
    except Exception as error:  # whatever an older model, its code or its libraries may raise
        reason = (str(error).splitlines() or [""])[0]
        return Answer("cannot-run", f"the champion cannot be run: {type(error).__name__}: {reason}")
    forbidden = [name for name in champion.names if name not in contract.names]
    return Answer("compared", None, predictions, _doubt(champion, contract), forbidden)


def _other_question(champion: Contract, contract: Contract) -> str | None:
    if (champion.task, champion.target) != (contract.task, contract.target):
        return f"{champion.task} of {champion.target!r}"
    if champion.classes != contract.classes:
        told_apart = (", ".join(map(str, classes)) for classes in (champion.classes, contract.classes))
        return "it tells apart " + " instead of ".join(told_apart)
    return None


def _doubt(champion: Contract, contract: Contract) -> str | None:
    """Say so when the champion may have been trained on rows that are held out now: it looks better than it is.

    The comparison stands, because it can only be too hard on the challenger.
    """
    theirs, ours = dict(champion.split or {}), dict(contract.split or {})
    first = theirs.pop("first_held_out", None), ours.pop("first_held_out", None)
    if theirs == ours and not _is_later(*first):
        return None
    if champion.split is None:
        how = "its contract does not say which rows were held out"
    elif theirs == ours:
        how = f"it learned from rows up to {first[0]}, and rows are held out from {first[1]} on"
    else:
        keys = [key for key in ours if theirs.get(key) != ours[key]]
        named = [
            "the columns or their types were others" if key == "columns" else f"{key} was {theirs.get(key)}"
            for key in keys
        ]
        how = f"its rows were held out by another rule ({named[0] if 'strategy' in keys else ', '.join(named)})"
    return f"{how}, so the champion may have been trained on some of these rows and look better than it is"


def _is_later(theirs: Any, ours: Any) -> bool:
    """Whether a champion of a split by time may have learned from rows that are held out now."""
    if ours is None:
        return False  # not by time
    return type(theirs) is not type(ours) or theirs > ours
