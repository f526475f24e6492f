"""Tell MLflow, if this step runs inside a run that somebody started for it."""

from __future__ import annotations

import os


def log(params: dict | None = None, metrics: dict[str, float] | None = None) -> None:
    """Log to the run named by `MLFLOW_RUN_ID`; without one, do nothing."""
    if "MLFLOW_RUN_ID" not in os.environ:
        return
    import mlflow  # takes a second, so only when it is needed

    with mlflow.start_run():
        mlflow.log_params(params or {})
        mlflow.log_metrics(metrics or {})
