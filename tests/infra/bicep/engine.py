"""What a template would make, worked out without Azure: every resource with its name and body.

Values that only Azure knows, such as the id of an identity, are stand-ins (`Runtime`) that name where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .files import BicepFile
from .fitting import allowed, from_data, misfit
from .plan import Made, Plan, Seen
from .standins import CALLS, PLACE, Place, Runtime, UndoableError
from .tree import (
    Array,
    Binary,
    Call,
    Declaration,
    For,
    If,
    Index,
    Lambda,
    Member,
    Name,
    Node,
    Object,
    Ternary,
    Text,
    Unary,
    Value,
)

SIGNS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "=~": lambda a, b: str(a).lower() == str(b).lower(),
    "!~": lambda a, b: str(a).lower() != str(b).lower(),
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def deploy(file: BicepFile, given: Mapping[str, Any], place: Place = PLACE, name: str = "main") -> Plan:
    """Return what a file would make with these parameters.

    Raises:
        UndoableError: an expression has no value.
    """
    plan = Plan()
    plan.outputs = Run(file, given, place, name, plan).all()
    return plan


def given_by(file: BicepFile) -> dict[str, Any]:
    """Return what a parameter file gives."""
    run = Run(file, {}, PLACE, "parameters", Plan())
    return {item.name: run.value(item.value, {}) for item in file.of("param")}


class Run:
    """One deployment of one file."""

    def __init__(self, file: BicepFile, given: Mapping[str, Any], place: Place, name: str, plan: Plan, way: tuple = ()):
        self.file, self.given, self.place, self.name, self.plan = file, given, place, name, plan
        self.way = way
        self.known: dict[str, Any] = {}
        for key, value in given.items():
            self.accept(key, value)

    def accept(self, key: str, value: Any) -> None:
        """Refuse what Azure refuses before it begins: a value outside the limits of its parameter."""
        field = self.file.parameters.fields.get(key)
        if field is None:
            raise UndoableError(f"{self.file.path.name} has no parameter {key}")
        if isinstance(value, str | int | list) and not isinstance(value, Runtime):
            problem = misfit(from_data(value), allowed(field))
            if problem:
                raise UndoableError(f"{self.file.path.name}: param {key}: {problem}")

    def all(self) -> dict[str, Any]:
        """Make everything; return the outputs."""
        for item in self.file.of("resource", "module"):
            self.symbol(item.name)
        return {item.name: self.value(item.value, {}) for item in self.file.of("output")}

    def symbol(self, name: str) -> Any:
        if name not in self.known:
            self.known[name] = None  # a circle ends here
            self.known[name] = self.work_out(self.file.symbols[name])
        return self.known[name]

    def work_out(self, item: Declaration) -> Any:
        if item.kind == "param":
            if item.name in self.given:
                return self.given[item.name]
            return self.value(item.value, {}) if item.value else None
        if item.kind == "var":
            return self.value(item.value, {})
        one = self.module if item.kind == "module" else self.resource
        if not isinstance(item.value, For):
            return one(item, item.value, {})
        loop = item.value
        items = self.value(loop.items, {})
        return [one(item, loop.body, self.inner(loop, i, each, {})) for i, each in enumerate(items)]

    @staticmethod
    def inner(loop: For, position: int, each: Any, names: dict) -> dict:
        return {**names, loop.item: each} | ({loop.index: position} if loop.index else {})

    def _body(self, node: Node, names: dict) -> dict[str, Any] | None:
        """Return the evaluated body; None where its condition does not hold."""
        if isinstance(node, If):
            return self._body(node.body, names) if self.value(node.condition, names) else None
        assert isinstance(node, Object)
        return self.value(node, names)

    def resource(self, item: Declaration, node: Node, names: dict) -> Any:
        body = self._body(node, names)
        if body is None:
            return None
        kind, version = (item.reference.constant or "@").split("@")[:2]
        above = body.pop("parent", None) or body.pop("scope", None)
        name = str(body.get("name"))
        if isinstance(above, Seen):
            child = item.body.get("parent") is not None
            identity = f"{above.path}/{kind.rsplit('/', 1)[1] if child else f'providers/{kind}'}/{name}"
        else:
            identity = f"{self.place.group_id}/providers/{kind}/{name}"
        body.pop("dependsOn", None)
        if not item.existing:
            self.plan.made.append(
                Made(kind, name, identity, body, item, self.file, (*self.way, (self.file, item.name)))
            )
        return Seen({**body, "id": identity, "name": name, "type": kind, "apiVersion": version}, identity)

    def module(self, item: Declaration, node: Node, names: dict) -> Any:
        body = self._body(node, names)
        if body is None:
            return None
        target = self.file.module(item)
        if target is None:
            raise UndoableError(f"{item.name}: no such module")
        name = body.get("name") or item.name
        self.plan.deployments.append(name)
        way = (*self.way, (self.file, item.name))
        outputs = Run(target, body.get("params") or {}, self.place, name, self.plan, way).all()
        return Seen({"name": name, "outputs": outputs}, name)

    # ---- values

    def value(self, node: Node | None, names: dict) -> Any:
        match node:
            case Value(value=value):
                return value
            case Text(parts=parts):
                return "".join(part if isinstance(part, str) else as_text(self.value(part, names)) for part in parts)
            case Name(name=name):
                if name in names:
                    return names[name]
                if name not in self.file.symbols:
                    raise UndoableError(f"there is no {name}")
                return self.symbol(name)
            case Object(properties=properties):
                return {self.value(item.key, names): self.value(item.value, names) for item in properties}
            case Array(items=items):
                return [self.value(item, names) for item in items]
            case For():
                items = enumerate(self.value(node.items, names))
                found = [self.value(node.body, self.inner(node, i, each, names)) for i, each in items]
                return [one for one in found if one is not None]
            case If():
                return self.value(node.body, names) if self.value(node.condition, names) else None
            case Ternary():
                return self.value(node.yes if self.value(node.condition, names) else node.no, names)
            case Unary(sign=sign):
                inner = self.value(node.operand, names)
                return inner if sign == "x!" else (not inner if sign == "!" else -inner)
            case Binary(sign=sign):
                left = self.value(node.left, names)
                if sign == "&&":
                    return bool(left and self.value(node.right, names))
                if sign == "||":
                    return bool(left or self.value(node.right, names))
                if sign == "??":
                    return self.value(node.right, names) if left is None else left
                return SIGNS[sign](left, self.value(node.right, names))
            case Member(name=name):
                return self.member(self.value(node.owner, names), name, node.safe)
            case Index():
                return self.member(self.value(node.owner, names), self.value(node.index, names), node.safe)
            case Lambda(parameters=parameters, body=body):
                return lambda *given: self.value(body, {**names, **dict(zip(parameters, given, strict=False))})
            case Call():
                return self.call(node, names)
        raise UndoableError("nothing here")

    @staticmethod
    def member(owner: Any, key: Any, safe: bool) -> Any:
        if isinstance(owner, Runtime):
            return Runtime(f"{owner}.{key}")
        if owner is None and safe:
            return None
        if isinstance(owner, Seen):
            if key not in owner:
                return Runtime(f"{owner.path}.{key}")
            inner = owner[key]
            return Seen(inner, f"{owner.path}.{key}") if isinstance(inner, dict) else inner
        try:
            return owner[key]
        except (KeyError, IndexError, TypeError):
            if safe:
                return None
            raise UndoableError(f"there is no {key!r}") from None

    def call(self, node: Call, names: dict) -> Any:
        if node.function in ("loadJsonContent", "loadYamlContent", "loadTextContent"):
            return self.file.data(node)
        if node.owner is not None and not (isinstance(node.owner, Name) and node.owner.name in ("az", "sys")):
            return Runtime(f"{node.function} of something")
        given = [self.value(argument, names) for argument in node.arguments]
        if node.function == "deployment":
            return {"name": self.name}
        if node.function in self.place.answers:
            return self.place.answers[node.function]
        if node.function not in CALLS:
            raise UndoableError(f"{node.function} is not known here")
        try:
            return CALLS[node.function](*given)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise UndoableError(f"{node.function}: {error}") from None


def as_text(value: Any) -> str:
    return {True: "True", False: "False"}.get(value, str(value)) if isinstance(value, bool) else str(value)
