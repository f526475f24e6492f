"""The whole pipeline, as `tdsp run` runs it: a study comes in, a model is registered, a worse one is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from science.sample import sample
from tdsp import files

PARTS = ("data", "docs", "pipelines", "project.yml", "pyproject.toml", "scoring", "src")
LEFT_OUT = shutil.ignore_patterns(".venv", "__pycache__")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="steps run in bash: use WSL or a dev container")


def tdsp(project: Path, *words: str) -> str:
    """Run a command of the project in `project` and return what it said; it must end well."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TDSP_"))}
    done = subprocess.run(
        [sys.executable, "-c", "from tdsp.cli import main; main()", *words],
        cwd=project,
        env=variables | {"PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def last(project: Path, name: str) -> dict:
    """Return a JSON file of the last run."""
    runs = project / ".tdsp" / "runs"
    return json.loads((runs / (runs / "latest").read_text().strip() / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project, with a study in place of its data: your own may be too large for a test."""
    folder = tmp_path_factory.mktemp("pipeline") / "project"
    for part in PARTS:
        place = root / part
        if place.is_dir():
            shutil.copytree(place, folder / part, ignore=lambda at, names: {*LEFT_OUT(at, names), *_data(at, names)})
        else:
            shutil.copy(place, folder / part)
    study = folder.parent / "study.csv"
    sample("diabetes", study)
    tdsp(folder, "data", "add", str(study), "--target", "progression", "--sensitive", "sex")
    return folder


def _data(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != "README.md"] if Path(folder).parts[-2:] == ("data", "raw") else []


def test_a_study_becomes_a_champion_that_only_a_better_model_replaces(project):
    assert "registered: " in tdsp(project, "run")
    first = last(project, "outcome.json")
    assert (first["outcome"], first["version"]) == ("registered", 1)
    assert all(check["passed"] for check in first["checks"])
    page = project / "docs" / "reports" / "train.html"
    assert first["lineage"]["data_sha256"] == files.sha256_of(project / "data" / "raw" / "study.csv")
    assert first["lineage"]["data_sha256"] in page.read_text(encoding="utf-8")

    tdsp(project, "score", "data/raw/study.csv", "--batch")
    scored = pd.read_csv(project / "data" / "raw" / "study.predictions.csv")
    rows = pd.read_csv(project / "data" / "raw" / "study.csv")
    assert scored["row"].tolist() == list(range(1, len(rows) + 1))
    assert (scored["prediction"] - rows["progression"]).abs().mean() < 50
    (project / "data" / "raw" / "study.predictions.csv").unlink()

    said = tdsp(project, "run", "--set", "inputs.max_iter=1", "--set", "inputs.learning_rate=0.001")
    assert "refused: " in said
    states = {name: step["state"] for name, step in last(project, "run.json")["steps"].items()}
    assert states == {"prepare": "cached", "train": "ok", "evaluate": "ok", "register": "ok"}
    worse = last(project, "outcome.json")
    assert (worse["outcome"], worse["version"]) == ("refused", 1)
    assert [check["name"] for check in worse["checks"] if not check["passed"]] == ["champion"]
    (version,) = json.loads(tdsp(project, "models", "--json"))
    assert version["champion"]
    assert version["tags"]["tdsp.model_sha256"] == first["lineage"]["model_sha256"]
