"""Turn the source of a code cell into Python, line for line.

IPython's own transformers find and translate what is not Python (`%time`, `!ls`, `name?`). Where they make one line of
several, comments fill up, so a line of the script stays a line of the cell.
"""

from __future__ import annotations

import ast
import contextlib
import re
import tokenize
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

# Cell magics whose body is Python of the notebook itself.
PYTHON_BODY = {"capture", "debug", "memit", "mprun", "prun", "scalene", "snakeviz", "time", "timeit"}
# Commands that IPython takes without `%` when a cell holds nothing else.
BARE = {"cat", "cd", "conda", "cp", "ls", "mamba", "mkdir", "mv", "pip", "pwd", "rm", "rmdir", "uv", "who", "whos"}
_MAGIC = re.compile(r"^\s*[%!?/,;]|=\s*[%!]|\?\s*$", re.MULTILINE)
_CLEANED = re.compile(r"\A\s*(?:[ \t]|>>>|In \[)")  # indented as a whole, or pasted from a session
_TIME = re.compile(r"^(\s*)(%time\s+)(?=\S)")
_CELL_MAGIC = re.compile(r"%%(\w+)")


class Line(NamedTuple):
    """One line of a script.

    Attributes:
        text: the Python.
        original: what stands in the cell.
        own: whether the text is the author's, not written by the conversion.
    """

    text: str
    original: str
    own: bool = True

    @property
    def shift(self) -> int:
        """How many columns the author's text stands further right in the cell."""
        return len(self.original) - len(self.text)


def plain(source: str) -> list[Line]:
    """Return the Python for a cell's source, as many lines as it has.

    A cell that nobody could run stays as it is: `mistake` says what is wrong with it.
    """
    given = source.split("\n")
    if _MAGIC.search(source) or _CLEANED.search(source) or _is_bare_command(given):
        with contextlib.suppress(SyntaxError, tokenize.TokenError):  # then nobody could run it
            return _translated(given)
    return [Line(line, line) for line in given]


def commented(source: str) -> list[Line]:
    """Return a cell's source as comments."""
    return [Line(f"# {line}".rstrip(), line, own=False) for line in source.split("\n")]


def mistake(lines: Sequence[Line]) -> SyntaxError | None:
    """Return why these lines are not Python, or None; `lineno` and `offset` count in the lines."""
    parsed = _parse("\n".join(line.text for line in lines))
    return parsed if isinstance(parsed, SyntaxError) else None


def tree(lines: Sequence[Line]) -> ast.Module:
    """Return the syntax tree of the lines; without branches when there is a mistake in them."""
    parsed = _parse("\n".join(line.text for line in lines))
    return parsed if isinstance(parsed, ast.Module) else ast.Module([], [])


@cache
def _parse(text: str) -> ast.Module | SyntaxError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ruff tells of a wrong escape, with its place
        try:
            return ast.parse(text)
        except SyntaxError as error:
            return error
        except ValueError as error:  # a null character
            return SyntaxError(str(error), ("", 1, 1, None))


def _is_bare_command(given: list[str]) -> bool:
    filled = [line for line in given if line.strip()]
    if len(filled) != 1:
        return False
    first, *words = filled[0].split()
    return first in BARE and (not words or isinstance(_parse(filled[0]), SyntaxError))


def _translated(given: list[str]) -> list[Line]:
    empty = next((place for place, line in enumerate(given) if line.strip()), len(given))
    body = given[empty:]
    lines = [Line(line, line) for line in given[:empty]]
    if not body:
        return lines
    if magic := _CELL_MAGIC.match(body[0]):
        return lines + _cell_magic(magic[1], body)
    text = _cleaned([f"%{line}" for line in body] if _is_bare_command(body) else body)
    own = [True] * len(text)
    done = 0  # lines that need no second look: what follows a piece without indentation stands for itself
    while change := _next_change(text, done):
        first, last, new = change
        timed = _TIME.match(text[first])
        rest = text[first][timed.end() :] if timed else ""
        if timed and first == last and not isinstance(_parse(rest), SyntaxError):
            text[first] = timed[1] + rest  # what it names is a name of the notebook
        else:
            text[first : last + 1] = [new, *(f"# {line}" for line in text[first + 1 : last + 1])]
            own[first : last + 1] = [False] * (last + 1 - first)
        if not text[first].startswith((" ", "\t")):
            done = last + 1
    return lines + [Line(*parts) for parts in zip(text, body, own, strict=True)]


def _cell_magic(name: str, body: list[str]) -> list[Line]:
    if name in PYTHON_BODY:
        inside = plain("\n".join(body[1:])) if body[1:] else []
        return [Line(f"# {body[0]}", body[0], own=False), *inside]
    from IPython.core.inputtransformer2 import cell_magic

    (whole,) = cell_magic([f"{line}\n" for line in body])
    whole = whole.rstrip("\n")
    return [Line(whole, body[0], own=False), *commented("\n".join(body[1:]))[: len(body) - 1]]


def _cleaned(text: list[str]) -> list[str]:
    """Take away what IPython does before it looks: indentation of the whole cell, prompts of a pasted session."""
    lines = [f"{line}\n" for line in text]
    for clean in _manager().cleanup_transforms:  # the first line is not empty, so none of them drops one
        lines = clean(lines)
    return [line.removesuffix("\n") for line in lines]


def _next_change(text: list[str], done: int) -> tuple[int, int, str] | None:
    """Return first and last place of the next piece that is not Python, and its translation."""
    if not any(map(_MAGIC.search, text[done:])):
        return None
    alone = text[done].startswith(("%", "!")) and not text[done].endswith("\\")  # IPython need not see more
    lines = [f"{line}\n" for line in text[done : done + 1 if alone else None]]
    changed, after = _manager().do_one_token_transform(lines)
    if not changed:
        return None
    first = next(place for place, line in enumerate(after) if line != lines[place])
    last = first + len(lines) - len(after)
    return done + first, done + last, after[first].removesuffix("\n")


@cache
def _manager() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager()
