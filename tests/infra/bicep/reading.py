"""Read a Bicep file into a tree, as strictly about newlines as the compiler.

A grammar for tree-sitter exists and the tests ask it too. It is no base for more than syntax: it reads the first call
of an array as two items, and `a ? b : c.d` as `(a ? b : c).d`.
"""

from __future__ import annotations

import functools

from .expressions import Expressions
from .tree import (
    Call,
    Declaration,
    Node,
    TypeArray,
    TypeName,
    TypeObject,
    TypeOptional,
    TypeProperty,
    TypeUnion,
    Value,
)
from .words import NUMBER, NotBicepError


class Reader(Expressions):
    """Reads statements, and the types in them."""

    def file(self) -> list[Declaration]:
        found = []
        self.skip(lines=True)
        while self.at < len(self.text):
            found.append(self.statement())
            self.end_of_line()
            self.skip(lines=True)
        return found

    def decorators(self) -> tuple[Call, ...]:
        found = []
        while self.take("@"):
            call = self.operand()
            if not isinstance(call, Call):
                raise self.fail("a decorator with parentheses")
            found.append(call)
            self.skip(lines=True)
        return tuple(found)

    def statement(self) -> Declaration:
        decorators = self.decorators()
        self.skip()
        at, kind = self.at, self.word()
        match kind:
            case "targetScope":
                self.need("=")
                return Declaration(at, kind, "", decorators, value=self.expression())
            case "using":
                return Declaration(at, kind, "", decorators, reference=self.string())
            case "param" | "output":
                name = self.name()
                declared = None if self.sees("=") else self.type()
                value = self.expression() if self.take("=") else None
                return Declaration(at, kind, name, decorators, declared, value=value)
            case "var" | "metadata":
                name = self.name()
                self.need("=")
                return Declaration(at, kind, name, decorators, value=self.expression())
            case "type":
                name = self.name()
                self.need("=")
                return Declaration(at, kind, name, decorators, self.type())
            case "resource" | "module":
                name, reference = self.name(), self.string()
                existing = kind == "resource" and bool(self.word("existing"))
                self.need("=")
                return Declaration(at, kind, name, decorators, None, reference, existing, self.body())
        self.at = at
        raise self.fail("param, var, resource, module, output or another declaration")

    def body(self) -> Node:
        self.skip()
        if self.sees("["):
            return self.array()
        if self.sees("if"):
            return self.condition()
        return self.object()

    def type(self) -> Node:
        self.skip()
        at = self.at
        self.take("|")
        options = [self.one_type()]
        self.skip()
        while self.take("|"):
            self.skip(lines=True)
            options.append(self.one_type())
        return options[0] if len(options) == 1 else TypeUnion(at, tuple(options))

    def one_type(self) -> Node:
        self.skip()
        at = self.at
        if self.sees("'"):
            found: Node = self.string()
        elif self.take("("):
            found = self.type()
            self.need(")")
        elif self.take("{"):
            found = TypeObject(at, self.listed("}", self.type_property))
        elif number := NUMBER.match(self.text, self.at):
            self.at = number.end()
            found = Value(at, int(number[0]))
        else:
            found = TypeName(at, self.name())
        while True:
            if self.take("[]"):
                found = TypeArray(at, found)
            elif self.take("?"):
                found = TypeOptional(at, found)
            else:
                return found

    def type_property(self) -> TypeProperty:
        decorators = self.decorators()
        at = self.at
        key = None if self.take("*") else (self.string().constant if self.sees("'") else self.name())
        self.need(":")
        return TypeProperty(at, key, self.type(), decorators)


@functools.cache
def read(text: str) -> list[Declaration]:
    """Return the statements of a file.

    Raises:
        NotBicepError: it is not Bicep, or not the common part of it.
    """
    return Reader(text).file()


__all__ = ["NotBicepError", "read"]
