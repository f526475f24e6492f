"""Add products and hold out a fifth."""

import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split


def features(prepared: Path, split: Path) -> None:
    """Add products and hold out a fifth."""
    frame = pd.read_parquet(prepared / "prepared.parquet")
    for number in range(6):
        frame[f"p{number}"] = frame[f"x{number}"] * frame[f"x{number + 6}"]
    train_rows, test_rows = train_test_split(frame, test_size=0.2, random_state=0)
    split.mkdir(parents=True, exist_ok=True)
    train_rows.to_parquet(split / "train.parquet")
    test_rows.to_parquet(split / "test.parquet")


if __name__ == "__main__":
    features(*map(Path, sys.argv[1:]))
