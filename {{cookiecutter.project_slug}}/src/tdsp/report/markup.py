"""Markdown made safe: whatever comes from data, answers or evidence is text, never markup."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tdsp import wording

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


class Markdown(str):
    """Text that is Markdown already; everything else is escaped when a template shows it."""


def show(value: Any) -> str:
    """Return any value as Markdown, numbers short, the rest escaped; templates apply it to all."""
    if isinstance(value, Markdown):
        return value
    if value is None:
        return "n/a"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return wording.number(value)
    return _SPECIAL.sub(r"\\\1", one_line(value).removesuffix("T00:00:00"))  # a date without a time


def code(value: Any) -> Markdown:
    """Return a name as inline code that may stand in a table."""
    text = one_line(value)
    if "|" in text or not text.strip("` "):
        return Markdown(show(text))  # a bar ends a table's cell even inside code
    fence = "`" * (max((len(ticks) for ticks in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return Markdown(f"{fence}{pad}{text}{pad}{fence}")


def one_line(value: Any, most: int = 300) -> str:
    """Return `value` as text without line ends or control characters, cut where it gets unreadable."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def to_html(markdown: str, pictures: Mapping[str, Path]) -> str:
    """Return Markdown as HTML; raw HTML in it stays text, and every picture becomes part of the page.

    Args:
        markdown: CommonMark with tables.
        pictures: the file of each picture that the text shows.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    plain_image = parser.renderer.rules["image"]

    def image(tokens, index, options, env):
        source = str(tokens[index].attrs["src"])
        content = base64.b64encode(pictures[source.rsplit("/", 1)[-1]].read_bytes()).decode()
        tokens[index].attrs["src"] = f"data:image/png;base64,{content}"
        return plain_image(tokens, index, options, env)

    parser.renderer.rules["image"] = image
    parser.renderer.rules["table_open"] = lambda *_: '<div class="table"><table>\n'
    parser.renderer.rules["table_close"] = lambda *_: "</table></div>\n"
    return parser.render(markdown)
