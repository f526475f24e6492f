"""What every generated project must be, whatever the answers."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import notebook_cells
import pytest
import yaml
from baking import COMBINATIONS, WORKSPACE, questions

FILES = Path(__file__).with_name("files.txt")
UNTOUCHED = (".py", ".ipynb")
MADE_BY_A_RUN = ("reports/train.md", "reports/train.html")


def is_listed(files, path, request):
    """Compare files with a list; `pytest tests/generator --update` writes it anew."""
    if request.config.getoption("--update"):
        path.write_text("\n".join(files) + "\n", encoding="utf-8")
    return files == path.read_text(encoding="utf-8").splitlines()


def test_the_files_are_exactly_these(baked, request):
    assert is_listed(baked("the defaults").files, FILES, request)


def test_the_files_that_azure_pipelines_bring_are_exactly_these(baked, request):
    others = set(baked("the defaults").files)
    own = [name for name in baked("Azure Pipelines").files if name not in others]
    assert is_listed(own, FILES.with_name("files-azure-pipelines.txt"), request)


def test_the_task_does_not_change_which_files_there_are(baked):
    assert baked("a classification").files == baked("the defaults").files


def test_only_a_chosen_workspace_adds_a_file(baked):
    project = baked("a chosen workspace")
    assert set(project.files) ^ set(baked("the defaults").files) == {"config.json"}
    subscription, group, name = WORKSPACE.split("/")
    expected = {"subscription_id": subscription, "resource_group": group, "workspace_name": name}
    assert json.loads(project.read("config.json")) == expected
    assert expected.items() <= (project.facts["environments"]["dev"] | {"workspace_name": name}).items()
    assert project.git("status", "--porcelain") == ""


def is_copied(name, kitchen):
    patterns = questions(kitchen.template)["_copy_without_render"]
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


@pytest.mark.parametrize("name", [name for name in COMBINATIONS if name != "odd characters"])
def test_no_jinja_is_left(baked, kitchen, name):
    """In the project of odd characters, the answers hold what looks like Jinja; `${{ }}` is Azure ML's."""
    project = baked(name)
    rendered = [name for name in project.files if not is_copied(name, kitchen)]
    assert "project.yml" in rendered
    for name in rendered:
        assert not re.search(r"(?<!\$)\{\{|\{%|\{#|cookiecutter\.", project.read(name)), name


def test_every_pattern_of_what_is_copied_is_needed(kitchen, baked):
    caches = "*_cache/*"  # of whoever ran tools in the template: not text, and rendering one would end in a traceback
    files = {*baked("the defaults").files, *baked("Azure Pipelines").files}
    for pattern in set(questions(kitchen.template)["_copy_without_render"]) - {caches}:
        assert fnmatch.filter(files, pattern), pattern


def test_names_and_folders_hold_no_jinja(kitchen):
    """A folder whose name renders empty would be written over the root of the disk by an update."""
    (inside,) = kitchen.template.glob("{*")
    assert not [path for path in inside.rglob("*") if "{" in path.name and path.is_dir()]


def test_each_ci_system_brings_its_own_folder_and_nothing_else(kitchen, baked):
    (inside,) = kitchen.template.glob("{*")
    github, azure = set(baked("the defaults").files), set(baked("Azure Pipelines").files)
    for folder, own, other in ((".github", github, azure), (".azuredevops", azure, github)):
        wanted = {path.relative_to(inside).as_posix() for path in (inside / folder).rglob("*") if path.is_file()}
        assert own - other == wanted
        assert not any(name.startswith(f"{folder}/") for name in other)


def test_every_link_in_a_document_leads_somewhere(project):
    documents = [name for name in project.files if name.endswith(".md")]
    assert len(documents) > 10
    for name in documents:
        targets = re.findall(r"\]\(([^)#\s]+)", project.read(name))
        local = [target for target in targets if "://" not in target and not target.endswith(MADE_BY_A_RUN)]
        assert [target for target in local if not (project.root / name).parent.joinpath(target).exists()] == [], name


@pytest.mark.parametrize(
    ("name", "own", "other"),
    [("Azure Pipelines", ".azuredevops/", r"GitHub|gh auth|\.github"), ("the defaults", ".github/", "Azure DevOps")],
)
def test_the_documents_speak_of_the_chosen_ci_system_only(baked, name, own, other):
    project, compares_both = baked(name), "infra/README.md"
    documents = [name for name in project.files if name.endswith(".md") and not name.startswith(own)]
    assert [name for name in documents if re.search(other, project.read(name))] in ([], [compares_both])


