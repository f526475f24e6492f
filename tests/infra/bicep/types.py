"""The types that values have: Microsoft's descriptions of resources, and what a file declares itself."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "types"


@dataclass(frozen=True)
class Type:
    """Anything at all."""

    label = "any"


@dataclass(frozen=True)
class String(Type):
    """`secure` says that nobody may see it."""

    pattern: str = ""
    shortest: int = 0
    longest: int | None = None
    secure: bool = False
    label = "string"


@dataclass(frozen=True)
class Literal(Type):
    value: str
    label = "string"


@dataclass(frozen=True)
class Integer(Type):
    lowest: int | None = None
    highest: int | None = None
    label = "int"


@dataclass(frozen=True)
class Number(Type):
    """One integer that is known."""

    value: int
    label = "int"


@dataclass(frozen=True)
class Boolean(Type):
    label = "bool"


@dataclass(frozen=True)
class Null(Type):
    label = "null"


@dataclass(frozen=True)
class List(Type):
    item: Type
    label = "array"


@dataclass(frozen=True)
class Choice(Type):
    """One of several types; `open` lets any other text pass, as Azure does with values it may know tomorrow."""

    options: tuple[Type, ...]
    open: bool = False

    @property
    def label(self) -> str:  # type: ignore[override]
        shown = [option.value if isinstance(option, Literal) else option.label for option in self.options]
        return " | ".join(shown)[:150]


@dataclass(frozen=True)
class Field:
    """A property of an object, its type worked out when asked for: types contain each other."""

    later: Callable[[], Type]
    required: bool = False
    read_only: bool = False
    constant: bool = False  # has to be known when the deployment starts

    @property
    def type(self) -> Type:
        return self.later()


@dataclass(frozen=True, eq=False)
class Struct(Type):
    """An object; `more` is the type of properties that have no name of their own."""

    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    more: Type | None = None
    label = "object"


@dataclass(frozen=True, eq=False)
class Tagged(Type):
    """An object whose shape depends on the text in one property."""

    name: str
    tag: str
    base: Mapping[str, Field]
    variants: Mapping[str, Callable[[], Type]]
    label = "object"

    def variant(self, value: str) -> Struct:
        chosen = self.variants[value]()
        assert isinstance(chosen, Struct)
        return Struct(chosen.name, {**self.base, **chosen.fields}, chosen.more)


ANY, TEXT, INT, BOOL, NULL = Type(), String(), Integer(), Boolean(), Null()


@dataclass(frozen=True)
class Resource:
    """A resource type: its body, and the scopes at which it can be deployed."""

    name: str
    version: str
    body: Struct
    scopes: frozenset[str]


class Library:
    """The descriptions in a folder, one file for each type; one version of each, the one that our files use."""

    def __init__(self, folder: Path = FOLDER):
        self._files = {path.stem.lower(): path for path in folder.glob("*.json")}

    def get(self, name: str) -> Resource | None:
        """Return a type by its name, without version; None if it is not there."""
        path = self._files.get(name.lower().replace("/", "_"))
        return path and _read(path)

    @property
    def names(self) -> list[str]:
        return [json.loads(path.read_text(encoding="utf-8"))["type"] for path in sorted(self._files.values())]


@functools.cache
def _read(path: Path) -> Resource:
    described = json.loads(path.read_text(encoding="utf-8"))
    full, version = described["type"].split("@")
    body = _Shapes(described["shapes"]).named(described["body"])
    assert isinstance(body, Struct)
    return Resource(full, version, body, frozenset(described["scopes"]))


class _Shapes:
    """The named shapes of one file. `take_types.py` says how they are written."""

    def __init__(self, described: dict):
        self.described = described
        self.named = functools.cache(self._named)

    def _named(self, name: str) -> Type:
        shape = self.described[name]
        fields = {
            key: Field(functools.partial(self.type, kind), "R" in flags, "r" in flags, "c" in flags)
            for key, (kind, flags) in shape["fields"].items()
        }
        if "tag" in shape:
            variants = {value: functools.partial(self.named, inner) for value, inner in shape["variants"].items()}
            return Tagged(name, shape["tag"], fields, variants)
        return Struct(name, fields, self.type(shape["more"]) if "more" in shape else None)

    def type(self, kind: str | dict) -> Type:
        simple = {"any": ANY, "string": TEXT, "int": INT, "bool": BOOL}
        if isinstance(kind, str):
            return simple[kind] if kind in simple else Literal(kind.strip("'"))
        (word, inner), *_ = kind.items()
        match word:
            case "shape":
                return self.named(inner)
            case "list":
                return List(self.type(inner))
            case "one":
                options = tuple(self.type(option) for option in inner)
                literals = tuple(option for option in options if option != TEXT)
                return Choice(literals, open=len(literals) < len(options)) if literals else TEXT
            case "text":
                return String(**inner)
            case "number":
                return Integer(**inner)
        raise ValueError(kind)
