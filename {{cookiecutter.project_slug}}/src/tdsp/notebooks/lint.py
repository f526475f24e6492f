"""Ask ruff about all scripts in one run, and tell each finding by its place in the notebook."""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tdsp import shell
from tdsp.notebooks.excuses import is_excused
from tdsp.notebooks.findings import Finding
from tdsp.notebooks.script import Script

COLUMNS = 79  # of a line, where no settings of ruff are found
_SECONDS = 300
_BETWEEN = "..."  # a statement for ruff between two cells: their imports are not sorted together


def lint(scripts: list[Script]) -> list[Finding]:
    """Return what ruff finds, by the settings that it has for the notebooks, and the cells that are no Python.

    Ruff looks for settings above a file. The scripts lie in a temporary folder, one folder in it for each of the
    notebooks, with settings that extend those of the notebooks. Patterns for single files do not reach that far.

    Raises:
        TdspError: ruff is missing, or its settings are wrong.
    """
    from ruff import find_ruff_bin

    found = [mistake for script in scripts for mistake in script.mistakes]
    if not scripts:
        return found
    with tempfile.TemporaryDirectory(prefix="tdsp-notebooks-") as scratch:
        top = Path(scratch).resolve()
        files: dict[str, Script] = {}
        folders: dict[Path, Path] = {}
        for number, script in enumerate(scripts):
            home = script.notebook.path.resolve().parent
            if home not in folders:
                folders[home] = top / str(len(folders))
                folders[home].mkdir()
                (folders[home] / "ruff.toml").write_text(_settings(home), encoding="utf-8")
            file = folders[home] / f"notebook_{number}.py"
            file.write_text(_text(script), encoding="utf-8", newline="\n")
            files[str(file)] = script
        told = shell.run(
            *(find_ruff_bin(), "check", "--no-cache", "--exit-zero", "--output-format=json", str(top)),
            timeout=_SECONDS,
        )
    for entry in json.loads(told):
        script = files[entry["filename"]]
        if not is_excused(entry, script):
            place = script.places[entry["location"]["row"] - 1]
            column = entry["location"]["column"] + place.shift
            code = entry["code"] or "invalid-syntax"
            found.append(
                Finding(script.notebook.path, place.cell, place.line, column, code, entry["message"].splitlines()[0])
            )
    return sorted(found)


def _text(script: Script) -> str:
    lines = list(script.lines)
    begun = False
    for number, place in enumerate(script.places):
        if begun and place.line == 0 and lines[number]:
            lines[number] = _BETWEEN
        begun = begun or (place.own and bool(lines[number]))
    return "\n".join(lines)


def _settings(folder: Path) -> str:
    """Return settings that extend those which ruff has for `folder`."""
    for place in (folder, *folder.parents):
        for name in (".ruff.toml", "ruff.toml", "pyproject.toml"):
            if chain := list(_chain(place / name)):
                lines = [f"extend = {json.dumps((place / name).as_posix())}"]
                if not any("line-length" in settings for settings in chain):
                    lines.append(f"line-length = {COLUMNS}")
                if not any("src" in settings for settings in chain):  # ruff's own default, seen from there
                    lines.append(f"src = {json.dumps([place.as_posix(), (place / 'src').as_posix()])}")
                return "\n".join(lines) + "\n"
    return f"line-length = {COLUMNS}\n"


def _chain(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the settings in a file and in those it extends; nothing when it says nothing to ruff."""
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, or ruff itself will tell
        return
    if file.name == "pyproject.toml":
        if "ruff" not in settings.get("tool", {}):
            return
        settings = settings["tool"]["ruff"]
    yield settings
    if "extend" in settings:
        yield from _chain(file.parent / Path(settings["extend"]).expanduser())
