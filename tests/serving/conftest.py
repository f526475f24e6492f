"""A project that serves: the template's own scoring folder, and models trained here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
MAKE_MODEL = Path(__file__).with_name("make_model.py")


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A folder with `scoring/` as the template has it; its environment is built by the first server."""
    root = tmp_path_factory.mktemp("a project with spaces")
    shutil.copytree(TEMPLATE / "scoring", root / "scoring", ignore=shutil.ignore_patterns(".venv", "uv.lock"))
    (root / "config.json").write_text(
        json.dumps({"subscription_id": "0", "resource_group": "g", "workspace_name": "w"})
    )
    return root


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Model folders `regression` and `classification`, each with a `sample-request.json` beside its files."""
    home = tmp_path_factory.mktemp("models")
    for task in ("regression", "classification"):
        subprocess.run([sys.executable, str(MAKE_MODEL), str(home / task), task], check=True)
    return home


@pytest.fixture(autouse=True)
def no_science(monkeypatch):
    """The models here bring a `science` of their own, as all do; what other tests imported must not stand in for it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "science"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PYTHONPATH", str(TEMPLATE / "src"))  # for the commands that the code under test starts


@pytest.fixture
def copied(models, tmp_path):
    """A function that returns a copy of a model, to break."""
    return lambda task="regression": Path(shutil.copytree(models / task, tmp_path / task))