def test_the_facts_name_the_ci_system(baked):
    assert baked("the defaults").facts["ci"] == "github-actions"
    assert baked("Azure Pipelines").facts["ci"] == "azure-pipelines"


def test_code_is_copied_byte_for_byte(kitchen, project):
    (inside,) = kitchen.template.glob("{*")
    copied = [path for path in inside.rglob("*") if path.suffix in UNTOUCHED]
    assert copied
    for path in copied:
        assert path.read_bytes() == (project.root / path.relative_to(inside)).read_bytes()


def test_a_folder_is_never_copied_whole(kitchen):
    """With -f, cookiecutter deletes a copied folder first, and everything of the user's in it."""
    (inside,) = kitchen.template.glob("{*")
    patterns = questions(kitchen.template)["_copy_without_render"]
    folders = [path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_dir()]
    assert not [(folder, pattern) for folder in folders for pattern in patterns if fnmatch.fnmatch(folder, pattern)]


def test_everything_that_can_be_parsed_is_what_it_says(project):
    readers = {".yml": yaml.safe_load, ".yaml": yaml.safe_load, ".toml": tomllib.loads, ".json": json.loads}
    for name in project.files:
        reader = readers.get(Path(name).suffix)
        if reader:
            assert reader(project.read(name)) is not None, name


def test_the_answers_arrive_as_they_were_given(baked):
    answers, project = COMBINATIONS["odd characters"], baked("odd characters")
    assert project.facts["project"]["name"] == answers["project_name"]
    assert project.facts["project"]["question"] == answers["business_question"]
    assert project.pyproject["project"]["description"] == answers["business_question"]


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        ("the defaults", "MIT License"),
        ("a classification", "Apache License"),
        ("a chosen workspace", "Copyright (c)"),
    ],
)
def test_the_licence_is_the_chosen_one_in_full(baked, name, opening):
    text = baked(name).read("LICENSE")
    assert text.strip().startswith(opening)
    assert "your-github-name" in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert (len(text) > 11_000) == (opening == "Apache License")


def test_the_owner_is_asked_to_review_everything(kitchen, tmp_path):
    project = kitchen.bake(tmp_path, owner="contoso-ml")
    rules = [line.split() for line in project.read(".github/CODEOWNERS").splitlines() if line and line[0] != "#"]
    assert rules[0] == ["*", "@contoso-ml"]
    assert {owner for _, *owners in rules for owner in owners} == {"@contoso-ml"}


def test_two_runs_give_the_same_bytes(kitchen, baked, tmp_path):
    first, second = baked("the defaults"), kitchen.bake(tmp_path)
    assert first.files == second.files
    for name in first.files:
        assert (first.root / name).read_bytes() == (second.root / name).read_bytes()
    assert first.git("rev-parse", "HEAD^{tree}") == second.git("rev-parse", "HEAD^{tree}")


def ruff(*arguments, at):
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
    return subprocess.run(command, cwd=at, capture_output=True, text=True)


def test_the_formatter_and_the_linter_find_nothing(project):
    for arguments in (["format", "--check"], ["check"]):
        result = ruff(*arguments, at=project.root)
        assert result.returncode == 0, result.stdout


def test_the_linter_would_find_something(baked, tmp_path):
    """The check above is not blind: the rules of the project do reach a file beside its own."""
    (tmp_path / "pyproject.toml").write_text(baked("the defaults").read("pyproject.toml"), encoding="utf-8")
    (tmp_path / "bad.py").write_text("import os\n", encoding="utf-8")
    assert "F401" in ruff("check", at=tmp_path).stdout


def test_the_linter_leaves_notebooks_to_the_command_that_knows_magics(baked, tmp_path):
    for name in ("pyproject.toml", "notebooks/ruff.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(baked("the defaults").read(name), encoding="utf-8")
    notebook_cells.write(tmp_path / "notebooks" / "a.ipynb", "import os\n\nx=[ 1]")
    assert ruff("check", at=tmp_path).returncode == 0
    assert ruff("format", "--check", at=tmp_path).returncode == 1
