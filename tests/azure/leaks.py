"""Looks for secrets, and for addresses that others must not read, in everything that a command printed or wrote."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

SUBSCRIPTION = "0a0a0a0a-0000-4000-8000-000000000001"
SECRETS = {
    "a key of the emulator": re.compile(r"emulated-(primary|secondary|github|secret)[\w-]*"),
    "a token": re.compile(r"\beyJ[\w-]{10,}\.[\w-]+"),
    "a header with a token": re.compile(r"Bearer\s+(?!\*)[\w.~+/-]{20,}"),
    "a signature": re.compile(r"([?&;\s]sig|[?&;]signature)=(?!\*)[\w%/+=-]+", re.IGNORECASE),
    "an account key": re.compile(r"(AccountKey|SharedAccessKey)=(?!\*)\S+", re.IGNORECASE),
    "a password": re.compile(r"client_secret\W+(?!\*)\w+", re.IGNORECASE),
}
# Where the project itself says which subscription is meant; nothing that is written from evidence may.
ADDRESS = ("project.yml",)
CODE = ("src", "scoring", "pipelines", "tests", ".venv", ".git")


def of_text(text: str, *, public: bool) -> list[str]:
    """Return the names of what must not be in a text; `public` says that others may read it."""
    found = [name for name, pattern in SECRETS.items() if pattern.search(text)]
    return [*found, "a subscription id"] if public and SUBSCRIPTION in text else found


def of_project(folder: Path) -> list[str]:
    """Return what must not be in a project's own files and commits, each with its place."""
    found = []
    for place, text, public in (*_written(folder), *_committed(folder)):
        found += [f"{place}: {name}" for name in of_text(text, public=public)]
    return found


def _written(folder: Path) -> Iterator[tuple[str, str, bool]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in CODE:
            yield name.as_posix(), path.read_bytes().decode("utf-8", "replace"), name.as_posix() not in ADDRESS


def _committed(folder: Path) -> Iterator[tuple[str, str, bool]]:
    if (folder / ".git").exists():
        command = ["git", "log", "--all", "--patch", "--format=%an %ae%n%B", "--", ".", ":(exclude)project.yml"]
        text = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
        yield "commits", text.decode("utf-8", "replace"), True
