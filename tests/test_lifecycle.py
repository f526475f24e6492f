"""The promise of the first minute, kept in an environment of the project's own."""

import re
import shutil
import subprocess
import tomllib

import pytest
from console import Reader, commands
from hooking import load_hook

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


@pytest.fixture(scope="module", params=["the defaults", pytest.param("a classification", marks=pytest.mark.nightly)])
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
    assert re.search(r"^v\d+ +\*", uv("run", "tdsp", "models", at=lived), re.MULTILINE)


def test_the_tested_set_is_what_was_resolved(lived):
    lock = tomllib.loads((lived / "uv.lock").read_text(encoding="utf-8"))
    versions = {package["name"]: package.get("version") for package in lock["package"]}
    assert {name: versions[name] for name in RESOLVED} == RESOLVED


def test_no_project_can_be_called_like_a_package_it_is_resolved_to(lived, kitchen):
    """uv finds no solution for a project that some package of its own asks for; the hook says so before."""
    hook = load_hook("pre_gen_project", kitchen.template)
    lock = tomllib.loads((lived / "uv.lock").read_text(encoding="utf-8"))
    names = {package["name"] for package in lock["package"] if "registry" in package["source"]}
    slugs = {name for name in names if re.fullmatch(hook.RULES["project_slug"][0], name)}
    assert slugs <= set(hook.PACKAGES)


def test_the_formatter_is_content(lived):
    uv("run", "ruff", "format", "--check", at=lived)


def test_the_lifecycle_leaves_nothing_for_git_but_what_belongs_there(lived):
    """Documents, the lock files and what `data add` says it writes are the owner's to commit, nothing else."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=lived, capture_output=True, text=True
    )
    changed = {line[3:] for line in status.stdout.splitlines()}
    locks = {"uv.lock", "scoring/uv.lock"}
    added = {"data/dictionary.csv", "data/schema.yml", "project.yml", "scoring/sample-request.json"}
    made_by_the_reader = {"my-data.csv"}
    assert {"uv.lock", "project.yml"} <= changed
    assert {name for name in changed - locks - added - made_by_the_reader if not name.startswith("docs/")} == set()
