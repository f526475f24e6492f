"""A run's evidence, small and hand-written, shaped as the steps leave it."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path


def png(shade: int = 200) -> bytes:
    """Return a picture of one grey pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def facts(**changes) -> dict:
    """Return the facts of `project.yml` as a mapping; `changes` replace whole entries."""
    return {
        "project": {
            "name": "Disease Progression",
            "slug": "disease-progression",
            "question": "Who needs care?",
        },
        "task": "regression",
        "data": {"file": "diabetes.csv", "target": "progression", "sensitive": ["sex"]},
        "split": {"strategy": "random", "test_fraction": 0.2, "seed": 42},
        "metric": "mae",
        "gate": {"threshold": 60, "confidence": 0.95, "group_threshold": 70, "group_min_rows": 20},
        "environments": {"dev": {}, "prod": {}},
        "people": {"owner": "ada"},
        **changes,
    }


def contract() -> dict:
    """Return the contract of a table with two features."""
    kind = {"categories": None, "minimum": 0, "maximum": 120, "nullable": False}
    return {
        "task": "regression",
        "target": "progression",
        "positive": None,
        "classes": None,
        "metric": "mae",
        "features": [{"name": "age", "type": "integer", **kind}, {"name": "bmi", "type": "float", **kind}],
        "sensitive": ["sex"],
        "time": None,
        "group": None,
        "seed": 42,
        "confidence": 0.95,
        "group_min_rows": 20,
        "rows": {"train": 353, "test": 89},
        "data": {"file": "diabetes.csv", "sha256": "d" * 64, "rows": 442, "columns": 4},
    }


def quality() -> dict:
    """Return what `prepare` found in good data."""
    number = {
        "missing": 0,
        "unique": 58,
        "mean": 48.5,
        "std": 13.1,
        "min": 19,
        "quartiles": [38.2, 50, 59],
        "max": 79,
    }
    return {
        "passed": True,
        "rows": 442,
        "columns": 4,
        "checks": [{"column": "age", "check": "in range 0 to 120", "passed": True, "failures": 0, "examples": []}],
        "duplicates": {"rows": 0, "across_split": 0},
        "constant_columns": [],
        "variables": [
            {"name": "age", "type": "integer", **number, "top": None},
            {"name": "bmi", "type": "float", **number, "top": None},
        ],
        "target": {"name": "progression", "type": "float", **number, "top": None},
        "ranking": [{"name": "bmi", "score": 0.31}, {"name": "age", "score": 0.02}],
    }


def compared(improvement: float, low: float, high: float) -> dict:
    """Return one comparison; positive means that the challenger is better."""
    return {"improvement": improvement, "low": low, "high": high, "confidence": 0.95, "resamples": 1000}


def metrics(mae: float = 44.0, dummy: dict | None = None, champion: dict | None = None) -> dict:
    """Return what `evaluate` found; `champion` is the comparison with one, if there is one."""

    def model(value: float) -> dict:
        return {
            "mae": {"value": value, "low": value - 4, "high": value + 4},
            "r2": {"value": 0.4, "low": 0.2, "high": 0.5},
        }

    models = {"challenger": model(mae), "dummy": model(64.0), "linear": model(43.0)}
    comparisons = {"dummy": dummy or compared(20, 12, 28), "linear": compared(-1, -4, 2)}
    if champion:
        models["champion"] = model(mae + champion["improvement"])
        comparisons["champion"] = champion
    return {
        "task": "regression",
        "metric": "mae",
        "higher_is_better": False,
        "rows": 89,
        "models": models,
        "comparisons": comparisons,
        "groups": [
            {"column": "sex", "value": 1, "rows": 45, "metric_value": 43.0, "judged": True},
            {"column": "sex", "value": 2, "rows": 44, "metric_value": 45.0, "judged": True},
        ],
        "importance": [
            {"feature": "bmi", "mean": 9.1, "std": 1.2},
            {"feature": "age", "mean": 0.2, "std": 0.1},
        ],
        "sampled": {"unit": "groups of the same patient", "units": 31, "resamples": 1000},
        "champion_absent": None if champion else "there is no champion yet",
        "same_as_champion": False,
    }


