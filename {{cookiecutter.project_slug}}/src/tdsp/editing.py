"""Change facts of a `project.yml` and leave its comments, order and everything else as they are."""

from __future__ import annotations

import functools
import io
import operator
import re
from typing import Any

import yaml
from ruamel.yaml import YAML, comments, scalarstring


def edit(text: str, facts: dict[str, Any]) -> str:
    """Return `text`, a `project.yml`, with some facts replaced; comments and everything else stay.

    Args:
        text: the file as it is.
        facts: dotted key (`data.target`) to new value.
    """
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096  # never fold a long line
    editor.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    document = editor.load(text)
    for key, value in facts.items():
        *parents, last = key.split(".")
        place = functools.reduce(operator.getitem, parents, document)
        place[last] = _written(value)
        if comment := place.ca.items.get(last, [None] * 3)[2]:
            comment.column = 0  # right behind the new value, not where the old one ended
    stream = io.StringIO()
    editor.dump(document, stream)
    return stream.getvalue()


def _written(value: Any) -> Any:
    """Return a value that `edit` writes so that `parse` reads it back; the two differ on words like `on` and `a?`."""
    if isinstance(value, list):
        line = comments.CommentedSeq(_written(item) for item in value)
        line.fa.set_flow_style()
        return line
    if not isinstance(value, str) or (
        re.fullmatch(r"[A-Za-z_][\w.-]*", value, re.ASCII) and yaml.safe_load(value) == value
    ):
        return value
    return scalarstring.DoubleQuotedScalarString(value)
