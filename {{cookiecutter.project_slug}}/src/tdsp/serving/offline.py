"""Predict a sample request without any server: `python -m tdsp.serving.offline MODEL SAMPLE SCORING` prints JSON.

The model is loaded by `SCORING/model_folder.py`, which opens `model.skops` alone and trusts a fixed list. MLflow's own
loader believes `MLmodel`, which may name a pickle. Rows and answer are made here, so the request, the server and its
environment are checked against something else. It is a process of its own because a model brings its own `science`, and
a process can import only one.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path


def predict(model: Path, sample: Path, scoring: Path) -> dict[str, list]:
    """Return what the server should answer.

    Args:
        model: a folder with `MLmodel`, `model.skops` and `contract.json`.
        sample: JSON `{"data": [{column: value, …}, …]}` that fits the contract.
        scoring: the project's folder with `model_folder.py`.
    """
    import pandas as pd

    sys.path.insert(0, str(scoring))
    import model_folder

    contract = json.loads((model / "contract.json").read_text(encoding="utf-8"))
    rows = json.loads(sample.read_text(encoding="utf-8"))["data"]
    frame = pd.DataFrame(rows)[[feature["name"] for feature in contract["features"]]]
    for feature in contract["features"]:
        if feature["type"] == "datetime":
            frame[feature["name"]] = pd.to_datetime(frame[feature["name"]], utc=True).dt.tz_localize(None)
    estimator = model_folder.load(model.resolve()).model
    answer = {"predictions": estimator.predict(frame).tolist()}
    if contract["task"] == "classification":
        classes = estimator.classes_.tolist()
        answer["probabilities"] = [
            dict(zip(classes, row, strict=True)) for row in estimator.predict_proba(frame).tolist()
        ]
    return answer


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    try:
        print(json.dumps(predict(*map(Path, sys.argv[1:4]))))
    except Exception as failure:
        raise SystemExit(f"{type(failure).__name__}: {failure}") from None
