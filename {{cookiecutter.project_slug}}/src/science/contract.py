"""What the training and held-out rows are: all that the later steps and the scoring script need to know."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from science.step import write_json

FILE = "contract.json"


def positive_of(classes: list) -> str | int | bool | None:
    """Return the class that counts as "yes" when nobody says: of two the last in order; none of more."""
    return classes[-1] if len(classes) == 2 else None


@dataclass(frozen=True)
class Feature:
    """One column that the model takes, as it comes in the raw data.

    `categories`, where given, are the only values allowed; `minimum` and `maximum` are inclusive.
    """

    name: str
    type: str  # float, integer, boolean, string or datetime
    categories: list | None = None
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False


@dataclass(frozen=True)
class Contract:
    """What `prepare` promises everything after it; saved beside the split and inside the model."""

    task: str  # regression or classification
    target: str
    positive: str | int | bool | None  # the class that counts as "yes"; two classes only
    classes: list | None  # in the order of the model's probabilities
    metric: str
    features: list[Feature]
    sensitive: list[str]
    time: str | None
    group: str | None
    seed: int
    confidence: float  # of every interval, between 0 and 1
    group_min_rows: int
    rows: dict[str, int]  # train, test
    data: dict  # file, sha256, rows, columns
    split: dict | None = None  # what decided which rows are held out (`split.rule_of`)

    @property
    def names(self) -> list[str]:
        """The feature columns, in the model's order."""
        return [feature.name for feature in self.features]

    @property
    def positive_place(self) -> int | None:
        """The place of the positive class among the classes."""
        return None if self.positive is None else self.classes.index(self.positive)

    def coded(self, target: pd.Series) -> np.ndarray:
        """Return the target as values (regression) or as the place of each row's class."""
        if self.task == "regression":
            return target.to_numpy(dtype=float)
        return pd.Index(self.classes).get_indexer(target)

    def save(self, folder: Path) -> None:
        """Write the contract into `folder`."""
        write_json(folder / FILE, dataclasses.asdict(self))

    @classmethod
    def load(cls, folder: Path) -> Contract:
        """Read the contract of `folder`."""
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        features = [Feature(**feature) for feature in content.pop("features")]
        return cls(features=features, **content)
