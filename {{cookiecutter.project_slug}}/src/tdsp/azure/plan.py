"""What a command is about to do: printed first, agreed to where it must be, then done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tdsp.errors import WrongInput


@dataclass(frozen=True)
class Line:
    """One line of a plan.

    Attributes:
        what: the thing, in words.
        now: what is there: `exists`, `missing`, or what it says.
        do: what will be done; empty when nothing has to be.
        why: what it is good for.
    """

    what: str
    now: str
    do: str = ""
    why: str = ""


def show(title: str, lines: Sequence[Line]) -> None:
    """Print a plan as an aligned table."""
    rows = [
        ("what", "now", "to do", "why"),
        *((line.what, line.now, line.do or "-", line.why) for line in lines),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    print(title)
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip())
    sys.stdout.flush()


def agreed(question: str, yes: bool) -> bool:
    """Ask before anything is changed; `yes` answers in advance.

    Raises:
        WrongInput: nobody is there to answer.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise WrongInput("nobody can be asked here: add --yes to agree, or --dry-run to see the plan only")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def typed(word: str, question: str) -> bool:
    """Ask for a word that has to be typed out, for what cannot be undone."""
    print(question)
    try:
        return input(f"Type {word} to go on: ").strip() == word
    except EOFError:
        return False
