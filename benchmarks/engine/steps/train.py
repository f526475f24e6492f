"""Fit a logistic regression."""

import os
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(split: Path, model: Path) -> None:
    """Fit a logistic regression."""
    frame = pd.read_parquet(split / "train.parquet")
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(frame.drop(columns="y"), frame["y"])
    model.mkdir(parents=True, exist_ok=True)
    joblib.dump(fitted, model / "model.joblib")
    log({"rows": len(frame)})


def log(metrics: dict[str, float]) -> None:
    """Log to MLflow where the caller asked for it; every tool then logs the same."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        import mlflow

        with mlflow.start_run():
            mlflow.log_metrics(metrics)


if __name__ == "__main__":
    train(*map(Path, sys.argv[1:]))
