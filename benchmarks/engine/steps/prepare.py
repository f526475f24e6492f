"""Clip outliers."""

import sys
from pathlib import Path

import pandas as pd


def prepare(raw: Path, prepared: Path) -> None:
    """Clip outliers."""
    frame = pd.read_parquet(raw / "raw.parquet")
    columns = frame.columns.drop("y")
    frame[columns] = frame[columns].clip(frame[columns].quantile(0.01), frame[columns].quantile(0.99), axis=1)
    prepared.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(prepared / "prepared.parquet")


if __name__ == "__main__":
    prepare(*map(Path, sys.argv[1:]))
