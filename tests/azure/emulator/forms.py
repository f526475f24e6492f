"""Checks bodies of services that no installed package describes, against forms written from documents.

A form is a dict: field -> what it holds; `field?` may be absent or null, `*` is any field. What it holds is a
type, a compiled pattern, a set of words, a form, or a list with one of these for its items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def form(expected: dict[str, Any]) -> Callable[[Any, str], list[str]]:
    """Return a check of bodies against a form."""

    def check(body: Any, version: str) -> list[str]:
        return list(_value(body, expected, ""))

    return check


def _value(value: Any, expected: Any, path: str) -> Iterator[str]:
    """Yield one sentence for each departure from the form."""
    where = path.removeprefix(".") or "body"
    if isinstance(expected, dict):
        yield from _fields(value, expected, path)
    elif isinstance(expected, list):
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _value(item, expected[0], f"{path}[{index}]")
        else:
            yield f"{where}: {value!r} is not a list"
    elif isinstance(expected, re.Pattern):
        if not isinstance(value, str) or not expected.fullmatch(value):
            yield f"{where}: {value!r} does not fit {expected.pattern}"
    elif isinstance(expected, set):
        if value not in expected:
            yield f"{where}: {value!r} is none of {', '.join(sorted(map(str, expected)))}"
    elif not isinstance(value, expected) or (isinstance(value, bool) and expected not in (bool, object)):
        yield f"{where}: {value!r} is not of type {expected.__name__}"


def _fields(value: Any, expected: dict[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path.removeprefix('.') or 'body'}: {value!r} is not an object"
        return
    known = {field.removesuffix("?"): (field.endswith("?"), holds) for field, holds in expected.items()}
    if "*" in known:
        known |= dict.fromkeys(value.keys() - known.keys(), known.pop("*"))
    for field in sorted(value.keys() - known.keys()):
        yield f"{path}.{field}: unknown field".removeprefix(".")
    for field, (optional, holds) in known.items():
        if value.get(field) is not None:
            yield from _value(value[field], holds, f"{path}.{field}")
        elif not optional:
            yield f"{path}.{field}: missing".removeprefix(".")
