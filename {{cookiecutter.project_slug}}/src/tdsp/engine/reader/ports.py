"""Declared inputs, and what Azure ML makes of a literal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tdsp.engine.plan import DATA, FILES, FOLDERS, LITERALS

ANY = "any"  # an inline step and a pipeline job declare no types


@dataclass(frozen=True)
class Port:
    """A declared input."""

    type: str = ANY
    default: Any = None
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[Any, ...] | None = None

    @property
    def required(self) -> bool:
        """Whether a step cannot go without a value."""
        return not self.optional and self.default is None


def port_of(declaration: Any) -> Port:
    """Read one entry of a component's `inputs`."""
    if not isinstance(declaration, dict):
        return Port(default=declaration)
    enum = declaration.get("enum")
    return Port(
        type=str(declaration.get("type", ANY)),
        default=declaration.get("default"),
        optional=declaration.get("optional") is True,
        minimum=declaration.get("min"),
        maximum=declaration.get("max"),
        enum=tuple(enum) if isinstance(enum, list) else None,
    )


def text_of(raw: Any) -> str:
    """Return a literal as the service passes it on: Python's `str`, so booleans are `True` and `False`."""
    return str(raw)


def default_text(port: Port) -> str:
    """Return a default as text: unlike a literal of the job it is parsed by its port's type first."""
    convert = {"number": float, "integer": int, "boolean": _boolean}.get(port.type, lambda value: value)
    try:
        return text_of(convert(port.default))
    except (TypeError, ValueError, OverflowError):
        return text_of(port.default)


def _boolean(raw: Any) -> Any:
    return {"true": True, "false": False}.get(raw.lower(), raw) if isinstance(raw, str) else raw


def objection(port: Port, raw: Any) -> str | None:
    """Say why `raw` cannot be a literal of `port`, or return None."""
    if isinstance(raw, (dict, list)):
        return f"a {port.type} cannot be a {'mapping' if isinstance(raw, dict) else 'list'}"
    kind = port.type
    if kind == "boolean" and not isinstance(_boolean(raw), bool):
        return f"{raw!r} is not a boolean (true or false)"
    if kind in ("number", "integer"):
        try:
            number = _number(raw, kind)
        except (ValueError, OverflowError):
            return f"{raw!r} is not {'an integer' if kind == 'integer' else 'a number'}"
        for bound, word, outside in ((port.minimum, "minimum", -1), (port.maximum, "maximum", 1)):
            try:
                if bound is not None and (number - float(bound)) * outside > 0:
                    return f"{raw} is {'below' if outside < 0 else 'above'} the {word} {bound}"
            except (TypeError, ValueError, OverflowError):
                return f"its {word} {bound!r} is not a number"
    if port.enum is not None and text_of(raw) not in {text_of(value) for value in port.enum}:
        return f"{raw!r} is not one of {', '.join(text_of(value) for value in port.enum)}"
    return None


def _number(raw: Any, kind: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError(raw)
    if kind == "integer":
        return int(str(raw))
    return float(raw)


def mismatch(given: str, wanted: str) -> str | None:
    """Say why a value of type `given` cannot go into a port of type `wanted`, or return None."""
    if ANY in (given, wanted) or given == wanted:
        return None
    if (given in DATA) != (wanted in DATA):
        return f"{_article(given)} cannot feed {_article(wanted)}"
    if given in LITERALS:
        return None if wanted == "string" or (given, wanted) == ("integer", "number") else _words(given, wanted)
    return None


def doubt(given: str, wanted: str) -> str | None:
    """Say why a value of type `given` looks wrong in a port of type `wanted`.

    The service passes its path on as it is.
    """
    if (given in FILES and wanted in FOLDERS) or (given in FOLDERS and wanted in FILES):
        return f"a {'file' if given in FILES else 'folder'} ({given}) feeds {_article(wanted)}"
    return None


def _words(given: str, wanted: str) -> str | None:
    # An untyped string of the pipeline is judged by its text, not by its type.
    return None if given == "string" else f"{_article(given)} cannot feed {_article(wanted)}"


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in tuple('aeio') else 'a'} {kind}"
