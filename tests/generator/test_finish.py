"""What happens after the last file: the Git repository, the machine's link to Azure, the next commands."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from baking import WORKSPACE, BakedProject

NAME = "disease-progression"


def git(*arguments, at):
    return subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True).stdout.strip()


def test_the_repository_has_one_pristine_commit_on_main(project):
    assert project.git("rev-list", "--count", "HEAD") == "1"
    assert project.git("branch", "--show-current") == "main"
    assert project.git("status", "--porcelain") == ""
    committed = project.git("-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert sorted(committed) == [name for name in project.files if name != "config.json"]


def test_the_commit_bears_the_name_that_git_knows(kitchen, tmp_path):
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\nname = Ada\nemail = ada@example.com\n[commit]\ngpgsign = true\n[gpg]\nprogram = false\n"
    )
    into = tmp_path / "out"
    kitchen.cookiecutter("--no-input", into=into, GIT_CONFIG_GLOBAL=str(settings))
    assert git("log", "--format=%an <%ae>", at=into / NAME) == "Ada <ada@example.com>"


def test_nobody_waits_for_the_disk(kitchen, tmp_path):
    """Git counts how often it waited, since version 2.36; the twin shows that a pack of Git's own is counted."""
    told = tmp_path / "told"
    into = tmp_path / "out"
    kitchen.cookiecutter("--no-input", into=into, GIT_TRACE2_EVENT=str(told))
    assert '"fast-import"' in told.read_text()
    assert '"category":"fsync"' not in told.read_text()
    environment = kitchen.environment(GIT_TRACE2_EVENT=str(tmp_path / "twin"))
    subprocess.run(["git", "repack", "-adfq"], cwd=into / NAME, env=environment, check=True)
    assert '"category":"fsync"' in (tmp_path / "twin").read_text()


def test_nobody_known_to_git_is_no_hindrance(kitchen, tmp_path):
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nuseConfigOnly = true\n")
    into = tmp_path / "out"
    kitchen.cookiecutter("--no-input", into=into, GIT_CONFIG_GLOBAL=str(settings))
    assert git("log", "--format=%an", at=into / NAME) == "cookiecutter"


def test_another_work_tree_is_left_alone(kitchen, tmp_path):
    git("init", "--quiet", ".", at=tmp_path)
    result = kitchen.cookiecutter("--no-input", into=tmp_path / "inside")
    assert "lies in the repository" in result.stdout
    assert not (tmp_path / "inside" / NAME / ".git").exists()
    assert git("status", "--porcelain", at=tmp_path) == "?? inside/"


def test_a_folder_that_the_work_tree_ignores_gets_a_repository_of_its_own(kitchen, tmp_path):
    git("init", "--quiet", ".", at=tmp_path)
    (tmp_path / ".gitignore").write_text("build/\n")
    result = kitchen.cookiecutter("--no-input", into=tmp_path / "build")
    assert "Git: left to you" not in result.stdout
    assert git("rev-list", "--count", "HEAD", at=tmp_path / "build" / NAME) == "1"
    assert git("status", "--porcelain", at=tmp_path) == "?? .gitignore"


def test_a_surrounding_git_hook_does_not_catch_the_commit(kitchen, tmp_path):
    outer = tmp_path / "outer"
    git("init", "--quiet", str(outer), at=tmp_path)
    result = kitchen.cookiecutter(
        "--no-input",
        into=tmp_path / "out",
        GIT_DIR=str(outer / ".git"),
        GIT_INDEX_FILE=str(outer / ".git" / "index"),
    )
    assert result.returncode == 0
    assert git("rev-list", "--count", "HEAD", at=tmp_path / "out" / NAME) == "1"
    assert git("count-objects", at=outer).startswith("0 objects")


