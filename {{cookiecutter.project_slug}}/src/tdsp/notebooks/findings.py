"""One finding in a notebook, and the forms in which it is told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SOURCE = re.compile(r'^ {3}"source": (.*)$')  # as Jupyter and nbformat lay a notebook out


@dataclass(frozen=True, order=True)
class Finding:
    """Something to mend, and where.

    Attributes:
        path: the notebook.
        cell: from 1, all kinds of cells counted; 0 for the notebook as a whole.
        line: in the cell, from 1.
        column: in the line, from 1.
        code: the rule, as ruff names it, or one of `invalid-syntax`, `output` and `execution`.
        message: one sentence.
    """

    path: Path
    cell: int
    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        """`notebooks/a.ipynb:cell 3:2:5: F401 …`, as ruff writes it."""
        place = f"cell {self.cell}:{self.line}:{self.column}: " if self.cell else " "
        return f"{self.path}:{place}{self.code} {self.message}"

    @property
    def where(self) -> str:
        """The place in words, behind something; nothing for the notebook as a whole."""
        return f" in cell {self.cell}, line {self.line}" if self.cell else ""


def annotated(findings: list[Finding], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the findings as this CI system wants them beside the changed lines; nothing outside CI."""
    if environment.get("GITHUB_ACTIONS") == "true":
        write, top = _github, environment.get("GITHUB_WORKSPACE")
    elif environment.get("TF_BUILD", "").lower() == "true":
        write, top = _azure_pipelines, environment.get("BUILD_SOURCESDIRECTORY")
    else:
        return []
    lines = {path: _source_lines(path) for path in {finding.path for finding in findings}}
    return [write(found, _from(top, found.path), _in_file(lines[found.path], found)) for found in findings]


def _github(found: Finding, path: str, line: int) -> str:
    keys = {"file": path, "line": line, "title": f"{found.code}{found.where}"}
    told = ",".join(f"{key}={_escaped(str(value), _GITHUB_KEY)}" for key, value in keys.items())
    return f"::error {told}::{_escaped(found.message, _GITHUB)}"


def _azure_pipelines(found: Finding, path: str, line: int) -> str:
    keys = {"type": "error", "sourcepath": path, "linenumber": line, "columnnumber": found.column, "code": found.code}
    told = ";".join(f"{key}={_escaped(str(value), _AZURE)}" for key, value in keys.items())
    return f"##vso[task.logissue {told}]{_escaped(f'{found.code}{found.where}: {found.message}', _AZURE)}"


_GITHUB = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_GITHUB_KEY = _GITHUB | {":": "%3A", ",": "%2C"}
_AZURE = {"%": "%AZP25", "\r": "%0D", "\n": "%0A", ";": "%3B", "]": "%5D"}


def _escaped(text: str, signs: Mapping[str, str]) -> str:
    return "".join(signs.get(sign, sign) for sign in text)


def _from(top: str | None, path: Path) -> str:
    """Return `path` as CI names it: relative to the checkout."""
    base, whole = Path(top or Path.cwd()).resolve(), path.resolve()
    return (whole.relative_to(base) if whole.is_relative_to(base) else whole).as_posix()


def _source_lines(path: Path) -> list[int]:
    """Return the line of the file behind which each cell's source begins."""
    with path.open(encoding="utf-8") as file:
        return [number for number, line in enumerate(file, 1) if _SOURCE.match(line)]


def _in_file(sources: list[int], found: Finding) -> int:
    """Return the line of the file, as changes are shown by it; 1 where the file is laid out otherwise."""
    return sources[found.cell - 1] + found.line if 0 < found.cell <= len(sources) else 1
