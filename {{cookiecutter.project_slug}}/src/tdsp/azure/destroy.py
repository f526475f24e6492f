"""Take away what the project made in one environment and what costs money or grants access; records stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tdsp.azure import batch, client, cluster, devops, github, scaling, slots
from tdsp.azure.identity import Identity
from tdsp.azure.plan import Line
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

STAYS = (
    "jobs, models, data and environments stay in the workspace as records; "
    "a ruleset in GitHub, or an environment with its approvals in Azure DevOps, stays too"
)


Removal = tuple[Line, Callable[[], None] | None]


def plan(ml: MLClient, where: client.Target, ci: github.Repository | devops.Project) -> list[Removal]:
    """Return what is there to be removed, each with the way to do it; only what the project made is in it.

    What cannot be looked at has no way: it keeps nothing else, which may cost money, from being removed.

    Raises:
        WrongInput: an endpoint of the project's name belongs to somebody else.
    """
    own, name = Identity(where, ci), slots.endpoint_name(where)
    looks = {
        f"endpoint {name}": lambda: _online(ml, where, name),
        "batch endpoint": lambda: _batch(ml, where),
        "clusters": lambda: _clusters(ml, where),
        f"what {ci.host} holds": lambda: (
            _service_connection(where, ci) if isinstance(ci, devops.Project) else _github(where, ci)
        ),
        f"identity {own.name}": lambda: _identity(own, ci.host),
        f"autoscale rules of {name}": lambda: _rules(where, name),  # last: not everybody may, and they do no harm
    }
    found: list[Removal] = []
    for what, look in looks.items():
        try:
            found += look()
        except WrongInput:
            raise
        except TdspError as error:
            found.append((Line(what, "cannot be seen", "", str(error).splitlines()[0]), None))
    return found


def _online(ml: MLClient, where: client.Target, name: str) -> list[Removal]:
    now = slots.look(ml, where, name)
    inside = f"{len(now.deployments)} slots, {sum(now.traffic.values())} % traffic"
    line = Line(f"endpoint {name}", inside, "delete", "its callers get no answer")
    return [(line, lambda: _endpoint(ml, now))] if now.endpoint else []


def _batch(ml: MLClient, where: client.Target) -> list[Removal]:
    jobs = batch.look(ml, where)
    line = Line(f"batch endpoint {jobs.name}", f"{len(jobs.deployments)} deployments", "delete", "no more jobs")
    return [(line, lambda: _endpoint(ml, jobs))] if jobs.endpoint else []


def _clusters(ml: MLClient, where: client.Target) -> list[Removal]:
    return [
        (
            Line(f"cluster {mine.name}", "exists", "delete", "made by this project"),
            lambda name=mine.name: cluster.remove(ml, name),
        )
        for mine in cluster.own(ml, where)
    ]


def _service_connection(where: client.Target, project: devops.Project) -> list[Removal]:
    if project.look_at_connection(where.env, {}) == "missing":
        return []
    line = Line(f"service connection {devops.connection(where.env)}", "exists", "delete", "no pipeline signs in")
    return [(line, lambda: project.remove_connection(where.env))]


def _github(where: client.Target, repository: github.Repository) -> list[Removal]:
    if not repository.has_environment(where.env):
        return []
    others = repository.others_in(where.env)
    line = Line(f"GitHub environment {where.env}", "exists", "delete", "with its variables and reviewers")
    if others:
        why = f"the environment stays, as it holds {', '.join(others)}"
        line = Line(f"variables of GitHub environment {where.env}", "exist", "delete", why)
        if not repository.has_ours(where.env):
            return []
    return [(line, lambda: repository.remove_environment(where.env))]


def _identity(own: Identity, host: str) -> list[Removal]:
    if own.look():
        return []
    if own.is_ours():
        return [
            (Line(f"identity {own.name}", "exists", "delete", f"with its trust in {host} and its roles"), own.remove)
        ]
    why = "the identity stays, as this project did not make it"
    line = Line(f"trust and roles of identity {own.name}", "exist", "delete", why)
    return [(line, own.remove)] if own.is_wired() else []


def _rules(where: client.Target, name: str) -> list[Removal]:
    return [
        (
            Line(f"autoscale rules of {name}-{slot}", "exist", "delete", "they scale what is gone"),
            lambda slot=slot: scaling.remove(where, name, slot),
        )
        for slot in scaling.ruled(where, name)
    ]


def _endpoint(ml: MLClient, now: slots.Slots) -> None:
    with client.speaking(f"endpoint {now.name}"):
        now.endpoints_of(ml).begin_delete(now.name).result()
