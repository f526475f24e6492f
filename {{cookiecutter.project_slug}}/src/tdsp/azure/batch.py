"""Put a model version behind the batch endpoint: beside the default deployment, tried with rows, then in its place.

Nothing runs between two jobs, so a deployment costs nothing: the former one stays for `tdsp rollback --batch` until
the next version needs its slot. A killed command is run again; a deployment becomes the default only in a run in which
its own predictions were compared.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, predictions
from tdsp.azure import batch_job, client, cluster, images, probe, slots
from tdsp.azure.plan import Line
from tdsp.azure.release import Release, refuse_rolled_back
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

KIND = "batch"  # in the endpoint's name
ENDPOINT, DEPLOYMENT = "batch-endpoint.yml", images.BATCH  # in scoring/


def look(ml: MLClient, where: client.Target) -> slots.Batch:
    """Ask the service what is there."""
    return slots.look(ml, where, slots.endpoint_name(where, KIND), slots.Batch)


def plan(ml: MLClient, new: Release, now: slots.Batch, again: bool) -> list[Line]:
    """Return what deploying would do.

    Raises:
        TdspError: the version was rolled back here, and nobody asked for it by number.
    """
    refuse_rolled_back(new, now, again)
    wanted = cluster.definition(new.scoring)
    there = cluster.get(ml, wanted.name) is not None
    lines = [
        _line(f"endpoint {now.name}", bool(now.endpoint), "callers sign in; it has no key"),
        _line(f"cluster {wanted.name}", there, f"{wanted.min_instances} to {wanted.max_instances} x {wanted.size}"),
    ]
    if now.content(now.live) == new.content:
        return [*lines, Line(f"deployment {now.live}", f"{new.label}, default", "", "it is what would be deployed")]
    built = now.content(now.candidate) == new.content
    old = f"v{now.version(now.live)} in {now.live} stays for rollback" if now.live else "first version"
    state, do = (f"{new.label}, built", "") if built else ("free", f"make {new.label}")
    if not built and now.candidate in now.deployments:
        state, do = f"v{now.version(now.candidate)}", f"delete, then make {new.label}"
    return [
        *lines,
        Line(f"deployment {now.candidate}", state, do, old),
        Line("default", now.live or "none", f"score the sample, then {now.candidate}", "only if the answers are right"),
    ]


def _line(what: str, there: bool, why: str) -> Line:
    return Line(what, "exists" if there else "missing", "" if there else "create", why)


def roll_out(
    ml: MLClient,
    new: Release,
    evidence: Callable[[], Sequence[probe.Exchange]],
    home: Path,
    say: Callable[[str], None],
    pause: float = 5,
) -> slots.Batch:
    """Make `new` the default, from whatever state the endpoint is in.

    Args:
        ml: client of the workspace.
        new: what is to be the default in the end.
        evidence: works out rows with their right answers; not asked when nothing is to be tried.
        home: where the rows and what comes back are kept.
        say: gets one line for each thing done.
        pause: seconds between two looks at an operation of somebody else.

    Returns:
        The endpoint as it is afterwards.

    Raises:
        TdspError: the new version is not right, or the service failed. The default is then what it was.
    """
    now = _endpoint(ml, new, pause)
    cluster.provide(ml, new.where, new.scoring)
    if now.content(now.live) == new.content:
        return now
    slot, live, exchanges = now.candidate, now.live, evidence()
    kept = f"v{now.version(live)} in {live} is still the default" if live else "there is no default yet"
    try:
        now = _build(ml, now, new, slot, say)
    except WrongInput:
        raise
    except TdspError as error:
        raise TdspError(f"{error}; {kept}") from None
    try:
        _try(ml, now, new, slot, exchanges, home, say)
    except TdspError as error:
        with contextlib.suppress(TdspError):  # the next deployment deletes it
            slots.remove(ml, now, slot)
        raise TdspError(f"{error}; {kept}") from None
    _make_default(ml, now, slot, {**slots.NOT_ROLLED_BACK, slots.PREVIOUS: live or ""})
    say(f"{slot}: default")
    return look(ml, new.where)


def _endpoint(ml: MLClient, new: Release, pause: float) -> slots.Batch:
    """Return the endpoint when nothing changes it any more; create or mend it first if needed."""
    from azure.ai.ml import load_batch_endpoint

    name = slots.endpoint_name(new.where, KIND)
    now = slots.settled(ml, new.where, name, slots.Batch, pause=pause)
    if now.endpoint and now.endpoint.provisioning_state == "Succeeded":
        return now
    changes = [{"name": name}, {"tags": {slots.OWNER: new.where.slug}}]
    endpoint = now.endpoint or load_batch_endpoint(new.scoring / ENDPOINT, params_override=changes)
    with client.speaking(f"endpoint {name}"):
        ml.batch_endpoints.begin_create_or_update(endpoint).result()
    return look(ml, new.where)


def _build(ml: MLClient, now: slots.Batch, new: Release, slot: str, say: Callable[[str], None]) -> slots.Batch:
    """Return the endpoint with `new` in `slot`, which no job goes to by itself."""
    from azure.ai.ml.entities._load_functions import load_model_batch_deployment  # the public one knows an older form

    if now.content(slot) == new.content:
        say(f"{slot}: {new.label} is there already")
        return now
    with client.speaking(DEPLOYMENT):
        deployment = load_model_batch_deployment(
            new.scoring / DEPLOYMENT, params_override=new.overrides(now.name, slot)
        )
    if not new.image.exists(ml):
        new.image.make(ml)
    # Last, as all else may be refused: from here on there is nothing to go back to in that slot.
    if now.tag(slots.PREVIOUS) == slot:
        _make_default(ml, now, now.live, {slots.PREVIOUS: ""})
    if slot in now.deployments:
        slots.remove(ml, now, slot)
    with client.speaking(f"deployment {slot}"):
        ml.batch_deployments.begin_create_or_update(deployment).result()
    return look(ml, new.where)


def _try(
    ml: MLClient,
    now: slots.Batch,
    new: Release,
    slot: str,
    exchanges: Sequence[probe.Exchange],
    home: Path,
    say: Callable[[str], None],
) -> None:
    """Let a deployment score rows whose answers are known.

    Raises:
        TdspError: its job failed, or an answer is not the model's own.
    """
    folder = home / f"rows-{new.content}"
    with files.replace_folder(folder) as aside:
        for number, exchange in enumerate(exchanges):
            _write(exchange.request["data"], aside / f"rows-{number}.csv")
    got = predictions.answers(predictions.read(batch_job.score(ml, new.where, now, folder, home, say, slot)))
    for number, exchange in enumerate(exchanges):
        if wrong := probe.difference(exchange.answer, got.get(f"rows-{number}.csv", {})):
            raise TdspError(f"deployment {slot} failed its trial: {wrong}")
    say(f"{slot}: {sum(len(exchange.request['data']) for exchange in exchanges)} rows scored as on this machine")


def _write(rows: list[dict[str, Any]], file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        out = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def _make_default(ml: MLClient, now: slots.Batch, slot: str | None, tags: dict[str, str]) -> None:
    """Change the default deployment and the tags in one request; an empty value removes the tag."""
    endpoint = now.endpoint
    if slot:
        endpoint.defaults = {"deployment_name": slot}
    endpoint.tags = {key: value for key, value in {**(endpoint.tags or {}), **tags}.items() if value}
    with client.speaking(f"default of {now.name}"):
        ml.batch_endpoints.begin_create_or_update(endpoint).result()


def roll_back(ml: MLClient, where: client.Target, now: slots.Batch) -> str:
    """Make the former deployment the default again, in one request; say what came of it.

    Repeating it is harmless: once it is done there is no former deployment to go to.

    Raises:
        TdspError: there is nothing to go back to.
    """
    if now.endpoint is None or now.live is None:
        raise TdspError(f"nothing is deployed for batches in {where}")
    bad, good = now.live, now.previous
    if good is None:
        if now.tag(slots.ROLLED_BACK):
            return f"rolled back already: v{now.version(bad)} in {bad} is the default"
        raise TdspError(f"v{now.version(bad)} in {bad} is the only version here: there is none to go back to")
    if good in now.broken:
        raise TdspError(f"v{now.version(good)} in {good} failed meanwhile: there is no version to go back to")
    _make_default(ml, now, good, now.without(bad))
    return f"rolled back: v{now.version(good)} in {good} is the default, v{now.version(bad)} in {bad} is not"
