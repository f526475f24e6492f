"""Packages that are installed as they are written (`pip install -e`, `uv sync`): a step's code in another place.

Their version says nothing about what they hold, so what a step may import of them counts by its content.
"""

# Looked at by every run: plain strings and `os` are several times faster than pathlib.
# ruff: noqa: PTH110, PTH112, PTH113, PTH116, PTH118, PTH119, PTH120, PTH122, PTH208

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tdsp.engine.executor import snapshot
from tdsp.engine.plan import Code

_INSTALLED = ("site-packages", "dist-packages")  # of another environment: versions tell what is in there
_FINDER = re.compile(r"^import\s+([\w.]+)", re.MULTILINE)
# A finder maps names to places: {'name': '/place'}, {'name': ['/place']} or map_module('name', '/place').
_MAPPED = re.compile(r"""['"]([\w.]+)['"]\s*[:,]\s*\[?\s*['"](/[^'"]+)['"]""")
_SCRIPT = re.compile(r"^\s*([\w.-]+)\s*=\s*(\w+)[\w.]*\s*:", re.MULTILINE)
_IMPORTED = re.compile(r"\b(?:from|import)\s+([^#\n]+)")
_QUOTED = re.compile(r"""['"](\w+)(?:\.[\w.]+)?['"]""")
_PYTHON = (".py", ".ipynb")
_WRITTEN = (*_PYTHON, ".sh", ".bash")  # or without a suffix
_LONGEST = 1_000_000  # bytes of a file that somebody wrote

Packages = dict[str, dict[str, Path]]


def used(command: str, files: dict[str, Path]) -> Packages:
    """Return the editable packages that a step may import, and what those may import in turn.

    Seen by their names, also quoted ones (`import_module("name")`), so rather too many than too few.

    Args:
        command: the step's command.
        files: its snapshot; what lies there is imported from there.

    Returns:
        Import name -> name of a file in the package -> file.
    """
    top = {name.split("/")[0].removesuffix(".py") for name in files} if _known() else set()
    names = frozenset(_known().keys() - top)
    if not names:
        return {}
    found: Packages = {}
    waiting = _in_text(command, names) | _in_files(files, names)
    while waiting:
        name = waiting.pop()
        found[name] = _files_of(name, _known()[name])
        waiting |= _in_files(found[name], names) - found.keys()
    return dict(sorted(found.items()))


@functools.cache
def _known() -> dict[str, tuple[str, ...]]:
    """Return import name -> the files or folders that hold the package."""
    found: dict[str, list[str]] = {}
    for site in filter(os.path.isdir, dict.fromkeys(sys.path)):
        for entry in os.listdir(site):
            if entry.endswith(".pth"):
                for name, place in _named_by(site, entry):
                    found.setdefault(name, []).append(place)
    return {name: tuple(dict.fromkeys(places)) for name, places in found.items()}


def _named_by(site: str, entry: str) -> Iterator[tuple[str, str]]:
    """Yield (import name, file or folder) of what a `.pth` file adds: a folder's, or those of a finder."""
    text = _text(os.path.join(site, entry))
    for line in text.splitlines():
        folder = os.path.normpath(os.path.join(site, line.strip()))
        if line.strip() and os.path.isdir(folder) and os.path.basename(folder) not in _INSTALLED:
            yield from _inside(folder)
    for finder in _FINDER.findall(text):
        for name, place in _MAPPED.findall(_text(os.path.join(site, f"{finder}.py"))):
            whole = os.path.dirname(place) if os.path.basename(place) == "__init__.py" else place
            if os.path.exists(whole):
                yield name.split(".")[0], whole


def _inside(folder: str) -> Iterator[tuple[str, str]]:
    for entry in os.listdir(folder):
        place, (name, suffix) = os.path.join(folder, entry), os.path.splitext(entry)
        if suffix == ".py" and os.path.isfile(place):
            yield name, place
        elif entry.isidentifier() and os.path.isdir(place) and _is_package(place):
            yield entry, place


def _is_package(folder: str) -> bool:
    """Whether a folder holds Python, or, as a namespace, a package that does."""
    inside = os.listdir(folder)
    below = (os.path.join(folder, entry, "__init__.py") for entry in inside)
    return any(entry.endswith(".py") for entry in inside) or any(map(os.path.isfile, below))


def _files_of(name: str, places: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place in places:
        inside = snapshot.files_of(Code(place))
        found.update({f"{name}/{inner}": path for inner, path in inside.items()})
    return found


def _in_files(files: dict[str, Path], names: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for name, path in files.items():
        if name.endswith(_WRITTEN) or "." not in name.rpartition("/")[2]:
            status = os.stat(path)
            found |= _in_file(str(path), status.st_mtime_ns, status.st_size, names)
    return found


@functools.lru_cache(maxsize=4096)
def _in_file(path: str, _changed: int, size: int, names: frozenset[str]) -> frozenset[str]:
    text = _text(path) if size < _LONGEST else ""
    if not path.endswith(_PYTHON):
        return frozenset(_in_text(text, names))
    said = {*re.findall(r"\w+", " ".join(_IMPORTED.findall(text))), *_QUOTED.findall(text)}
    return frozenset(names & said)


def _in_text(text: str, names: frozenset[str]) -> set[str]:
    """Return the packages a shell text names, or whose console scripts it names."""
    words = set(re.findall(r"[\w-]+", text))
    scripts = _scripts()
    return (words & names) | {scripts[word] for word in words & scripts.keys() if scripts[word] in names}


@functools.cache
def _scripts() -> dict[str, str]:
    """Return console script -> import name, for the editable installations."""
    found: dict[str, str] = {}
    for site in filter(os.path.isdir, dict.fromkeys(sys.path)):
        for entry in os.listdir(site):
            if entry.endswith(".dist-info") and os.path.exists(os.path.join(site, entry, "direct_url.json")):
                found.update(_SCRIPT.findall(_text(os.path.join(site, entry, "entry_points.txt"))))
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
