"""The letters of a Bicep file: blanks, comments, words and signs."""

from __future__ import annotations

import re
from collections.abc import Callable

from .tree import Node

BLANK = re.compile(r"(?:[ \t]|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
BLANK_LINES = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*.*?\*/|#[^\n]*)*", re.DOTALL)
WORD = re.compile(r"[A-Za-z_]\w*")
NUMBER = re.compile(r"\d+\b")


class NotBicepError(Exception):
    """What is wrong with the text, and where."""

    def __init__(self, at: int, message: str):
        super().__init__(message)
        self.at = at


class Words:
    """The text and how far it was read."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def fail(self, wanted: str) -> NotBicepError:
        found = self.text[self.at :].split("\n")[0][:20]
        return NotBicepError(self.at, f"syntax: {wanted} expected, found {found!r}")

    def skip(self, lines: bool = False) -> None:
        self.at = (BLANK_LINES if lines else BLANK).match(self.text, self.at).end()

    def sees(self, sign: str) -> bool:
        self.skip()
        return self.text.startswith(sign, self.at)

    def take(self, sign: str) -> bool:
        if not self.sees(sign):
            return False
        self.at += len(sign)
        return True

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.fail(repr(sign))

    def word(self, *wanted: str) -> str:
        """Take the next word, if it is a wanted one; nothing otherwise."""
        self.skip()
        found = WORD.match(self.text, self.at)
        if found is None or (wanted and found[0] not in wanted):
            return ""
        self.at = found.end()
        return found[0]

    def name(self) -> str:
        found = self.word()
        if not found:
            raise self.fail("a name")
        return found

    def end_of_line(self) -> None:
        self.skip()
        if self.at < len(self.text) and self.text[self.at] not in "\r\n":
            raise self.fail("a new line")

    def listed(self, close: str, one: Callable[[], Node]) -> tuple[Node, ...]:
        """Read items up to `close`: one in each line, or parted by commas in one line."""
        found = []
        self.skip(lines=True)
        while not self.take(close):
            found.append(one())
            if self.take(","):
                self.skip()
                if self.text[self.at : self.at + 1] in ("\r", "\n"):
                    raise self.fail("no comma at the end of a line")
            elif not self.sees(close) and self.text[self.at : self.at + 1] not in ("\r", "\n"):
                raise self.fail(f"a new line or {close!r}")
            self.skip(lines=True)
        return tuple(found)
