"""What a repository's workflows must keep to that no linter knows; each rule yields one line for each breach."""

from __future__ import annotations

from pathlib import Path

from workflows.rules import actions, commands, flow, safety, shape
from workflows.rules.reading import Unreadable, read

RULES = (*shape.RULES, *safety.RULES, *actions.RULES, *flow.RULES, *commands.RULES)


def problems(root: Path) -> list[str]:
    """Return all breaches in the workflows and actions of a repository."""
    try:
        repository = read(root)
    except Unreadable as error:
        return [str(error)]
    return [line for rule in RULES for line in rule(repository)]
