"""What a deployment would make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .files import BicepFile
from .tree import Declaration


@dataclass(frozen=True)
class Made:
    """A resource that would be made.

    Attributes:
        type: of the resource, without version.
        name: its own, without its parent's.
        id: where it would be.
        body: everything that is written in its declaration, with values.
        item: the declaration.
        file: where that stands.
        way: the modules that lead to it, outermost first, each with its file; its own declaration last.
    """

    type: str
    name: str
    id: str
    body: dict[str, Any]
    item: Declaration
    file: BicepFile
    way: tuple[tuple[BicepFile, str], ...]


@dataclass
class Plan:
    """What a deployment would do."""

    made: list[Made] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[Made]:
        return [one for one in self.made if one.type == kind]


class Seen(dict):
    """A thing in Azure: what was not written about it is a stand-in."""

    def __init__(self, known: Mapping, path: str):
        super().__init__(known)
        self.path = path
