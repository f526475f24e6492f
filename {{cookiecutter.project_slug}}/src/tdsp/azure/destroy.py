"""Take away what the project made in one environment and what costs money or grants access; records stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tdsp.azure import batch, client, cluster, devops, github, scaling, slots
from tdsp.azure.identity import Identity
from tdsp.azure.plan import Line

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

STAYS = (
    "jobs, models, data and environments stay in the workspace as records; "
    "a ruleset in GitHub, or an environment with its approvals in Azure DevOps, stays too"
)


def plan(
    ml: MLClient, where: client.Target, ci: github.Repository | devops.Project
) -> list[tuple[Line, Callable[[], None]]]:
    """Return what is there to be removed, each with the way to do it; only what the project made is in it."""
    now, own = slots.look(ml, where, slots.endpoint_name(where)), Identity(where, ci)
    found: list[tuple[Line, Callable[[], None]]] = []
    if now.endpoint:
        inside = f"{len(now.deployments)} slots, {sum(now.traffic.values())} % traffic"
        line = Line(f"endpoint {now.name}", inside, "delete", "its callers get no answer")
        found.append((line, lambda: _endpoint(ml, now)))
    jobs = batch.look(ml, where)
    if jobs.endpoint:
        line = Line(f"batch endpoint {jobs.name}", f"{len(jobs.deployments)} deployments", "delete", "no more jobs")
        found.append((line, lambda: _endpoint(ml, jobs)))
    for mine in cluster.own(ml, where):
        line = Line(f"cluster {mine.name}", "exists", "delete", "made by this project")
        found.append((line, lambda name=mine.name: cluster.remove(ml, name)))
    # The CI system first: while the identity is there, its removal can be repeated.
    if isinstance(ci, devops.Project):
        if ci.look_at_connection(where.env, {}) != "missing":
            line = Line(
                f"service connection {devops.connection(where.env)}", "exists", "delete", "no pipeline signs in"
            )
            found.append((line, lambda: ci.remove_connection(where.env)))
    elif ci.has_environment(where.env):
        others = ci.others_in(where.env)
        line = Line(f"GitHub environment {where.env}", "exists", "delete", "with its variables and reviewers")
        if others:
            why = f"the environment stays, as it holds {', '.join(others)}"
            line = Line(f"variables of GitHub environment {where.env}", "exist", "delete", why)
        if not others or ci.has_ours(where.env):
            found.append((line, lambda: ci.remove_environment(where.env)))
    if not own.look():
        line = Line(f"identity {own.name}", "exists", "delete", f"with its trust in {ci.host} and its roles")
        found.append((line, own.remove))
    for slot in scaling.ruled(where, now.name):  # last: not everybody may, and they do no harm
        line = Line(f"autoscale rules of {now.name}-{slot}", "exist", "delete", "they scale what is gone")
        found.append((line, lambda slot=slot: scaling.remove(where, now.name, slot)))
    return found


def _endpoint(ml: MLClient, now: slots.Slots) -> None:
    with client.speaking(f"endpoint {now.name}"):
        now.endpoints_of(ml).begin_delete(now.name).result()
