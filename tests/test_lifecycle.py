"""The promise of the first minute, kept in an environment of the project's own."""

import shutil
import subprocess
import sys
import tomllib

import pytest
from console import Reader, commands

import make

pytestmark = pytest.mark.slow

# The set that was tried out together; a floor alone would let a resolver pick a museum piece or a stranger.
RESOLVED = {
    "azure-ai-ml": "1.34.1",
    "azureml-mlflow": "1.62.0.post6",
    "mlflow": "3.15.0",
    "mlflow-skinny": "3.15.0",
    "pandas": "2.3.3",
    "scikit-learn": "1.9.1",
}


@pytest.fixture(scope="module", params=["the defaults", "a classification"])
def lived(request, baked, tmp_path_factory):
    """A project whose owner typed every command of its README."""
    root = tmp_path_factory.mktemp("lived") / "a project"
    shutil.copytree(baked(request.param).root, root)
    reader = Reader(root, make.environment())
    for command in commands((root / "README.md").read_text(encoding="utf-8")):
        reader.type(command.text)
    return root


def uv(*arguments, at):
    result = subprocess.run(
        [make.find_uv(), *arguments], cwd=at, env=make.environment(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_lifecycle_ends_with_a_report(lived):
    assert (lived / "docs" / "reports" / "train.html").is_file()


def test_the_models_are_listed_with_a_champion(lived):
    assert "champion" in uv("run", "tdsp", "models", at=lived)


def test_the_tested_set_is_what_was_resolved(lived):
    lock = tomllib.loads((lived / "uv.lock").read_text(encoding="utf-8"))
    versions = {package["name"]: package.get("version") for package in lock["package"]}
    assert {name: versions[name] for name in RESOLVED} == RESOLVED


def test_the_formatter_is_content(lived):
    uv("run", "ruff", "format", "--check", at=lived)


def test_a_run_leaves_nothing_for_git_but_what_belongs_there(lived):
    """Documents and the lock file are the owner's to commit; data, models and caches are not."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=lived, capture_output=True, text=True
    )
    changed = [line[3:] for line in status.stdout.splitlines()]
    assert "uv.lock" in changed
    assert [name for name in changed if not name.endswith("uv.lock") and not name.startswith("docs/")] == []


def test_the_demo_shows_the_same(root):
    result = subprocess.run(
        [sys.executable, "make.py", "demo"],
        cwd=root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    report = make.DEMO / "docs" / "reports" / "train.html"
    assert report.is_file()
    assert str(report) in result.stdout
