"""Mistakes in YAML: collected while reading, so that one look shows them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tdsp.engine.reader import documents
from tdsp.errors import WrongInput

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One mistake, where it stands and what would mend it."""

    file: Path
    keys: Keys
    message: str
    category: str = "invalid"

    def __str__(self) -> str:
        place = ".".join(str(key) for key in self.keys)
        line = documents.line_of(self.file, self.keys)
        return f"{documents.shown(self.file)}:{line}: {place and place + ': '}{self.message}"


@dataclass
class Problems:
    """The mistakes found so far."""

    found: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, file: Path, keys: Iterable[str | int], message: str, category: str = "invalid") -> None:
        """Note one mistake; the same one, met again through another step, counts once."""
        problem = Problem(file, tuple(keys), message, category)
        if problem not in self.found:
            self.found.append(problem)

    def warn(self, file: Path, keys: Iterable[str | int], message: str, category: str) -> None:
        """Note what may work and probably was not meant; it stops nothing."""
        problem = Problem(file, tuple(keys), message, category)
        if problem not in self.warnings:
            self.warnings.append(problem)

    def raise_any(self) -> None:
        """Raise `InvalidPipeline` if anything was noted."""
        if self.found:
            raise InvalidPipeline(self.found)


class InvalidPipeline(WrongInput):
    """The YAML cannot run; one line per mistake."""

    def __init__(self, problems: list[Problem]):
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = "one mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(f"{count} in the pipeline; nothing was started\n{lines}")
