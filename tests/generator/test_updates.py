"""Projects made with cruft take up a newer template, and lose nothing of their own."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from baking import WORKSPACE, BakedProject

NAME = "disease-progression"


@pytest.fixture
def cruft(kitchen, tmp_path):
    """A published template, and `cruft` to be run on what comes from it."""
    template = shutil.copytree(kitchen.template, tmp_path / "template")
    environment = kitchen.environment(
        **{
            f"GIT_{role}_{what}": f"{what}@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        }
    )

    def run(*command, at):
        result = subprocess.run(
            command, cwd=at, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def git(*arguments, at):
        return run("git", *arguments, at=at)

    def commit(at, message="Change"):
        git("add", "-A", at=at)
        git("commit", "-q", "-m", message, at=at)

    git("init", "-q", at=template)
    commit(template)
    inside = next(template.glob("{*"))
    return SimpleNamespace(
        template=template,
        inside=inside,
        git=git,
        commit=commit,
        run=lambda *arguments, at: run(str(Path(sys.executable).with_name("cruft")), *arguments, at=at),
    )


@pytest.fixture
def project(cruft, tmp_path):
    """A project made with cruft and committed by its owner."""
    (tmp_path / "work").mkdir()
    answers = f'{{"azureml_workspace": "{WORKSPACE}"}}'
    cruft.run("create", "-y", str(cruft.template), "--extra-context", answers, at=tmp_path / "work")
    root = tmp_path / "work" / NAME
    cruft.git("init", "-q", at=root)
    cruft.commit(root)
    return BakedProject(root)


def test_cruft_makes_the_same_project(project, baked):
    assert set(project.files) - {".cruft.json"} == set(baked("a chosen workspace").files)
    assert project.git("rev-list", "--count", "HEAD") == "1"  # its owner's commit, not one of ours


def test_a_newer_template_arrives_beside_the_owners_changes(cruft, project):
    (cruft.inside / "NEW.md").write_text("# {{ cookiecutter.project_name }}\n")
    gitignore = cruft.inside / ".gitignore"
    gitignore.write_text(gitignore.read_text() + "*.new\n")
    cruft.commit(cruft.template)

    facts = project.read("project.yml")
    (project.root / "project.yml").write_text(facts.replace("test_fraction: 0.2", "test_fraction: 0.3"))
    (project.root / "own.md").write_text("mine\n")
    (project.root / "LICENSE").unlink()
    cruft.commit(project.root)

    cruft.run("update", "-y", at=project.root)
    assert project.read("NEW.md") == "# Disease Progression\n"
    assert project.read(".gitignore").endswith("*.new\n")
    assert project.facts["split"]["test_fraction"] == 0.3
    assert project.facts["environments"]["dev"]["workspace"] == WORKSPACE.split("/")[-1]
    assert project.read("own.md") == "mine\n"
    assert not project.has("LICENSE")
    assert not list(project.root.rglob("*.rej"))
    assert project.git("status", "--porcelain", "--", "config.json") == ""
    cruft.run("check", at=project.root)


def test_an_edit_on_both_sides_is_shown_as_a_conflict(cruft, project):
    path = cruft.inside / "project.yml"
    path.write_text(path.read_text().replace("test_fraction: 0.2", "test_fraction: 0.25"))
    cruft.commit(cruft.template)
    (project.root / "project.yml").write_text(
        project.read("project.yml").replace("test_fraction: 0.2", "test_fraction: 0.3")
    )
    cruft.commit(project.root)
    cruft.run("update", "-y", at=project.root)
    text = project.read("project.yml")
    assert "test_fraction: 0.25" in text
    assert "test_fraction: 0.3" in text
    assert "<<<<<<<" in text


def test_an_update_can_change_an_answer(cruft, project):
    (cruft.inside / "NEW.md").write_text("new\n")
    cruft.commit(cruft.template)
    cruft.run("update", "-y", "--variables-to-update", '{"license": "Apache-2.0"}', at=project.root)
    assert project.read("LICENSE").strip().startswith("Apache License")
    assert project.has("NEW.md")


def test_an_update_can_change_the_ci_system(cruft, project):
    (project.root / ".github" / "own.yml").write_text("mine\n")
    cruft.commit(project.root)
    (cruft.inside / "NEW.md").write_text("new\n")
    cruft.commit(cruft.template)
    cruft.run("update", "-y", "--variables-to-update", '{"ci": "azure-pipelines"}', at=project.root)
    assert project.facts["ci"] == "azure-pipelines"
    assert project.has(".azuredevops/ci.yml")
    assert [name for name in project.files if name.startswith(".github/")] == [".github/own.yml"]
