"""What the tests share: this project's folder, and two real studies taken through all steps once."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from science.contract import Contract
from science.evaluate import evaluate
from science.infer import infer
from science.prepare import prepare
from science.sample import sample
from science.train import train

if "PYTEST_XDIST_WORKER" in os.environ:  # each has a core to itself; two that use them all get in each other's way
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: a worker that has finished the rest takes over what is left of it."""
    items.sort(key=lambda item: item.path.name not in ("test_pipeline.py", "test_notebooks.py"))


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def facts(root: Path) -> dict:
    return yaml.safe_load((root / "project.yml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Study:
    """A folder with a study and what the steps made of it."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / name

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def facts(self) -> dict:
        return yaml.safe_load((self.folder / "facts.yml").read_text(encoding="utf-8"))

    def contract(self) -> Contract:
        return Contract.load(self.folder / "split")

    def test_rows(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "split" / "test.parquet")


def study(folder: Path, name: str, target: str, metric: str, columns: str = ".*", **more: str) -> Study:
    """Bring a study in, with those of its columns that fit a pattern, and take it through the steps."""
    made = Study(folder)
    file = made.raw / f"{name}.csv"
    sample(name, file)
    table = pd.read_csv(file)
    table[[column for column in table if re.fullmatch(columns, column)]].to_csv(file, index=False)
    names = {key: made.folder / f"{key}.txt" for key in ("dictionary", "request")}
    infer(file, target, schema=made.schema, findings=made.findings, **names)
    found = made.json("findings")
    facts = {
        "task": found["task"],
        "data": {"file": file.name, "target": target, "positive": None, "sensitive": [], **more},
        "split": {"strategy": found["strategy"], "test_fraction": 0.2, "seed": 1},
        "metric": metric,
        "gate": {"confidence": 0.95, "group_min_rows": 20},
    }
    (folder / "facts.yml").write_text(yaml.safe_dump(facts), encoding="utf-8")
    prepare(made.raw, made.schema, folder / "facts.yml", split=made.split, quality=made.quality)
    train(made.split, made.model, made.baselines, max_iter=50)
    evaluate(made.split, made.model, made.baselines, champion=made.nobody, evaluation=made.evaluation)
    return made


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("regression")
    return study(folder, "diabetes", "progression", "mae", sensitive=["sex", "age"])


@pytest.fixture(scope="session")
def classification(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("classification")
    return study(folder, "breast-cancer", "diagnosis", "roc_auc", "mean_.*|diagnosis", positive="malignant")


@pytest.fixture(params=["regression", "classification"])
def either(request: pytest.FixtureRequest) -> Study:
    """Each study in turn."""
    return request.getfixturevalue(request.param)
