"""An empty MLflow store, made once: creating one takes seconds, copying it does not."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from tdsp import tracking


@pytest.fixture(scope="session")
def empty(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    tracking.make(root)
    return root


@pytest.fixture
def with_store(empty, tmp_path, monkeypatch) -> Callable[[], Path]:
    """A function that returns a project's folder with an empty store of its own."""

    def make() -> Path:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        folder = Path(copytree(empty, tmp_path / "project"))
        tracking.make(folder)
        return folder

    return make
