"""The four steps that every tool of the comparison runs: pandas and scikit-learn on 20,000 rows.

Plain functions over paths; each can be called in one process, or started as `python steps.py NAME PATH...`.
"""

import json
import os
import sys
from pathlib import Path


def make(folder: Path, rows: int = 20_000) -> None:
    """Write a classification problem with 12 columns."""
    import pandas as pd
    from sklearn.datasets import make_classification

    features, target = make_classification(n_samples=rows, n_features=12, random_state=0)
    frame = pd.DataFrame(features, columns=[f"x{number}" for number in range(12)])
    frame["y"] = target
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "raw.parquet")


def prepare(raw: Path, prepared: Path) -> None:
    """Clip outliers."""
    import pandas as pd

    frame = pd.read_parquet(raw / "raw.parquet")
    columns = frame.columns.drop("y")
    frame[columns] = frame[columns].clip(frame[columns].quantile(0.01), frame[columns].quantile(0.99), axis=1)
    _folder(prepared)
    frame.to_parquet(prepared / "prepared.parquet")


def features(prepared: Path, split: Path) -> None:
    """Add products and hold out a fifth."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    frame = pd.read_parquet(prepared / "prepared.parquet")
    for number in range(6):
        frame[f"p{number}"] = frame[f"x{number}"] * frame[f"x{number + 6}"]
    train_rows, test_rows = train_test_split(frame, test_size=0.2, random_state=0)
    _folder(split)
    train_rows.to_parquet(split / "train.parquet")
    test_rows.to_parquet(split / "test.parquet")


def train(split: Path, model: Path) -> None:
    """Fit a logistic regression."""
    import joblib
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = pd.read_parquet(split / "train.parquet")
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200)).fit(frame.drop(columns="y"), frame["y"])
    _folder(model)
    joblib.dump(fitted, model / "model.joblib")
    _log({"rows": len(frame)})


def evaluate(split: Path, model: Path, scores: Path) -> None:
    """Measure it on the held-out rows."""
    import joblib
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    frame = pd.read_parquet(split / "test.parquet")
    fitted = joblib.load(model / "model.joblib")
    score = roc_auc_score(frame["y"], fitted.predict_proba(frame.drop(columns="y"))[:, 1])
    _folder(scores)
    (scores / "scores.json").write_text(json.dumps({"auc": round(float(score), 6)}))
    _log({"auc": float(score)})


def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def _log(metrics: dict[str, float]) -> None:
    """Log to MLflow where the caller asked for it; every tool then logs the same."""
    if os.environ.get("BENCHMARK_TRACKING"):
        import mlflow

        with mlflow.start_run():
            mlflow.log_metrics(metrics)


STEPS = {function.__name__: function for function in (make, prepare, features, train, evaluate)}


def everything(raw: Path, work: Path) -> None:
    """All four in this process."""
    prepare(raw, work / "prepared")
    features(work / "prepared", work / "split")
    train(work / "split", work / "model")
    evaluate(work / "split", work / "model", work / "scores")


if __name__ == "__main__":
    name, *paths = sys.argv[1:]
    (everything if name == "everything" else STEPS[name])(*map(Path, paths))
