"""Each generated project's workflows, and this repository's own, are sound; each seeded mistake is found."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from baking import COMBINATIONS
from workflows import linters
from workflows.rules import problems

HERE = Path(__file__).parent
SEEDS = yaml.safe_load((HERE / "seeds.yml").read_text(encoding="utf-8"))
ON_GITHUB = [name for name, answers in COMBINATIONS.items() if answers.get("ci") != "azure-pipelines"]


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory) -> Path:
    """The template folder as it lies here, with no more than what its workflows speak of."""
    (template,) = root.glob("{*")
    folder = tmp_path_factory.mktemp("whole") / "it"
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns("__pycache__", "src", "*_cache", ".venv"))
    (folder / "infra").mkdir(exist_ok=True)
    for name in ("main.bicep", "deployers.bicep", "dev.bicepparam", "prod.bicepparam"):
        (folder / "infra" / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("name", ON_GITHUB)
def test_the_workflows_of_a_generated_project_are_sound(baked, name):
    project = baked(name).root
    assert problems(project) == []
    assert linters.findings(project) == {}


def test_the_workflows_of_this_repository_are_sound(root):
    assert problems(root) == []
    assert linters.findings(root) == {}


def test_the_other_ci_system_has_no_workflows(baked):
    assert not baked("Azure Pipelines").has(".github")


def break_one(whole: Path, to: Path, seed: str) -> Path:
    file, old, new = SEEDS[seed]
    folder = shutil.copytree(whole, to / "broken")
    place = folder / ".github" / "workflows" / file
    text = place.read_text(encoding="utf-8")
    assert old in text, f"the seed does not fit {file} any more"
    place.write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_mistake_is_found(whole, tmp_path, seed):
    broken = break_one(whole, tmp_path, seed)
    assert problems(broken) or linters.findings(broken), "nobody noticed"


@pytest.mark.parametrize(
    ("linter", "seed"),
    [
        ("actionlint", "a circle of jobs"),
        ("zizmor", "all secrets to a called workflow"),
        ("vendor.github-workflows", "a misspelt key"),
    ],
)
def test_each_linter_finds_something(whole, tmp_path, linter, seed):
    assert linter in linters.findings(break_one(whole, tmp_path, seed))


def test_the_schema_of_actions_finds_something(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "broken")
    file = folder / ".github" / "actions" / "setup" / "action.yml"
    file.write_text(file.read_text().replace("using: composite", "use: composite"))
    assert "vendor.github-actions" in linters.findings(folder)


def test_actions_without_a_commit_are_listed(root):
    known = yaml.safe_load((HERE / "actions.yml").read_text(encoding="utf-8"))
    (template,) = root.glob("{*")
    page = (template / ".github" / "workflows" / "README.md").read_text(encoding="utf-8")
    for name in (name for name, action in known.items() if action["commit"] is None):
        assert name in page
