"""Write a classification problem with 12 columns."""

import sys
from pathlib import Path

import pandas as pd
from sklearn.datasets import make_classification


def make(folder: Path, rows: int = 20_000) -> None:
    """Write a classification problem with 12 columns."""
    features, target = make_classification(n_samples=rows, n_features=12, random_state=0)
    frame = pd.DataFrame(features, columns=[f"x{number}" for number in range(12)])
    frame["y"] = target
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "raw.parquet")


if __name__ == "__main__":
    make(*map(Path, sys.argv[1:]))
