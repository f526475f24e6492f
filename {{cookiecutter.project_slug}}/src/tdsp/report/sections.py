"""Marked sections: the part of a hand-written document that a command may replace.

    <!-- tdsp:begin NAME -->
    … replaced …
    <!-- tdsp:end NAME -->

A marker stands alone on its line. Everything outside the markers is kept to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tdsp.errors import WrongInput

_MARKER = re.compile(r"^[ \t]*<!--[ \t]*tdsp:(?P<kind>\w+)[ \t]+(?P<name>[\w-]+)[ \t]*-->[ \t]*$", re.MULTILINE)
_HINT = re.compile(r"^[ \t]*<!--[ \t]*tdsp\b", re.MULTILINE)


def refresh(text: str, sections: Mapping[str, str | None], name: str) -> str:
    """Return `text` with the content of each marked section replaced.

    Args:
        text: the document.
        sections: what each section is to hold, None to keep what it holds; exactly these must be marked.
        name: the document's name, for messages.

    Raises:
        WrongInput: a marker is missing, doubled, out of order, misspelt or not expected.
    """
    line_end = "\r\n" if "\r\n" in text else "\n"
    unified = text.replace("\r\n", "\n")
    pieces, seen, position, opened = [], set(), 0, None
    if len(_HINT.findall(unified)) != len(_MARKER.findall(unified)):
        raise WrongInput(f"{name}: a marker is broken; it stands alone on its line: <!-- tdsp:begin NAME -->")
    for marker in _MARKER.finditer(unified):
        kind, section = marker["kind"], marker["name"]
        if kind == "begin" and opened is None:
            if section not in sections:
                raise WrongInput(f"{name}: no section is called {section!r}; known here: {', '.join(sections)}")
            if section in seen:
                raise WrongInput(f"{name}: section {section!r} is marked twice")
            pieces.append(unified[position : marker.end()])
            position, opened = marker.end(), section
        elif kind == "end" and section == opened:
            fresh = sections[section]
            pieces.append(unified[position : marker.start()] if fresh is None else f"\n\n{fresh.strip()}\n\n")
            position, opened = marker.start(), None
            seen.add(section)
        else:
            expected = f"<!-- tdsp:end {opened} -->" if opened else "<!-- tdsp:begin NAME -->"
            raise WrongInput(f"{name}: found {marker[0].strip()} where {expected} should come first")
    if opened:
        raise WrongInput(f"{name}: <!-- tdsp:begin {opened} --> has no end; add <!-- tdsp:end {opened} -->")
    if missing := [section for section in sections if section not in seen]:
        lines = ", ".join(f"<!-- tdsp:begin {section} --> and its end" for section in missing)
        raise WrongInput(f"{name}: missing {lines}")
    pieces.append(unified[position:])
    return "".join(pieces).replace("\n", line_end)
