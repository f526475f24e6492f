"""What a Bicep file consists of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Node:
    """A piece of a file; `at` is where it begins."""

    at: int = field(compare=False)

    def children(self) -> Iterator[Node]:
        for item in fields(self):
            value = getattr(self, item.name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Node):
                    yield one

    def all(self) -> Iterator[Node]:
        yield self
        for child in self.children():
            yield from child.all()


@dataclass(frozen=True)
class Text(Node):
    """A string: pieces of text and expressions by turns."""

    parts: tuple[str | Node, ...]

    @property
    def constant(self) -> str | None:
        return "".join(self.parts) if all(isinstance(part, str) for part in self.parts) else None


@dataclass(frozen=True)
class Value(Node):
    """A number, `true`, `false` or `null`."""

    value: int | bool | None


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Property(Node):
    key: Text
    value: Node


@dataclass(frozen=True)
class Object(Node):
    properties: tuple[Property, ...]

    def get(self, key: str) -> Node | None:
        return next((item.value for item in self.properties if item.key.constant == key), None)


@dataclass(frozen=True)
class Array(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Call(Node):
    """`owner` is what a method is called on."""

    function: str
    arguments: tuple[Node, ...]
    owner: Node | None = None


@dataclass(frozen=True)
class Member(Node):
    """`owner.name`, or with a question mark `owner.?name`."""

    owner: Node
    name: str
    safe: bool = False


@dataclass(frozen=True)
class Index(Node):
    owner: Node
    index: Node
    safe: bool = False


@dataclass(frozen=True)
class Unary(Node):
    """`!x`, `-x`, and `x!`, which says that x is not null."""

    sign: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Ternary(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True)
class Lambda(Node):
    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True)
class For(Node):
    item: str
    index: str | None
    items: Node
    body: Node


@dataclass(frozen=True)
class If(Node):
    condition: Node
    body: Node


@dataclass(frozen=True)
class TypeName(Node):
    name: str


@dataclass(frozen=True)
class TypeArray(Node):
    item: Node


@dataclass(frozen=True)
class TypeUnion(Node):
    options: tuple[Node, ...]


@dataclass(frozen=True)
class TypeOptional(Node):
    inner: Node


@dataclass(frozen=True)
class TypeProperty(Node):
    """`key` is None for `*`, every other key."""

    key: str | None
    type: Node
    decorators: tuple[Call, ...] = ()


@dataclass(frozen=True)
class TypeObject(Node):
    properties: tuple[TypeProperty, ...]


@dataclass(frozen=True)
class Declaration(Node):
    """A statement: `kind` is its first word.

    Attributes:
        name: what it declares; empty for `using` and `targetScope`.
        decorators: the lines before it that begin with `@`.
        type: of a parameter or an output.
        reference: type of a resource, file of a module, target of `using`.
        existing: whether a resource is only looked up.
        value: default, value or body.
    """

    kind: str
    name: str
    decorators: tuple[Call, ...] = ()
    type: Node | None = None
    reference: Text | None = None
    existing: bool = False
    value: Node | None = None

    @property
    def body(self) -> Object | None:
        """The object of a resource or module, inside any loop and condition."""
        inner = self.value
        while isinstance(inner, For | If):
            inner = inner.body
        return inner if isinstance(inner, Object) else None

    @property
    def loop(self) -> For | None:
        return self.value if isinstance(self.value, For) else None

    @property
    def condition(self) -> Node | None:
        inner = self.value.body if isinstance(self.value, For) else self.value
        return inner.condition if isinstance(inner, If) else None

    def decorator(self, name: str) -> Call | None:
        return next((item for item in self.decorators if item.function == name), None)


def thing(node: Node) -> str:
    """Return the name of what an expression looks into: `a` for `a`, `a[0]` and `a!`; nothing for anything else."""
    while isinstance(node, Index) or (isinstance(node, Unary) and node.sign == "x!"):
        node = node.owner if isinstance(node, Index) else node.operand
    return node.name if isinstance(node, Name) else ""


def binds(node: Node) -> set[str]:
    """Return the names that a loop or a function gives to its own items: they hide symbols of the same name."""
    if isinstance(node, For):
        return {node.item, node.index or node.item}
    return set(node.parameters) if isinstance(node, Lambda) else set()


def names_in(node: Node, hidden: frozenset[str] = frozenset()) -> Iterator[Name]:
    """Yield the names of symbols in an expression."""
    if isinstance(node, Name) and node.name not in hidden:
        yield node
    for child in node.children():
        yield from names_in(child, hidden | binds(node))