def outcome(**changes) -> dict:
    """Return what `register` decided."""
    return {
        "outcome": "registered",
        "model": "disease-progression",
        "version": 1,
        "reason": "mae 44",
        "checks": [
            {"name": "data", "passed": True, "detail": "all 1 checks of 442 rows passed", "judged": True},
            {"name": "groups", "passed": True, "detail": "no sensitive column is named", "judged": False},
        ],
        "lineage": {
            "data_file": "diabetes.csv",
            "data_sha256": "d" * 64,
            "commit": "c" * 40,
            "dirty": False,
            "lock_sha256": "",
            "run_id": "20261121-120000-abc",
            "started_by": "Ada",
            "model_sha256": "e" * 64,
        },
        **changes,
    }


def training() -> dict:
    """Return what `train` fitted."""
    return {
        "parameters": {"learning_rate": 0.1, "max_iter": 200},
        "estimator": "75% linear + 25% boosting",
        "weights": {"linear": 0.75, "boosting": 0.25},
        "features": ["age", "bmi"],
        "columns": ["age", "bmi"],
        "seconds": 0.61,
        "validation": {
            "metric": "mae",
            "value": 44.8,
            "folds": 5,
            "judged_on": "rows by chance",
            "instead_of": "later rows",
            "rows": 353,
            "candidates": [
                {"linear": 1.0, "boosting": 0.0, "value": 45.0},
                {"linear": 0.75, "boosting": 0.25, "value": 44.8},
            ],
        },
    }


def broken_folder(root: Path, run: str = "20261121-130000-bad", checks: list[dict] | None = None) -> Path:
    """Write a run below `root` that ended because the data fails its schema, and name it the latest."""
    folder = root / ".tdsp" / "runs" / run
    write(folder / "run.json", {"pipeline": "train", "started": "2026-11-21T13:00:00+00:00", "status": "failed"})
    examples = [{"row": 7, "value": 130}, {"row": 9, "value": 121}]
    failed = [
        {"column": "age", "check": "in range 0 to 120", "passed": False, "failures": 12, "examples": examples},
        {"column": "bmi", "check": "present", "passed": False, "failures": 1, "examples": [{"row": None}]},
        {"column": "sex", "check": "one of 1, 2", "passed": True, "failures": 0, "examples": []},
    ]
    quality = {"passed": False, "rows": 442, "columns": 4, "checks": checks or failed}
    write(folder / "failed" / "prepare" / "quality" / "quality.json", quality)
    (folder.parent / "latest").write_text(run, encoding="utf-8")
    return folder


def write(path: Path, content: object) -> None:
    """Write JSON; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def model(folder: Path, content: str = "one") -> Path:
    """Write a folder that looks like an MLflow model."""
    write(folder / "contract.json", contract())
    write(folder / "training.json", training())
    (folder / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    (folder / "model.skops").write_text(content, encoding="utf-8")
    return folder


def run_folder(root: Path, run: str = "20261121-120000-abc", **parts: dict) -> Path:
    """Write a finished run below `root` and name it the latest; `parts` replace what it left."""
    folder = root / ".tdsp" / "runs" / run
    outputs = folder / "outputs"
    write(
        folder / "run.json",
        {"pipeline": "train", "started": "2026-11-21T12:00:00+00:00", "status": "completed"},
    )
    write(outputs / "prepare" / "quality" / "quality.json", parts.get("quality") or quality())
    (outputs / "prepare" / "quality" / "target.png").write_bytes(png())
    model(outputs / "train" / "model")
    if "training" in parts:
        write(outputs / "train" / "model" / "training.json", parts["training"])
    if "contract" in parts:
        write(outputs / "train" / "model" / "contract.json", parts["contract"])
    write(outputs / "evaluate" / "evaluation" / "metrics.json", parts.get("metrics") or metrics())
    plots = outputs / "evaluate" / "evaluation" / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    (plots / "residuals.png").write_bytes(png(100))
    write(outputs / "register" / "registration" / "outcome.json", parts.get("outcome") or outcome())
    (folder.parent / "latest").write_text(run, encoding="utf-8")
    return folder
