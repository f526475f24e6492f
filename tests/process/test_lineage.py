"""The commit that a model names is the one its code came from."""

import subprocess

import pytest
from tdsp import lineage, shell
from tdsp.errors import TdspError


@pytest.fixture
def root(tmp_path, monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.org")
    folder = tmp_path / "project"
    (folder / "docs").mkdir(parents=True)
    for name in ("project.yml", "code.py", "docs/report.md"):
        (folder / name).write_text("one\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "config", "user.name", "Ada")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_a_clean_project(root):
    (root / "uv.lock").write_text("lock", encoding="utf-8")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "lock")
    origin = lineage.of(root)
    assert origin.commit == git(root, "rev-parse", "HEAD")
    assert not origin.dirty
    assert len(origin.lock_sha256) == 64
    assert origin.started_by == "Ada"


def test_documents_do_not_make_it_dirty_but_code_does(root):
    (root / "docs" / "report.md").write_text("two\n", encoding="utf-8")
    (root / "docs" / "new.md").write_text("new\n", encoding="utf-8")
    assert not lineage.of(root).dirty
    (root / "new.py").write_text("new\n", encoding="utf-8")
    assert lineage.of(root).dirty


def test_without_git_without_a_commit_and_ignored_by_an_outer_repository_there_is_no_commit(root, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "project.yml").touch()
    assert lineage.of(plain).commit == ""
    git(plain, "init", "--quiet")
    git(plain, "add", ".")
    assert lineage.of(plain) == lineage.Lineage(started_by=lineage.of(plain).started_by)
    (root / ".gitignore").write_text("build/\n", encoding="utf-8")
    (root / "build").mkdir()
    (root / "build" / "project.yml").touch()
    assert lineage.of(root / "build").commit == ""


def test_the_seam_tells_what_went_wrong_in_one_line(tmp_path):
    with pytest.raises(TdspError, match="no-such-program is not installed"):
        shell.run("no-such-program")
    with pytest.raises(TdspError, match=r"gave no answer within 0\.2 seconds"):
        shell.run("sleep", "5", timeout=0.2)
    with pytest.raises(TdspError, match="git ended with status 128: fatal: ") as caught:
        shell.run("git", "rev-parse", "HEAD", cwd=tmp_path)
    assert "\n" not in str(caught.value)
    assert shell.run("printf", "%s", "$HOME; `id`") == "$HOME; `id`"
