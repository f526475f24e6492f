"""Read values: operators, calls, objects, lists, loops and texts."""

from __future__ import annotations

import re

from .tree import (
    Array,
    Binary,
    Call,
    For,
    If,
    Index,
    Lambda,
    Member,
    Name,
    Node,
    Object,
    Property,
    Ternary,
    Text,
    Unary,
    Value,
)
from .words import NUMBER, NotBicepError, Words

LAMBDA = re.compile(r"(?:\(\s*(\w+(?:\s*,\s*\w+)*)?\s*\)|([A-Za-z_]\w*))[ \t]*=>")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", "$": "$"}
STRENGTH = (("??",), ("||",), ("&&",), ("==", "!=", "=~", "!~"), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"))


class Expressions(Words):
    """Reads what stands behind an equals sign."""

    def expression(self) -> Node:
        self.skip()
        at = self.at
        if found := LAMBDA.match(self.text, at):
            self.at = found.end()
            names = tuple(re.findall(r"\w+", found[1] or found[2] or ""))
            return Lambda(at, names, self.expression())
        condition = self.binary(0)
        before = self.at
        self.skip(lines=True)
        if not self.sees("?") or self.sees("??"):
            self.at = before
            return condition
        self.need("?")
        self.skip(lines=True)
        yes = self.expression()
        self.skip(lines=True)
        self.need(":")
        self.skip(lines=True)
        return Ternary(at, condition, yes, self.expression())

    def binary(self, level: int) -> Node:
        if level == len(STRENGTH):
            return self.unary()
        self.skip()
        at, left = self.at, self.binary(level + 1)
        while sign := next((sign for sign in STRENGTH[level] if self.take(sign)), None):
            self.skip(lines=True)
            left = Binary(at, sign, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        self.skip()
        at = self.at
        for sign in "!-":
            if self.take(sign):
                return Unary(at, sign, self.unary())
        return self.operand()

    def operand(self) -> Node:
        self.skip()
        at, found = self.at, self.primary()
        while True:
            if self.text.startswith(("!=", "!~"), self.at):
                return found
            if self.text.startswith("!", self.at):
                self.at += 1
                found = Unary(at, "x!", found)
            elif self.text.startswith(".", self.at):
                self.at += 1
                safe = self.take("?")
                member = self.name()
                found = (
                    self.call(at, member, found)
                    if self.text.startswith("(", self.at)
                    else Member(at, found, member, safe)
                )
            elif self.text.startswith("[", self.at):
                self.at += 1
                safe = self.take("?")
                found = Index(at, found, self.expression(), safe)
                self.need("]")
            else:
                return found

    def call(self, at: int, function: str, owner: Node | None = None) -> Call:
        self.need("(")
        return Call(at, function, self.arguments(), owner)

    def primary(self) -> Node:
        self.skip()
        at = self.at
        if self.sees("'"):
            return self.string()
        if self.sees("{"):
            return self.object()
        if self.sees("["):
            return self.array()
        if self.take("("):
            self.skip(lines=True)
            inner = self.expression()
            self.skip(lines=True)
            self.need(")")
            return inner
        if number := NUMBER.match(self.text, at):
            self.at = number.end()
            return Value(at, int(number[0]))
        word = self.word()
        if not word:
            raise self.fail("a value")
        if word in ("true", "false", "null"):
            return Value(at, {"true": True, "false": False, "null": None}[word])
        return self.call(at, word) if self.text.startswith("(", self.at) else Name(at, word)

    def object(self) -> Object:
        self.skip()
        at = self.at
        self.need("{")
        return Object(at, self.listed("}", self.property))

    def property(self) -> Property:
        at = self.at
        key = self.string() if self.sees("'") else Text(at, (self.name(),))
        self.need(":")
        self.skip(lines=True)
        value = self.condition() if re.match(r"if\s*\(", self.text[self.at :]) else self.expression()
        return Property(at, key, value)

    def array(self) -> Node:
        self.skip()
        at = self.at
        self.need("[")
        self.skip(lines=True)
        if re.match(r"for\b", self.text[self.at :]):
            found = self.loop()
            self.skip(lines=True)
            self.need("]")
            return found
        return Array(at, self.listed("]", self.expression))

    def loop(self) -> For:
        at = self.at
        self.word("for")
        item, index = "", None
        if self.take("("):
            item = self.name()
            self.need(",")
            index = self.name()
            self.need(")")
        else:
            item = self.name()
        if not self.word("in"):
            raise self.fail("'in'")
        items = self.expression()
        self.need(":")
        self.skip(lines=True)
        body = self.condition() if re.match(r"if\s*\(", self.text[self.at :]) else self.expression()
        return For(at, item, index, items, body)

    def arguments(self) -> tuple[Node, ...]:
        """Read what stands between parentheses: commas part it, wherever the lines end."""
        found = []
        self.skip(lines=True)
        while not self.take(")"):
            found.append(self.expression())
            self.skip(lines=True)
            if not self.take(",") and not self.sees(")"):
                raise self.fail("',' or ')'")
            self.skip(lines=True)
        return tuple(found)

    def condition(self) -> If:
        self.skip()
        at = self.at
        self.word("if")
        self.need("(")
        condition = self.expression()
        self.need(")")
        return If(at, condition, self.object())

    # ---- strings

    def string(self) -> Text:
        self.skip()
        at = self.at
        if self.take("'''"):
            end = self.text.find("'''", self.at)
            if end < 0:
                raise self.fail("the end of the text")
            text, self.at = self.text[self.at : end].removeprefix("\n"), end + 3
            return Text(at, (text,))
        self.need("'")
        parts: list[str | Node] = []
        plain = ""
        while not self.text.startswith("'", self.at):
            letter = self.text[self.at : self.at + 1]
            if letter in ("", "\n"):
                raise NotBicepError(at, "syntax: a string does not end in its line")
            if letter == "\\":
                plain += self.escape()
            elif self.text.startswith("${", self.at):
                self.at += 2
                parts += [plain, self.expression()] if plain else [self.expression()]
                plain = ""
                self.need("}")
            else:
                plain += letter
                self.at += 1
        self.at += 1
        return Text(at, (*parts, plain) if plain or not parts else tuple(parts))

    def escape(self) -> str:
        if code := re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}").match(self.text, self.at):
            self.at = code.end()
            return chr(int(code[1], 16))
        sign = self.text[self.at + 1 : self.at + 2]
        if sign not in ESCAPES or not sign:
            raise self.fail("an escape that Bicep knows")
        self.at += 2
        return ESCAPES[sign]
