"""The folder `infra/` of generated projects."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def infra(baked, tmp_path) -> Path:
    """A copy of the default project's `infra/`, with the project.yml that its parameter files read."""
    return copy_of(baked("the defaults").root, tmp_path / "project")


@pytest.fixture
def copied(baked, tmp_path) -> Callable[[str], Path]:
    """`copied("a chosen workspace")` is a copy of that project's `infra/`."""
    return lambda name: copy_of(baked(name).root, tmp_path / "project")


def copy_of(root: Path, into: Path) -> Path:
    shutil.copytree(root / "infra", into / "infra")
    shutil.copy(root / "project.yml", into)
    return into / "infra"
