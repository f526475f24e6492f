"""Put a model version on the endpoint without anybody noticing, unless it is better; go back by itself if it is not.

A rollout builds the second slot, tests it before it gets any request, mirrors some requests to it, then
gives it 10, 50 and 100 percent, with a look at errors and latency at each step. It may be killed at any
point: run again, it first gives all traffic back to the live slot, then goes on with what is built. No slot
ever gets traffic in a run in which it has not passed its smoke test.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tdsp.azure import client, probe, scaling, slots
from tdsp.azure.release import MIRROR, STEPS, Release
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

TRIAL_HOURS = 0.5  # that a step of a rollout may take, its soak aside, before somebody else may take over
PATIENCE = 5400  # seconds that a slot may take to be built: the service itself gives up earlier


class OvertakenError(TdspError):
    """Somebody else changed the endpoint during a rollout: what comes now is theirs."""


def roll_out(
    ml: MLClient,
    new: Release,
    exchanges: Sequence[probe.Exchange],
    guards: probe.Guards,
    keep_hours: float,
    by: str,
    say: Callable[[str], None],
    pause: float = 5,
) -> slots.Slots:
    """Make `new` live, from whatever state the endpoint is in.

    Args:
        ml: client of the workspace.
        new: what is to be live in the end.
        exchanges: requests with their right answers.
        guards: what the new slot must keep to.
        keep_hours: how long the former slot is kept for `rollback`.
        by: who does this; the same one takes up what was interrupted, another one waits for its end.
        say: gets one line for each thing done.
        pause: seconds between two looks at an operation of somebody else.

    Returns:
        The endpoint as it is afterwards.

    Raises:
        TdspError: the new version is not good enough, or the service failed. The live slot then has all traffic, or
            the message says how to get there.
        OvertakenError: somebody took the traffic back, or began a rollout of their own. They decide what is live.
    """
    rules = scaling.rules(new.scoring)  # before anything is changed
    now = _endpoint(ml, new, pause)
    refuse_two(now, by)
    now = _reset(ml, now, say)
    if now.content(now.live) != new.content:
        candidate = now.candidate
        now = _build(ml, now, new, candidate, by, say)
        caller = probe.Caller(now.endpoint.scoring_uri)
        try:
            probe.smoke(caller, exchanges, candidate)
            rows = sum(len(exchange.request["data"]) for exchange in exchanges)
            say(f"{candidate}: smoke test passed ({rows} rows as on this machine)")
            _raise_traffic(ml, new.where, now, candidate, caller, exchanges, guards, keep_hours, by, say)
        except OvertakenError:
            raise
        except BaseException as error:  # Ctrl-C and mistakes in this code too: users must not stay on the new slot
            _give_up(ml, new.where, now.name, candidate, by, error, say)
    _sweep(ml, slots.look(ml, new.where, now.name), say)
    now = slots.look(ml, new.where, now.name)
    scaling.follow(new.where, now, rules, say)
    return now


def refuse_two(now: slots.Slots, by: str) -> None:
    """Stop where somebody else is in the middle of a rollout.

    Raises:
        TdspError: with what to do.
    """
    if other := now.tried_by_other_than(by):
        raise TdspError(
            f"{other} tries a new version on {now.name}: wait for its end. If it was killed, this works after "
            f"{now.tag(slots.TRIAL_UNTIL)}, or once `tdsp rollback` has taken its traffic back"
        )


def _endpoint(ml: MLClient, new: Release, pause: float) -> slots.Slots:
    """Return the endpoint when nothing changes it any more; create or mend it first if needed."""
    from azure.ai.ml import load_online_endpoint

    name = slots.endpoint_name(new.where)
    now = slots.settled(ml, new.where, name, pause=pause)
    if now.endpoint and now.endpoint.provisioning_state == "Succeeded":
        return now
    endpoint = now.endpoint or load_online_endpoint(
        new.scoring / "endpoint.yml",
        params_override=[{"name": name}, {"tags": {slots.OWNER: new.where.slug}}],
    )
    try:
        with client.speaking(f"endpoint {name}"):
            ml.online_endpoints.begin_create_or_update(endpoint).result()
    except TdspError as error:
        if "already exists" in str(error):  # in this region, in a workspace that is not this one
            raise TdspError(f"{error}; the name follows from project.slug in project.yml: change that") from None
        raise
    return slots.look(ml, new.where, name)


def _reset(ml: MLClient, now: slots.Slots, say: Callable[[str], None]) -> slots.Slots:
    """Take back what an interrupted rollout left: shares and mirrors of a slot that is not live."""
    if now.live and (now.traffic != {now.live: 100} or now.mirror):
        slots.shift(ml, now, {now.live: 100}, **{**slots.NO_TRIAL, slots.LIVE: now.live})
        say(f"{now.live}: back to 100 % after an interrupted rollout")
    return now


def _build(ml: MLClient, now: slots.Slots, new: Release, slot: str, by: str, say: Callable[[str], None]) -> slots.Slots:
    """Return the endpoint with `new` running in `slot`, which gets no traffic."""
    from azure.ai.ml import load_online_deployment

    if now.content(slot) == new.content:
        say(f"{slot}: {new.label} is built already")
        return now
    if now.tag(slots.PREVIOUS) == slot:  # from here on there is nothing to go back to in that slot
        slots.shift(ml, now, now.traffic, **{slots.PREVIOUS: "", slots.UNTIL: ""})
    if slot in now.deployments:
        slots.remove(ml, now, slot)
    if not new.image.exists(ml):
        new.image.make(ml)
    deployment = load_online_deployment(
        new.scoring / "deployment.yml",
        params_override=[
            {"name": slot},
            {"endpoint_name": now.name},
            {"model": f"azureml:{new.model.name}:{new.model.version}"},
            {"environment": new.image.reference},
            {"tags": {slots.CONTENT: new.content, slots.VERSION: str(new.model.version)}},
        ],
    )
    if now.live:  # it takes over what the live slot has been scaled to
        deployment.instance_count = max(deployment.instance_count, now.deployments[now.live].instance_count)
    say(f"{slot}: building {new.label}; a first build takes some ten minutes")
    try:
        with client.speaking(f"slot {slot}"):
            building = ml.online_deployments.begin_create_or_update(deployment)
            building.wait(PATIENCE)
            if ready := building.done():
                building.result()
    except TdspError as error:
        _give_up(ml, new.where, now.name, slot, by, error, say)
    if not ready:
        raise TdspError(
            f"slot {slot} is not ready after {PATIENCE / 60:g} minutes; the service goes on with it: "
            "look into Studio, then run the same command again"
        )
    return slots.look(ml, new.where, now.name)


def _raise_traffic(
    ml: MLClient,
    where: client.Target,
    now: slots.Slots,
    slot: str,
    caller: probe.Caller,
    exchanges: Sequence[probe.Exchange],
    guards: probe.Guards,
    keep_hours: float,
    by: str,
    say: Callable[[str], None],
) -> None:
    live = now.live
    arrived = {**slots.NO_TRIAL, **slots.NOT_ROLLED_BACK, slots.LIVE: slot}
    if live is None:
        slots.shift(ml, now, {slot: 100}, **arrived)
        say(f"{slot}: 100 %")
        return
    trial = _trial(slot, by, guards)
    if _mirror(ml, now, live, slot, trial, say):
        _guard(caller, exchanges, slot, live, guards, f"mirror {MIRROR} %", say, shared=False)
    for share in STEPS:
        others = {live: 100 - share} if share < 100 else {}
        now, trial = _still_ours(ml, where, now), _trial(slot, by, guards)
        slots.shift(ml, now, {**others, slot: share}, **trial)
        _guard(caller, exchanges, slot, live, guards, f"{share} %", say)
    # Only now: whoever is killed before the last guard has passed finds a slot on trial, not a live one.
    arrived |= {slots.PREVIOUS: live, slots.UNTIL: slots.later(keep_hours)}
    slots.shift(ml, _still_ours(ml, where, now), {slot: 100}, **arrived)


def _trial(slot: str, by: str, guards: probe.Guards) -> dict[str, str]:
    """Return the tags of one step of a rollout; both slots are watched, one after the other."""
    until = slots.later(TRIAL_HOURS + 2 * guards.soak / 3600)
    return {slots.TRIAL: slot, slots.TRIAL_BY: by, slots.TRIAL_UNTIL: until}


def _still_ours(ml: MLClient, where: client.Target, before: slots.Slots) -> slots.Slots:
    """Return the endpoint as it is now, which must be as this rollout left it.

    Raises:
        OvertakenError: it is not.
    """
    now = slots.look(ml, where, before.name)
    if any(now.tag(key) != before.tag(key) for key in slots.NO_TRIAL):
        raise OvertakenError(
            f"somebody else changed the traffic of {now.name} during this rollout, which ends here: "
            f"`tdsp status --env {where.env}` shows what is live"
        )
    return now


def _mirror(
    ml: MLClient, now: slots.Slots, live: str, slot: str, trial: dict[str, str], say: Callable[[str], None]
) -> bool:
    """Send the new slot copies of real requests, whose answers nobody sees. Not every endpoint can."""
    tags = dict(now.endpoint.tags or {})
    try:
        slots.shift(ml, now, {live: 100}, {slot: MIRROR}, **trial)
    except TdspError as error:
        words = str(error).replace(now.name, "").lower()
        if client.status_of(error.__context__) != 400 or "mirror" not in words:
            raise
        now.endpoint.mirror_traffic, now.endpoint.tags = {}, tags
        say(f"no mirroring here: {error}")
        return False
    return True


def _guard(
    caller: probe.Caller,
    exchanges: Sequence[probe.Exchange],
    slot: str,
    live: str,
    guards: probe.Guards,
    step: str,
    say: Callable[[str], None],
    shared: bool = True,
) -> None:
    new = caller.measure(exchanges, slot, guards, shared)
    old = caller.measure(exchanges, live, guards)
    say(f"{slot}: {step}: {new} ({live}: p95 {old.p95_ms:.0f} ms)")
    if broken := probe.judge(new, old, guards):
        raise TdspError(f"slot {slot} at {step}: {broken}")


def _give_up(
    ml: MLClient,
    where: client.Target,
    name: str,
    slot: str,
    by: str,
    error: BaseException,
    say: Callable[[str], None],
) -> None:
    """Give all traffic back to the slot that had it, and raise `error`; show a failed slot's log and delete it."""
    say(f"{slot}: {error or 'interrupted'}")
    try:
        # A change whose answer was lost may still be under way: what one sees before it ends is not what will be.
        now = slots.settled(ml, where, name, whole=False)
        back = now.previous if now.live == slot else now.live
        other = now.tried_by_other_than(by)
        if back and not other:
            slots.shift(
                ml, now, {back: 100}, **{**slots.NO_TRIAL, slots.LIVE: back, slots.PREVIOUS: "", slots.UNTIL: ""}
            )
            say(f"{back}: back to 100 %")
    except Exception as second:
        raise TdspError(
            f"{error}\nand going back failed as well ({second}): run `tdsp rollback --env {where.env}` now"
        ) from None
    if other:
        say(f"{other} has begun a rollout meanwhile: its traffic is left alone")
        raise error
    if not isinstance(error, TdspError):  # it says nothing about the slot
        raise error
    if log := slots.logs(ml, now, slot):
        say(f"the log of {slot} ends with:\n{log}")
    with contextlib.suppress(TdspError):  # the next deployment deletes it
        if slot in now.deployments and not now.traffic.get(slot):
            slots.remove(ml, now, slot)
    serving = f"v{now.version(now.live)} in {now.live} has all traffic" if now.live else "nothing is live yet"
    serving = f"v{now.version(back)} in {back} still has all traffic" if back else serving
    raise TdspError(f"{error}; {serving}") from None


def _sweep(ml: MLClient, now: slots.Slots, say: Callable[[str], None]) -> None:
    """Delete our slots that nobody needs; the plan has told which."""
    doomed = now.leftovers
    if now.expired:
        slots.shift(ml, now, now.traffic, **{slots.PREVIOUS: "", slots.UNTIL: ""})
    for slot in doomed:
        slots.remove(ml, now, slot)
        say(f"{slot}: deleted")
