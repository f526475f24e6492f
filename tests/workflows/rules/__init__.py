"""What a repository's workflows must keep to that no linter knows; each rule yields one line for each breach."""

from __future__ import annotations

from pathlib import Path

from workflows.rules import actions, commands, flow, safety, shape, steps
from workflows.rules.reading import Unreadable, read

RULES = (*shape.RULES, *safety.RULES, *actions.RULES, *flow.RULES, *steps.RULES, *commands.RULES)


def problems(root: Path) -> list[str]:
    """Return all breaches in the workflows and actions of a repository."""
    try:
        repository = read(root)
    except Unreadable as error:
        return [str(error)]
    found = []
    for rule in RULES:
        try:
            found += rule(repository)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # of a shape that no workflow has
            found.append(f"{rule.__name__}: cannot be looked at: {error!r}")
    return found
