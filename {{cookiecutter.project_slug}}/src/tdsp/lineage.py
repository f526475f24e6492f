"""Where a model comes from: which code and environment. Its data is in its own `contract.json`."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

from tdsp import files, shell
from tdsp.errors import TdspError

# `tdsp run` itself refreshes the documents, so a change there says nothing about the code; the lock has a digest.
_CODE = (".", ":(exclude)docs", ":(exclude)uv.lock")


@dataclass(frozen=True)
class Lineage:
    """The origin of a run.

    Attributes:
        commit: full id of the Git commit, empty when the project is not in Git.
        dirty: whether anything but `docs/` and `uv.lock` differs from that commit.
        lock_sha256: digest of `uv.lock`, empty when there is none.
        started_by: who started the run; nobody needs to approve what the gate lets in.
    """

    commit: str = ""
    dirty: bool = False
    lock_sha256: str = ""
    started_by: str = ""

    def environment(self) -> dict[str, str]:
        """Return the variables by which `tdsp.register`, which sees no repository, learns all this."""
        return {
            "TDSP_COMMIT": self.commit,
            "TDSP_DIRTY": "true" if self.dirty else "false",
            "TDSP_LOCK_SHA256": self.lock_sha256,
            "TDSP_STARTED_BY": self.started_by,
        }


def of(root: Path) -> Lineage:
    """Return the lineage of the project in `root`, as far as this machine can tell."""
    commit, dirty = _commit(root)
    lock = root / "uv.lock"
    return Lineage(commit, dirty, files.sha256_of(lock) if lock.is_file() else "", _person(root))


def _commit(root: Path) -> tuple[str, bool]:
    """Return commit and dirtiness; `("", False)` without a commit of the project's own."""
    try:
        if not _git(root, "ls-files", "--", "project.yml"):
            return "", False  # a folder that an outer repository ignores has no commit of its own
        status = _git(root, "status", "--porcelain=v2", "--branch", "--", *_CODE).splitlines()
    except TdspError:
        return "", False
    oids = [line.removeprefix("# branch.oid ") for line in status if line.startswith("# branch.oid ")]
    if not oids or oids[0] == "(initial)":
        return "", False
    return oids[0], any(not line.startswith("#") for line in status)


def _person(root: Path) -> str:
    try:
        return _git(root, "config", "user.name").strip()
    except TdspError:
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return ""


def _git(root: Path, *arguments: str) -> str:
    # Without its optional locks `git status` never disturbs a commit that is being made.
    return shell.run("git", *arguments, cwd=root, timeout=20, environment={"GIT_OPTIONAL_LOCKS": "0"})
