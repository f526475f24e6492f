"""Take away what the project made in one environment and what costs money or grants access; records stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tdsp.azure import client, github, slots
from tdsp.azure.identity import Identity
from tdsp.azure.plan import Line

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

STAYS = "jobs, models, data and environments stay in the workspace as records, and the ruleset in GitHub protects main"


def plan(ml: MLClient, where: client.Target, repository: github.Repository) -> list[tuple[Line, Callable[[], None]]]:
    """Return what is there to be removed, each with the way to do it; only what the project made is in it."""
    now, own = slots.look(ml, where, slots.endpoint_name(where)), Identity(where, repository)
    found: list[tuple[Line, Callable[[], None]]] = []
    if now.endpoint:
        inside = f"{len(now.deployments)} slots, {sum(now.traffic.values())} % traffic"
        found.append(
            (
                Line(f"endpoint {now.name}", inside, "delete", "its callers get no answer"),
                lambda: _endpoint(ml, now),
            )
        )
    # GitHub first: while the identity is there, its removal can be repeated.
    if repository.look_at_environment(where.env) != "missing":
        line = Line(f"GitHub environment {where.env}", "exists", "delete", "with its variables and reviewers")
        found.append((line, lambda: repository.remove_environment(where.env)))
    if not own.look():
        line = Line(f"identity {own.name}", "exists", "delete", "with its trust in GitHub and its roles")
        found.append((line, own.remove))
    return found


def _endpoint(ml: MLClient, now: slots.Slots) -> None:
    with client.speaking(f"endpoint {now.name}"):
        ml.online_endpoints.begin_delete(now.name).result()
