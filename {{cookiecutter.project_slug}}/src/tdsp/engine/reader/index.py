"""What each YAML file of a project describes, remembered: nothing that has not changed is listed or parsed again."""

# Looked at by every run that asks for a name: plain strings and `os` are several times faster than pathlib.
# ruff: noqa: PTH116, PTH118

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tdsp import files

_SKIPPED = {".git", ".tdsp", ".venv", "node_modules", "__pycache__", "mlruns"}
_RACY_NS = 2_000_000_000  # a folder that changed just now may change again without another time
_FORMAT = 2


class Index:
    """Walks a project's folders; a folder that `stat` says is unchanged is known without being listed.

    Args:
        memory: file that keeps what was found, if its folder exists.
        describe: YAML file -> what it describes (plain data).
    """

    def __init__(self, memory: Path, describe: Callable[[Path], Any]):
        self._memory, self._describe = memory, describe
        known = _remembered(memory)
        self._old_folders, self._old_files = known["folders"], known["files"]
        self._folders: dict[str, list[Any]] = {}
        self._files: dict[str, list[Any]] = {}

    def look(self, root: str) -> Iterator[tuple[str, Any]]:
        """Yield each YAML file below `root` with what it describes."""
        stack = [root]
        while stack:
            folder = stack.pop()
            with contextlib.suppress(OSError):  # it went meanwhile, or is not ours to read
                below, named = self._listed(folder)
                stack.extend(os.path.join(folder, name) for name in below)
                for name in named:
                    path = os.path.join(folder, name)
                    with contextlib.suppress(OSError):
                        yield path, self._described(path)

    def save(self) -> None:
        """Write what was found, if it is new and there is a place for it."""
        found = {"format": _FORMAT, "folders": self._folders, "files": self._files}
        same = (self._folders, self._files) == (self._old_folders, self._old_files)
        if not same and self._memory.parent.is_dir():
            with contextlib.suppress(OSError):
                files.write_text(self._memory, json.dumps(found))

    def _listed(self, folder: str) -> tuple[list[str], list[str]]:
        """Return the names of a folder's folders and YAML files."""
        changed = os.stat(folder).st_mtime_ns
        old = self._old_folders.get(folder)
        if old and old[0] == changed:
            self._folders[folder] = old
            return old[1], old[2]
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
        below = [entry.name for entry in inside if entry.is_dir(follow_symlinks=False) and entry.name not in _SKIPPED]
        named = [entry.name for entry in inside if entry.name.endswith((".yml", ".yaml")) and entry.is_file()]
        if time.time_ns() - changed > _RACY_NS:
            self._folders[folder] = [changed, below, named]
        return below, named

    def _described(self, path: str) -> Any:
        status = os.stat(path)
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        old = self._old_files.get(path)
        self._files[path] = old if old and old[0] == stamp else [stamp, self._describe(Path(path))]
        return self._files[path][1]


def _remembered(memory: Path) -> dict[str, dict[str, list[Any]]]:
    empty: dict[str, dict[str, list[Any]]] = {"folders": {}, "files": {}}
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return empty
    return known if isinstance(known, dict) and known.get("format") == _FORMAT else empty
