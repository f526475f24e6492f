"""Measure it on the held-out rows."""

import json
import os
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.metrics import roc_auc_score


def evaluate(split: Path, model: Path, scores: Path) -> None:
    """Measure it on the held-out rows."""
    frame = pd.read_parquet(split / "test.parquet")
    fitted = joblib.load(model / "model.joblib")
    score = roc_auc_score(frame["y"], fitted.predict_proba(frame.drop(columns="y"))[:, 1])
    scores.mkdir(parents=True, exist_ok=True)
    (scores / "scores.json").write_text(json.dumps({"auc": round(float(score), 6)}))
    log({"auc": float(score)})


def log(metrics: dict[str, float]) -> None:
    """Log to MLflow where the caller asked for it; every tool then logs the same."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        import mlflow

        with mlflow.start_run():
            mlflow.log_metrics(metrics)


if __name__ == "__main__":
    evaluate(*map(Path, sys.argv[1:]))