@pytest.mark.skipif(os.name == "nt", reason="a PATH without Git cannot be made of links there")
def test_without_git_the_project_is_made_and_one_line_says_so(kitchen, tmp_path):
    result = kitchen.cookiecutter("--no-input", into=tmp_path, PATH=str(tmp_path / "nothing"))
    assert result.returncode == 0
    assert "Git: left to you (git is not installed)" in result.stdout
    assert not (tmp_path / NAME / ".git").exists()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_a_git_that_fails_is_no_hindrance(kitchen, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").write_text("#!/bin/sh\necho 'fatal: no' >&2\nexit 128\n")
    (tools / "git").chmod(0o755)
    result = kitchen.cookiecutter("--no-input", into=tmp_path / "out", PATH=str(tools))
    assert result.returncode == 0
    assert "Git: left to you (fatal: no)" in result.stdout


def test_files_that_were_there_survive_and_are_not_committed(kitchen, tmp_path):
    mine = tmp_path / NAME
    kept = [
        "notes.txt",
        "docs/own.md",
        "pipelines/components/own.yml",
        ".github/workflows/own.yml",
        "src/science/own.py",
    ]
    for name in kept:
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text("mine")
    (mine / "config.json").write_text("mine")
    result = kitchen.cookiecutter("--no-input", "-f", f"azureml_workspace={WORKSPACE}", into=tmp_path)
    assert result.returncode == 0
    assert [(mine / name).read_text() for name in [*kept, "config.json"]] == ["mine"] * 6
    assert "config.json was there before" in result.stdout
    assert "Git: left to you, because the folder held files before" in result.stdout
    assert not (mine / ".git").exists()


@pytest.mark.parametrize(
    ("ci", "folder", "name"),
    [
        ("azure-pipelines", ".github", "workflows/ci.yml"),
        ("azure-pipelines", ".github", "CODEOWNERS"),
        ("github-actions", ".azuredevops", "ci.yml"),
    ],
)
def test_what_the_owner_has_of_the_other_ci_system_survives_under_any_name(kitchen, tmp_path, ci, folder, name):
    mine = tmp_path / NAME / folder / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = kitchen.cookiecutter("--no-input", "-f", f"ci={ci}", into=tmp_path)
    assert result.returncode == 0
    assert f"{folder} was there before and is left as it is" in result.stdout
    assert mine.read_text() == "mine"
    assert [path for path in (tmp_path / NAME / folder).rglob("*") if path.is_file()] == [mine]
    assert not (tmp_path / NAME / f"{folder}.yours").exists()


def test_after_an_interrupted_run_nothing_is_moved_over_what_was_set_aside(kitchen, tmp_path):
    aside = tmp_path / NAME / ".github.yours" / "CODEOWNERS"
    aside.parent.mkdir(parents=True)
    aside.write_text("mine")
    refused = kitchen.cookiecutter("--no-input", "-f", "ci=azure-pipelines", into=tmp_path)
    assert refused.returncode == 1
    assert ".github.yours: left by a run that was interrupted" in refused.stderr
    assert aside.read_text() == "mine"


def test_a_mistake_in_an_answer_moves_nothing(kitchen, tmp_path):
    mine = tmp_path / NAME / ".github" / "CODEOWNERS"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = kitchen.cookiecutter("--no-input", "-f", "ci=azure-pipelines", "azure_region=moon", into=tmp_path)
    assert result.returncode == 1
    assert mine.read_text() == "mine"


def test_an_empty_folder_that_was_there_gets_its_repository(kitchen, tmp_path):
    (tmp_path / NAME).mkdir()
    kitchen.cookiecutter("--no-input", "-f", into=tmp_path)
    assert git("rev-list", "--count", "HEAD", at=tmp_path / NAME) == "1"


def test_a_second_time_needs_a_word_and_then_shows_up_in_git(kitchen, tmp_path):
    assert kitchen.cookiecutter("--no-input", into=tmp_path).returncode == 0
    refused = kitchen.cookiecutter("--no-input", into=tmp_path)
    assert refused.returncode == 1
    assert refused.stdout.strip().endswith("directory already exists")
    again = kitchen.cookiecutter("--no-input", "-f", "azure_region=uksouth", into=tmp_path)
    assert again.returncode == 0
    assert git("rev-list", "--count", "HEAD", at=tmp_path / NAME) == "1"
    changed = git("diff", "--name-only", at=tmp_path / NAME).splitlines()
    assert "project.yml" in changed
    assert all("uksouth" in git("diff", name, at=tmp_path / NAME) for name in changed)


def test_the_next_commands_start_where_the_shell_is(kitchen, tmp_path):
    result = kitchen.cookiecutter("--no-input", "-o", "my projects", into=tmp_path, PWD=str(tmp_path))
    path = Path("my projects", NAME)
    assert f'    cd "{path}"\n    uv sync\n    uv run tdsp run\n' in result.stdout
    elsewhere = kitchen.cookiecutter("--no-input", into=tmp_path, PWD="/nowhere")
    assert f"    cd {tmp_path / NAME}\n" in elsewhere.stdout


@pytest.mark.skipif(os.name == "nt", reason="a PATH of links cannot be made there")
@pytest.mark.parametrize("installed", [True, False])
def test_uv_is_explained_to_those_who_lack_it(kitchen, tmp_path, installed):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git"))
    if installed:
        (tools / "uv").symlink_to(shutil.which("sh"))
    result = kitchen.cookiecutter("--no-input", into=tmp_path / "out", PATH=str(tools))
    assert ("astral.sh/uv/install" in result.stdout) == (not installed)
    assert "pip" not in result.stdout


def test_nothing_is_written_outside_the_project(kitchen, tmp_path):
    kitchen.cookiecutter("--no-input", into=tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert BakedProject(tmp_path / "out" / NAME).files
