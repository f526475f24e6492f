"""The expression language of Azure Pipelines, of `${{ }}`, `$[ ]` and `condition:`.

https://learn.microsoft.com/azure/devops/pipelines/process/expressions
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class ExpressionError(Exception):
    """An expression that Azure Pipelines would refuse, or that names what is not there."""


@dataclass(frozen=True)
class Node:
    """A part of an expression: a literal, a name, an index into something, or a call."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)*)|(?P<name>[A-Za-z_][\w-]*)|(?P<mark>[()\[\],.*]))"
)


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises:
        ExpressionError: it is not one.
    """
    tokens = list(_tokens(text))
    node, rest = _read(tokens, text)
    if rest:
        raise ExpressionError(f"{text}: {rest[0][1]!r} is too much")
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise ExpressionError(f"{text}: cannot read {text[place:].strip()[:20]!r}")
        place = match.end()
        yield str(match.lastgroup), match[str(match.lastgroup)]


def _read(tokens: list, text: str) -> tuple[Node, list]:
    if not tokens:
        raise ExpressionError(f"{text or 'an empty text'}: something is missing")
    (kind, value), rest = tokens[0], tokens[1:]
    if kind == "string":
        return Node("literal", value[1:-1].replace("''", "'")), rest
    if kind == "number":
        return Node("literal", value), rest
    if kind != "name":
        raise ExpressionError(f"{text}: {value!r} is not a value")
    if rest and rest[0] == ("mark", "("):
        arguments, rest = _arguments(rest[1:], text)
        node = Node("call", value.lower(), arguments)
    elif value.lower() in ("true", "false"):
        return Node("literal", value.lower() == "true"), rest
    else:
        node = Node("name", value)
    return _indexed(node, rest, text)


def _arguments(tokens: list, text: str) -> tuple[tuple[Node, ...], list]:
    found: list[Node] = []
    while True:
        if tokens and tokens[0] == ("mark", ")") and not found:
            return (), tokens[1:]
        node, tokens = _read(tokens, text)
        found.append(node)
        if not tokens or tokens[0][1] not in ",)":
            raise ExpressionError(f"{text}: a bracket is not closed")
        if tokens[0][1] == ")":
            return tuple(found), tokens[1:]
        tokens = tokens[1:]


def _indexed(node: Node, tokens: list, text: str) -> tuple[Node, list]:
    while tokens and tokens[0][1] in (".", "["):
        if tokens[0][1] == ".":
            if len(tokens) < 2 or tokens[1][0] != "name":
                raise ExpressionError(f"{text}: a name is missing behind the point")
            node, tokens = Node("index", None, (node, Node("literal", tokens[1][1]))), tokens[2:]
            continue
        key, tokens = _read(tokens[1:], text)
        if not tokens or tokens[0][1] != "]":
            raise ExpressionError(f"{text}: a bracket is not closed")
        node, tokens = Node("index", None, (node, key)), tokens[1:]
    return node, tokens


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it."""
    yield node
    for part in node.parts:
        yield from walk(part)


def unknown(tree: Node, names: set[str], functions: set[str]) -> Iterator[str]:
    """Yield a line for each name and each function that is not among those that are there."""
    for node in walk(tree):
        if node.kind == "name" and node.value not in names:
            yield f"{node.value}: there is no such thing here"
        if node.kind == "call" and node.value not in functions:
            yield f"{node.value}(): there is no such function here"


def below(tree: Node, name: str) -> set[str]:
    """Return what is read of a name: `parameters.x` and `variables['x']` give x."""
    return {
        str(node.parts[1].value)
        for node in walk(tree)
        if node.kind == "index" and node.parts[0] == Node("name", name) and node.parts[1].kind == "literal"
    }


class Known(dict):
    """A mapping in which a missing name is a mistake, not nothing."""


def evaluate(node: Node, names: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] | None = None) -> Any:
    """Return the value of an expression.

    Args:
        node: the expression.
        names: what `parameters`, `variables`, `dependencies` and others stand for.
        functions: more functions than `FUNCTIONS`, such as `succeeded`.

    Raises:
        ExpressionError: it names a function or a thing that is not there.
    """
    known = FUNCTIONS | dict(functions or {})
    if node.kind == "literal":
        return node.value
    if node.kind == "name":
        if node.value not in names:
            raise ExpressionError(f"{node.value}: there is no such thing here")
        return names[node.value]
    if node.kind == "call":
        if node.value not in known:
            raise ExpressionError(f"{node.value}(): there is no such function here")
        return known[node.value](*(evaluate(part, names, functions) for part in node.parts))
    base, key = (evaluate(part, names, functions) for part in node.parts)
    if isinstance(base, Known) and key not in base:
        raise ExpressionError(f"{key}: not one of {', '.join(base) or 'none'}")
    if isinstance(base, Mapping):
        return base.get(key)
    if isinstance(base, list):
        return base[int(key)] if int(key) < len(base) else None
    return None


def text_of(value: Any) -> str:
    """Return a value as Azure Pipelines writes it into text."""
    return "" if value is None else str(value)


def true(value: Any) -> bool:
    """Whether a value counts as true: a text does unless it is empty."""
    return bool(value)


def equal(one: Any, other: Any) -> bool:
    """Compare as `eq` does: the second is turned into the type of the first, and capital letters do not count."""
    if isinstance(one, bool):
        return one == true(other)
    return text_of(one).lower() == text_of(other).lower()


def _contains(whole: Any, part: Any) -> bool:
    return text_of(part).lower() in text_of(whole).lower()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *values: all(map(true, values)),
    "coalesce": lambda *values: next((value for value in values if value not in (None, "")), None),
    "contains": _contains,
    "containsvalue": lambda whole, value: any(
        equal(item, value) for item in (whole.values() if isinstance(whole, Mapping) else whole)
    ),
    "endswith": lambda whole, end: text_of(whole).lower().endswith(text_of(end).lower()),
    "eq": equal,
    "format": lambda pattern, *values: pattern.format(*map(text_of, values)),
    "in": lambda value, *others: any(equal(value, other) for other in others),
    "lower": lambda value: text_of(value).lower(),
    "ne": lambda one, other: not equal(one, other),
    "not": lambda value: not true(value),
    "notin": lambda value, *others: not any(equal(value, other) for other in others),
    "or": lambda *values: any(map(true, values)),
    "startswith": lambda whole, start: text_of(whole).lower().startswith(text_of(start).lower()),
    "upper": lambda value: text_of(value).upper(),
}
STATUS = ("always", "canceled", "failed", "succeeded", "succeededorfailed")  # what conditions have beside them
