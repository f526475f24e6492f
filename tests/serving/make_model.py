"""Write a model folder as `science.train` does, with a column of every type: `make_model.py FOLDER TASK`."""

import json
import sys
import tempfile
from pathlib import Path

FEATURES = '''
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class Features(TransformerMixin, BaseEstimator):
    """Everything as numbers."""

    def fit(self, frame, target=None):
        self.columns_ = list(frame.columns)
        return self

    def transform(self, frame):
        assert list(frame.columns) == self.columns_
        out = {}
        for name in frame:
            column = frame[name]
            if pd.api.types.is_datetime64_dtype(column):
                column = column.dt.hour
            elif column.dtype == object:
                column = column.map(lambda text: np.nan if text is None else len(text))
            out[name] = column.astype(float)
        return pd.DataFrame(out)
'''
ODD = "a \\ 'b' \"c\" \u0301 and a name that is a good deal longer than forty characters"
CONTRACT = [
    {"name": "day", "type": "datetime"},
    {"name": "temp °C", "type": "float", "minimum": -30, "maximum": 50, "nullable": True},
    {"name": ODD, "type": "float"},
    {"name": "hour", "type": "integer", "minimum": 0, "maximum": 23},
    {"name": "guests", "type": "integer", "nullable": True},
    {"name": "season", "type": "integer", "categories": [1, 2, 3, 4]},
    {"name": "holiday", "type": "boolean"},
    {"name": "rain", "type": "boolean", "nullable": True},
    {"name": "city", "type": "string", "categories": ["Århus", "Basel", "O'Hare"]},
    {"name": "note", "type": "string", "nullable": True},
]
DEFAULTS = {"categories": None, "minimum": None, "maximum": None, "nullable": False}


def main(folder: Path, task: str) -> None:
    code = Path(tempfile.mkdtemp()) / "science"
    code.mkdir()
    (code / "__init__.py").write_text("")
    (code / "features.py").write_text(FEATURES)
    sys.path.insert(0, str(code.parent))

    import mlflow
    import numpy as np
    import pandas as pd
    from science.features import Features
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline

    random, size = np.random.default_rng(0), 400
    frame = pd.DataFrame(
        {
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 9000, size), "h"),
            "temp °C": np.where(random.random(size) < 0.1, np.nan, random.normal(10, 5, size)),
            ODD: random.random(size),
            "hour": random.integers(0, 24, size),
            "guests": np.where(random.random(size) < 0.1, np.nan, random.integers(0, 9, size)),
            "season": random.integers(1, 5, size),
            "holiday": random.random(size) < 0.5,
            "rain": np.where(random.random(size) < 0.1, np.nan, random.integers(0, 2, size)),
            "city": random.choice(["Århus", "Basel", "O'Hare"], size),
            "note": np.where(random.random(size) < 0.3, None, "x" * 3),
        }
    )
    signal = frame["hour"] + 3 * frame["season"] + frame[ODD]
    classes = ["high", "low", "middle"]
    target = signal if task == "regression" else np.select([signal < 12, signal > 24], ["low", "high"], "middle")
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    model = make_pipeline(Features(), kind(max_iter=20, random_state=0)).fit(frame, target)
    import skops.io

    mlflow.sklearn.save_model(
        model,
        folder,
        serialization_format="skops",
        skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
        pip_requirements=["scikit-learn"],
        code_paths=[str(code)],
    )
    contract = {"task": task, "classes": None if task == "regression" else classes}
    contract["features"] = [{**DEFAULTS, **feature} for feature in CONTRACT]
    (folder / "contract.json").write_text(json.dumps(contract))
    sample = json.loads(frame.head(4).to_json(orient="records", date_format="iso"))
    for row in sample:
        row["rain"] = None if row["rain"] is None else bool(row["rain"])
    (folder / "sample-request.json").write_text(json.dumps({"data": sample}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
