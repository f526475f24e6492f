"""What the tests share: this project's folder, and two real studies taken through all steps once.

Studies are imported where they are made: the process that only hands out tests needs none of the libraries.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from studies import Study

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


@pytest.fixture(scope="session")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return _study(tmp_path_factory, "diabetes", "progression", "mae", sensitive=["sex", "age"])


@pytest.fixture(scope="session")
def classification(tmp_path_factory: pytest.TempPathFactory) -> Study:
    columns = {"columns": "mean_.*|diagnosis", "positive": "malignant"}
    return _study(tmp_path_factory, "breast-cancer", "diagnosis", "roc_auc", **columns)


def _study(places: pytest.TempPathFactory, name: str, *facts: str, **more: Any) -> Study:
    """Return a study; what one worker made the others take."""
    from studies import Study, study

    own = places.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"study-{name}"
    if not shared.exists():
        made = study(places.mktemp(name), name, *facts, **more)
        try:
            made.folder.rename(shared)
        except OSError:  # another worker was faster
            if not shared.exists():
                raise
    return Study(shared)


@pytest.fixture(params=["regression", "classification"])
def either(request: pytest.FixtureRequest) -> Study:
    """Each study in turn."""
    return request.getfixturevalue(request.param)
