"""Every expression of a file: what type it has, and whether that fits where it stands."""

from __future__ import annotations

from collections.abc import Mapping

from .calls import infer_call
from .files import BicepFile
from .fitting import allowed, either, misfit, unknown, without_null
from .members import infer_member
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
)
from .types import (
    ANY,
    BOOL,
    INT,
    TEXT,
    Choice,
    Field,
    List,
    Literal,
    Null,
    Struct,
    Tagged,
    Type,
)

Locals = Mapping[str, Type]
COMPARES = {"==", "!=", "=~", "!~"}


class Judge:
    """Works out types in one file, and reports what does not fit."""

    def __init__(self, file: BicepFile):
        self.file, self.report = file, file.report
        self.known: dict[str, Type] = {}
        self.under_way: set[str] = set()

    # ---- symbols

    def symbol(self, name: str) -> Type:
        """Return the type of a parameter, variable, resource or module."""
        if name in self.known:
            return self.known[name]
        item = self.file.symbols[name]
        if name in self.under_way:
            self.report(item, f"{name} is made from itself")
            return ANY
        self.under_way.add(name)
        kind = self.declared(item)
        if item.loop is not None and item.kind in ("resource", "module"):
            kind = List(kind)
        self.under_way.discard(name)
        self.known[name] = kind
        return kind

    def declared(self, item: Declaration) -> Type:
        match item.kind:
            case "param":
                return self.file.declared(item)
            case "var":
                return self.infer(item.value, {})
            case "resource":
                found = self.file.resource(item)
                return found.body if found else ANY
        module = self.file.module(item)
        outputs = module.outputs if module else Struct("outputs", {}, ANY)
        return Struct(f"module {item.name}", {"name": Field(lambda: TEXT), "outputs": Field(lambda: outputs)})

    # ---- what type an expression has

    def infer(self, node: Node, names: Locals) -> Type:
        """Return the type of an expression; report what is wrong inside it."""
        match node:
            case Text():
                for part in node.children():
                    self.infer(part, names)
                return Literal(node.constant) if node.constant is not None else TEXT
            case Name(name=name):
                return self.named(node, name, names)
            case Object(properties=properties):
                return self.infer_object(properties, names)
            case Array(items=items):
                return List(either(*(self.infer(item, names) for item in items)) if items else ANY)
            case For():
                return List(self.infer(node.body, self.loop(node, names)))
            case If():
                self.check(node.condition, BOOL, "condition", names)
                return self.infer(node.body, names)
            case Ternary():
                self.check(node.condition, BOOL, "condition", names)
                return either(self.infer(node.yes, names), self.infer(node.no, names))
            case Unary(sign=sign):
                if sign == "x!":
                    return without_null(self.infer(node.operand, names))
                kind = BOOL if sign == "!" else INT
                self.check(node.operand, kind, f"operand of {sign}", names)
                return kind
            case Binary():
                return self.infer_binary(node, names)
            case Member() | Index():
                return infer_member(self, node, names)
            case Call():
                return infer_call(self, node, names)
            case Lambda(parameters=parameters, body=body):
                return self.infer(body, {**names, **dict.fromkeys(parameters, ANY)})
        return self.file.constant(node)

    def named(self, node: Node, name: str, names: Locals) -> Type:
        if name in names:
            return names[name]
        if name in self.file.symbols:
            self.file.used.add(name)
            return self.symbol(name)
        self.report(node, f"there is no {name}")
        return ANY

    def loop(self, node: For, names: Locals) -> Locals:
        items = self.infer(node.items, names)
        if problem := misfit(items, List(ANY)):
            self.report(node.items, f"loop: {problem}")
        inner = {**names, node.item: items.item if isinstance(items, List) else ANY}
        return {**inner, node.index: INT} if node.index else inner

    def infer_object(self, properties: tuple, names: Locals) -> Type:
        fields, more = {}, None
        for item in properties:
            kind = self.infer(item.value, names)
            key = item.key.constant
            if key is None:
                self.infer(item.key, names)
                more = ANY
            elif key in fields:
                self.report(item, f"{key} is given twice")
            else:
                fields[key] = Field(lambda kind=kind: kind)
        return Struct("object", fields, more)

    def infer_binary(self, node: Binary, names: Locals) -> Type:
        if node.sign in ("&&", "||"):
            for side in (node.left, node.right):
                self.check(side, BOOL, f"side of {node.sign}", names)
            return BOOL
        left, right = self.infer(node.left, names), self.infer(node.right, names)
        if node.sign in COMPARES:
            texts = [side for side in (left, right) if isinstance(side, Literal)]
            others = [side for side in (left, right) if isinstance(side, Choice) and not side.open]
            if node.sign in ("==", "!=") and texts and others and misfit(texts[0], others[0]):
                self.report(node, f"never equal: {misfit(texts[0], others[0])}")
            plain = {side.label for side in (left, right) if not isinstance(side, Choice)} - {"any", "null"}
            if len(plain) == 2:
                self.report(node, f"never equal: {' and '.join(sorted(plain))}")
            return BOOL
        if node.sign == "??":
            return either(without_null(left), right)
        for side, kind in ((node.left, left), (node.right, right)):
            ordered = node.sign in ("<", ">", "<=", ">=") and kind.label == "string"
            if not ordered and (problem := misfit(kind, INT)):
                self.report(side, f"side of {node.sign}: {problem}")
        return INT if node.sign in "+-*/%" else BOOL

    # ---- whether an expression fits

    def check(self, node: Node, expected: Type, where: str, names: Locals) -> None:
        """Report where an expression cannot have the expected type, as near to the fault as possible."""
        if isinstance(expected, Choice) and isinstance(node, Object | Array | For):
            inner = [option for option in expected.options if not isinstance(option, Null)]
            expected = inner[0] if len(inner) == 1 else expected
        match node:
            case Ternary():
                self.check(node.condition, BOOL, "condition", names)
                for branch in (node.yes, node.no):
                    self.check(branch, expected, where, names)
            case If():
                self.check(node.condition, BOOL, "condition", names)
                self.check(node.body, expected, where, names)
            case For() if isinstance(expected, List):
                self.check(node.body, expected.item, f"{where}[]", self.loop(node, names))
            case Array(items=items) if isinstance(expected, List):
                for item in items:
                    self.check(item, expected.item, f"{where}[]", names)
            case Object() if isinstance(expected, Struct | Tagged):
                self.check_object(node, expected, where, names)
            case _:
                if problem := misfit(self.infer(node, names), expected):
                    self.report(node, f"{where}: {problem}")

    def check_object(self, node: Object, expected: Struct | Tagged, where: str, names: Locals) -> None:
        if isinstance(expected, Tagged):
            tag = node.get(expected.tag)
            kind = self.infer(tag, names) if tag else None
            if not isinstance(kind, Literal) or kind.value not in expected.variants:
                self.infer(node, names)
                if kind is None or isinstance(kind, Literal):
                    shown = ", ".join(expected.variants)[:120]
                    self.report(tag or node, f"{where}.{expected.tag}: one of {shown} expected")
                return
            expected = expected.variant(kind.value)
        given = set()
        dynamic = False
        for item in node.properties:
            key = item.key.constant
            if key is None:
                dynamic = True
                self.infer(item.key, names)
                self.check(item.value, expected.more or ANY, where, names)
                continue
            if key in given:
                self.report(item, f"{where}: {key} is given twice")
            given.add(key)
            known = expected.fields.get(key)
            if known is None and expected.more is None:
                self.report(item, f"{where}: {unknown(key, expected)}")
            if known and known.read_only and not known.required:
                self.report(item, f"{where}.{key}: only Azure writes this")
            self.check(item.value, allowed(known) if known else expected.more or ANY, f"{where}.{key}", names)
        for key, known in expected.fields.items():
            if known.required and key not in given and not dynamic:
                self.report(node, f"{where}: {key} is missing")
