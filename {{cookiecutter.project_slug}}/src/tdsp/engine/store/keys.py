"""What decides whether a step may be reused, and, when it may not, what changed."""

# Listing names is all it does.
# ruff: noqa: PTH208

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from tdsp.engine.plan import Step
from tdsp.engine.store import digests

Ingredients = dict[str, Any]


@functools.cache
def installed() -> str:
    """Return a digest of the interpreter and every installed distribution with its version."""
    names: set[str] = set()
    for place in sys.path:
        try:
            names.update(name for name in os.listdir(place or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
    return digests.of_text("\n".join([sys.version, *sorted(names)]))


def ingredients(
    step: Step, code: dict[str, str], inputs: dict[str, Any], packages: dict[str, str] | None = None
) -> Ingredients:
    """Return everything that goes into a step.

    Args:
        step: the step.
        code: file of the snapshot -> digest.
        inputs: input -> its literal text, or the digest of its content.
        packages: import name of an editable package it may import -> digest of its content.
    """
    return {
        "command": step.command,
        "code": code,
        "package": packages or {},
        "input": inputs,
        "output": {name: [output.type, output.file_name] for name, output in step.outputs.items()},
        "environment": step.environment,
        "variable": step.variables,
        "settings": {"kind": step.kind, **step.settings},
        "installed packages": installed(),
    }


def key_of(parts: Ingredients) -> str:
    """Return the store's key for a step with these ingredients."""
    return digests.of_data(parts)


def compact(parts: Ingredients) -> Ingredients:
    """Return `parts` with long texts as digests: enough to say what changed later."""
    return {
        name: {inner: _short(value) for inner, value in part.items()} if isinstance(part, dict) else _short(part)
        for name, part in parts.items()
    }


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else digests.of_data(value)
    return text if len(text) <= 40 else digests.of_text(text)[:16]


def difference(old: Ingredients, new: Ingredients) -> str:
    """Say in one line what changed between two compact ingredients, e.g.

    `changed: code: train.py, input split`.
    """
    said: list[str] = []
    for name, part in new.items():
        before = old.get(name)
        if part == before:
            continue
        if not isinstance(part, dict) or not isinstance(before, dict):
            said.append(name)
            continue
        inner = [item for item in {**before, **part} if before.get(item) != part.get(item)]
        shown = ", ".join(inner[:3]) + (f" and {len(inner) - 3} more" if len(inner) > 3 else "")
        said.append(f"{name}: {shown}" if name == "code" else f"{name} {shown}")
    return f"changed: {', '.join(said)}" if said else "its stored result is gone"
