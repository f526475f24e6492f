"""Whether a value of one type may stand where another is expected."""

from __future__ import annotations

import difflib
import re

from .types import (
    ANY,
    BOOL,
    INT,
    NULL,
    TEXT,
    Choice,
    Field,
    Integer,
    List,
    Literal,
    Null,
    Number,
    String,
    Struct,
    Tagged,
    Type,
)


def misfit(given: Type, expected: Type) -> str:
    """Say why `given` cannot stand where `expected` is; nothing when it can."""
    if type(given) is Type or type(expected) is Type:
        return ""
    if isinstance(given, Choice):
        options = (*given.options, TEXT) if given.open else given.options
        return next(filter(None, (misfit(option, expected) for option in options)), "")
    if isinstance(expected, Choice):
        return _misfit_choice(given, expected)
    if given.label != expected.label:
        return f"{given.label} given, {expected.label} expected"
    if isinstance(given, Literal):
        return _misfit_text(given, expected)
    if isinstance(given, Number) and isinstance(expected, Integer):
        low, high = expected.lowest, expected.highest
        inside = (low is None or given.value >= low) and (high is None or given.value <= high)
        return "" if inside else f"{given.value} is not between {low} and {high}"
    if isinstance(given, List) and isinstance(expected, List):
        return misfit(given.item, expected.item)
    if isinstance(given, Struct):
        return _misfit_struct(given, expected)
    return ""


def _misfit_choice(given: Type, expected: Choice) -> str:
    inner = tuple(option for option in expected.options if not isinstance(option, Null))
    if len(inner) == 1 and len(inner) < len(expected.options):  # something, or null
        return "" if isinstance(given, Null) else misfit(given, inner[0])
    if isinstance(given, Literal):
        if given in expected.options or any(isinstance(o, String) and not misfit(given, o) for o in expected.options):
            return ""
        return f"'{given.value}' is not one of {expected.label}"
    if isinstance(given, String):
        fits = expected.open or any(isinstance(option, String) for option in expected.options)
        return "" if fits else f"any text given, {expected.label} expected"
    if any(not misfit(given, option) for option in expected.options):
        return ""
    return f"{given.label} given, {expected.label} expected"


def _misfit_text(given: Literal, expected: Type) -> str:
    if isinstance(expected, Literal):
        return "" if given == expected else f"'{given.value}' given, '{expected.value}' expected"
    assert isinstance(expected, String)
    return wrong_text(given.value, expected)


def wrong_text(value: str, expected: String) -> str:
    """Say which limit of `expected` a text breaks."""
    if len(value) < expected.shortest or (expected.longest is not None and len(value) > expected.longest):
        return f"'{value}' has {len(value)} characters, {expected.shortest} to {expected.longest} are allowed"
    if expected.pattern and not re.search(expected.pattern, value):
        return f"'{value}' does not match {expected.pattern}"
    return ""


def _misfit_struct(given: Struct, expected: Type) -> str:
    if isinstance(expected, Tagged):
        tag = given.fields.get(expected.tag)
        value = tag.type if tag else None
        if not isinstance(value, Literal) or value.value not in expected.variants:
            return "" if given.more or value is ANY else f"no valid {expected.tag} given"
        expected = expected.variant(value.value)
    assert isinstance(expected, Struct)
    for key, item in given.fields.items():
        known = expected.fields.get(key)
        if known is None and expected.more is None:
            return unknown(key, expected)
        if problem := misfit(item.type, allowed(known) if known else expected.more or ANY):
            return f"{key}: {problem}"
    if given.more is None:
        for key, known in expected.fields.items():
            if known.required and key not in given.fields:
                return f"{key} is missing"
    return ""


def allowed(field: Field) -> Type:
    """Return what may be given for a property: null, too, where it may be left out."""
    return field.type if field.required or type(field.type) is Type else Choice((field.type, NULL))


def unknown(key: str, expected: Struct) -> str:
    """Say that an object has no such property, and which one may have been meant."""
    near = difflib.get_close_matches(key, expected.fields, 1)
    return f"{expected.name} has no property {key}" + (f", did you mean {near[0]}?" if near else "")


def either(*options: Type) -> Type:
    """Return the type of a value that is one or another."""
    flat: list[Type] = []
    for option in options:
        flat += option.options if isinstance(option, Choice) else [option]
    if any(type(option) is Type for option in flat):
        return ANY
    unique = tuple(dict.fromkeys(flat))
    return unique[0] if len(unique) == 1 else Choice(unique)


def without_null(kind: Type) -> Type:
    """Return the type of a value that is known to be there."""
    if not isinstance(kind, Choice):
        return kind
    options = tuple(option for option in kind.options if not isinstance(option, Null))
    return options[0] if len(options) == 1 and not kind.open else Choice(options, kind.open)


def from_data(data: object, name: str = "file") -> Type:
    """Return the type of what a JSON or YAML file holds."""
    if isinstance(data, dict):
        kinds = {str(key): from_data(value, str(key)) for key, value in data.items()}
        return Struct(name, {key: Field(lambda kind=kind: kind, required=True) for key, kind in kinds.items()})
    if isinstance(data, list):
        return List(either(*(from_data(item) for item in data)) if data else ANY)
    if data is None:
        return NULL
    if isinstance(data, bool):
        return BOOL
    if isinstance(data, int):
        return Number(data)
    return Literal(data) if isinstance(data, str) else INT if isinstance(data, float) else ANY
