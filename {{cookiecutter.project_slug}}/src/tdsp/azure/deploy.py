"""Put a model version on the endpoint without anybody noticing, unless it is better; go back by itself if it is not.

A rollout builds the second slot, tests it before it gets any request, mirrors some requests to it, then
gives it 10, 50 and 100 percent, with a look at errors and latency at each step. It may be killed at any
point: run again, it first gives all traffic back to the live slot, then goes on with what is built. No slot
ever gets traffic in a run in which it has not passed its smoke test.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Rollout:
    """The way of a release to all requests.

    Attributes:
        ml: client of the workspace.
        new: what is to be live in the end.
        evidence: works out requests with their right answers; not asked when nothing is to be tried.
        guards: what the new slot must keep to.
        keep_hours: how long the former slot is kept for `rollback`.
        by: who does this; the same one takes up what was interrupted, another one waits for its end.
        say: gets one line for each thing done.
        pause: seconds between two looks at an operation of somebody else.
    """

    ml: MLClient
    new: Release
    evidence: Callable[[], Sequence[probe.Exchange]]
    guards: probe.Guards
    keep_hours: float
    by: str
    say: Callable[[str], None]
    pause: float = 5

    def run(self) -> slots.Slots:
        """Make the release live, from whatever state the endpoint is in.

        Returns:
            The endpoint as it is afterwards.

        Raises:
            TdspError: the new version is not good enough, or the service failed. The live slot then has all traffic,
                or the message says how to get there.
            OvertakenError: somebody took the traffic back, or began a rollout of their own. They decide what is live.
        """
        rules = scaling.rules(self.new.scoring)  # before anything is changed
        now = self._endpoint()
        refuse_two(now, self.by)
        self._reset(now)
        if now.content(now.live) != self.new.content:
            exchanges = self.evidence()  # before anything is built
            self._try(self._build(now, now.candidate), now.candidate, exchanges)
        self._sweep(self._look(now))
        now = self._look(now)
        scaling.follow(self.new.where, now, rules, self.say)
        return now

    def _look(self, before: slots.Slots) -> slots.Slots:
        return slots.look(self.ml, self.new.where, before.name)

    def _endpoint(self) -> slots.Slots:
        """Return the endpoint when nothing changes it any more; create or mend it first if needed."""
        from azure.ai.ml import load_online_endpoint

        name = slots.endpoint_name(self.new.where)
        now = slots.settled(self.ml, self.new.where, name, pause=self.pause)
        if now.endpoint and now.endpoint.provisioning_state == "Succeeded":
            return now
        endpoint = now.endpoint or load_online_endpoint(
            self.new.scoring / "endpoint.yml",
            params_override=[{"name": name}, {"tags": {slots.OWNER: self.new.where.slug}}],
        )
        try:
            with client.speaking(f"endpoint {name}"):
                self.ml.online_endpoints.begin_create_or_update(endpoint).result()
        except TdspError as error:
            if "already exists" in str(error):  # in this region, in a workspace that is not this one
                raise TdspError(f"{error}; the name follows from project.slug in project.yml: change that") from None
            raise
        return slots.look(self.ml, self.new.where, name)

    def _reset(self, now: slots.Slots) -> None:
        """Take back what an interrupted rollout left: shares and mirrors of a slot that is not live."""
        if now.live and (now.traffic != {now.live: 100} or now.mirror):
            slots.shift(self.ml, now, {now.live: 100}, **{**slots.NO_TRIAL, slots.LIVE: now.live})
            self.say(f"{now.live}: back to 100 % after an interrupted rollout")

    def _build(self, now: slots.Slots, slot: str) -> slots.Slots:
        """Return the endpoint with the release running in `slot`, which gets no traffic."""
        from azure.ai.ml import load_online_deployment

        if now.content(slot) == self.new.content:
            self.say(f"{slot}: {self.new.label} is built already")
            return now
        with client.speaking("deployment.yml"):
            deployment = load_online_deployment(
                self.new.scoring / "deployment.yml", params_override=self.new.overrides(now.name, slot)
            )
        if now.live:  # it takes over what the live slot has been scaled to
            deployment.instance_count = max(deployment.instance_count, now.deployments[now.live].instance_count)
        if not self.new.image.exists(self.ml):
            self.new.image.make(self.ml)
        # Last, as all else may be refused: from here on there is nothing to go back to in that slot.
        if now.tag(slots.PREVIOUS) == slot:
            slots.shift(self.ml, now, now.traffic, **{slots.PREVIOUS: "", slots.UNTIL: ""})
        if slot in now.deployments:
            slots.remove(self.ml, now, slot)
        self.say(f"{slot}: building {self.new.label}; a first build takes some ten minutes")
        try:
            with client.speaking(f"slot {slot}"):
                building = self.ml.online_deployments.begin_create_or_update(deployment)
                building.wait(PATIENCE)
                if ready := building.done():
                    building.result()
        except TdspError as error:
            self._give_up(now, slot, error)
        if not ready:
            raise TdspError(
                f"slot {slot} is not ready after {PATIENCE / 60:g} minutes; the service goes on with it: "
                "look into Studio, then run the same command again"
            )
        return self._look(now)

    def _try(self, now: slots.Slots, slot: str, exchanges: Sequence[probe.Exchange]) -> None:
        """Test a slot, then let it have the traffic; take everything back if it is not good enough."""
        caller = probe.Caller(now.endpoint.scoring_uri, exchanges)
        try:
            caller.smoke(slot)
            rows = sum(len(exchange.request["data"]) for exchange in exchanges)
            self.say(f"{slot}: smoke test passed ({rows} rows as on this machine)")
            self._raise_traffic(now, slot, caller)
        except OvertakenError:
            raise
        except BaseException as error:  # Ctrl-C and mistakes in this code too: users must not stay on the new slot
            self._give_up(now, slot, error)

    def _raise_traffic(self, now: slots.Slots, slot: str, caller: probe.Caller) -> None:
        live = now.live
        arrived = {**slots.NO_TRIAL, **slots.NOT_ROLLED_BACK, slots.LIVE: slot}
        if live is None:
            slots.shift(self.ml, now, {slot: 100}, **arrived)
            self.say(f"{slot}: 100 %")
            return
        trial = self._trial(slot)
        if self._mirror(now, live, slot, trial):
            self._guard(caller, slot, live, f"mirror {MIRROR} %", shared=False)
        for share in STEPS:
            others = {live: 100 - share} if share < 100 else {}
            now, trial = self._still_ours(now), self._trial(slot)
            slots.shift(self.ml, now, {**others, slot: share}, **trial)
            self._guard(caller, slot, live, f"{share} %")
        # Only now: whoever is killed before the last guard has passed finds a slot on trial, not a live one.
        arrived |= {slots.PREVIOUS: live, slots.UNTIL: slots.later(self.keep_hours)}
        slots.shift(self.ml, self._still_ours(now), {slot: 100}, **arrived)

    def _trial(self, slot: str) -> dict[str, str]:
        """Return the tags of one step of a rollout; both slots are watched, one after the other."""
        until = slots.later(TRIAL_HOURS + 2 * self.guards.soak / 3600)
        return {slots.TRIAL: slot, slots.TRIAL_BY: self.by, slots.TRIAL_UNTIL: until}

    def _still_ours(self, before: slots.Slots) -> slots.Slots:
        """Return the endpoint as it is now, which must be as this rollout left it.

        Raises:
            OvertakenError: it is not.
        """
        now = self._look(before)
        if any(now.tag(key) != before.tag(key) for key in slots.NO_TRIAL):
            raise OvertakenError(
                f"somebody else changed the traffic of {now.name} during this rollout, which ends here: "
                f"`tdsp status --env {self.new.where.env}` shows what is live"
            )
        return now

    def _mirror(self, now: slots.Slots, live: str, slot: str, trial: dict[str, str]) -> bool:
        """Send the new slot copies of real requests, whose answers nobody sees. Not every endpoint can."""
        tags = dict(now.endpoint.tags or {})
        try:
            slots.shift(self.ml, now, {live: 100}, {slot: MIRROR}, **trial)
        except TdspError as error:
            words = str(error).replace(now.name, "").lower()
            if client.status_of(error.__context__) != 400 or "mirror" not in words:
                raise
            now.endpoint.mirror_traffic, now.endpoint.tags = {}, tags
            self.say(f"no mirroring here: {error}")
            return False
        return True

    def _guard(self, caller: probe.Caller, slot: str, live: str, step: str, shared: bool = True) -> None:
        new = caller.measure(slot, self.guards, shared)
        old = caller.measure(live, self.guards)
        self.say(f"{slot}: {step}: {new} ({live}: p95 {old.p95_ms:.0f} ms)")
        if broken := probe.judge(new, old, self.guards):
            raise TdspError(f"slot {slot} at {step}: {broken}")

    def _give_up(self, before: slots.Slots, slot: str, error: BaseException) -> None:
        """Give all traffic back to the slot that had it, and raise `error`; show a failed slot's log and delete it."""
        self.say(f"{slot}: {error or 'interrupted'}")
        try:
            # A change whose answer was lost may still be under way: what one sees before it ends is not what will be.
            now = slots.settled(self.ml, self.new.where, before.name, whole=False)
            back = now.previous if now.live == slot else now.live
            other = now.tried_by_other_than(self.by)
            if back and not other:
                slots.shift(
                    self.ml,
                    now,
                    {back: 100},
                    **{**slots.NO_TRIAL, slots.LIVE: back, slots.PREVIOUS: "", slots.UNTIL: ""},
                )
                self.say(f"{back}: back to 100 %")
        except Exception as second:
            raise TdspError(
                f"{error}\nand going back failed as well ({second}): run `tdsp rollback --env {self.new.where.env}` now"
            ) from None
        if other:
            self.say(f"{other} has begun a rollout meanwhile: its traffic is left alone")
            raise error
        if not isinstance(error, TdspError):  # it says nothing about the slot
            raise error
        if log := slots.logs(self.ml, now, slot):
            self.say(f"the log of {slot} ends with:\n{log}")
        with contextlib.suppress(TdspError):  # the next deployment deletes it
            if slot in now.deployments and not now.traffic.get(slot):
                slots.remove(self.ml, now, slot)
        serving = f"v{now.version(now.live)} in {now.live} has all traffic" if now.live else "nothing is live yet"
        serving = f"v{now.version(back)} in {back} still has all traffic" if back else serving
        raise TdspError(f"{error}; {serving}") from None

    def _sweep(self, now: slots.Slots) -> None:
        """Delete our slots that nobody needs; the plan has told which."""
        doomed = now.leftovers
        if now.expired:
            slots.shift(self.ml, now, now.traffic, **{slots.PREVIOUS: "", slots.UNTIL: ""})
        for slot in doomed:
            slots.remove(self.ml, now, slot)
            self.say(f"{slot}: deleted")


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
