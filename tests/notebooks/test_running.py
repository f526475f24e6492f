"""Notebooks run from top to bottom: all of them, or those that the branch changed."""

import subprocess

import notebook_cells
import pytest
from tdsp.notebooks import reading, running


def git(*words):
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def branch(here):
    """A repository on a branch that changed one notebook, added one, and has one more that Git does not know."""
    git("init", "-q")
    for name in ("same", "changed"):
        notebook_cells.write(here / f"{name}.ipynb", "1")
    git("add", ".")
    git("commit", "-q", "-m", "main")
    git("checkout", "-q", "-b", "work")
    notebook_cells.write(here / "changed.ipynb", "2")
    notebook_cells.write(here / "größe.ipynb", "3")
    git("add", ".")
    git("commit", "-q", "-m", "work")
    notebook_cells.write(here / "new.ipynb", "4")
    git("checkout", "-q", "main")
    notebook_cells.write(here / "same.ipynb", "5")  # on main, after the branch was cut
    git("commit", "-q", "-a", "-m", "main moved")
    git("checkout", "-q", "work")
    return here


def changed(here, *since):
    return [found.path.name for found in running.changed(reading.read_all([here]), *since)]


def test_changed_is_what_the_branch_changed(branch, monkeypatch):
    assert changed(branch) == ["changed.ipynb", "größe.ipynb", "new.ipynb"]
    assert changed(branch, "work") == ["new.ipynb"]
    git("update-ref", "refs/remotes/origin/release", "work")
    monkeypatch.setenv("GITHUB_BASE_REF", "release")
    assert changed(branch) == ["new.ipynb"]
    monkeypatch.delenv("GITHUB_BASE_REF")
    monkeypatch.setenv("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/release")
    assert changed(branch) == ["new.ipynb"]


def test_a_branch_that_is_not_there_is_one_line(branch, tdsp):
    said = tdsp(str(branch), "--execute", "changed", "--since", "gone", code=1)
    assert "no commit in common with gone" in said
    assert said.count("\n") == 1


def test_running_finds_the_line_that_fails_and_leaves_the_file(here, tdsp):
    path = notebook_cells.write(here / "a.ipynb", "x = 1", notebook_cells.text("a"), "x += 1\n\n\nx / 0")
    good = notebook_cells.write(here / "sub" / "b.ipynb", "!test -f b.ipynb || kill $PPID")
    before = path.read_bytes(), good.read_bytes()
    said = tdsp(".", "--execute", "all", code=1)
    assert "a.ipynb:cell 3:4:1: execution ZeroDivisionError: division by zero" in said
    assert "sub/b.ipynb: ran for " in said
    assert said.endswith("2 notebooks, 1 finding\n")
    assert (path.read_bytes(), good.read_bytes()) == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import time\ntime.sleep(60)", "the cell took longer than 1 seconds"),
        ("import os\nos._exit(3)", "the kernel died: Kernel died"),
    ],
)
def test_a_cell_that_hangs_or_kills_is_told(here, source, said):
    path = notebook_cells.write(here / "a.ipynb", "1", source)
    (found,) = running.execute(reading.read(path, here), seconds=1)
    assert (found.cell, found.message) == (2, said)
