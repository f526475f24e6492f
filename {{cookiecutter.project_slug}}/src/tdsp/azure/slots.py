"""An endpoint and its two slots, as the service has them now.

All that a rollout must remember lies in the endpoint's own tags, which change in the same request as its
traffic: there is no moment at which the two disagree, and no file that could be lost.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tdsp.azure import client
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

SLOTS = ("blue", "green")
OWNER = "tdsp.project"  # whose endpoint it is
LIVE = "tdsp.live"  # the slot that gets all traffic when no rollout is under way
TRIAL = "tdsp.trial"  # the slot that gets traffic and has not passed every guard yet
TRIAL_BY = "tdsp.trial_by"  # who tries it
TRIAL_UNTIL = "tdsp.trial_until"  # when somebody else may take over, as the one who tries it must have ended
PREVIOUS = "tdsp.previous"  # the slot that `tdsp rollback` goes back to
UNTIL = "tdsp.previous_until"  # when that slot may be deleted
ROLLED_BACK = "tdsp.rolled_back"  # content of the slot that was rolled back from
ROLLED_BACK_VERSION = "tdsp.rolled_back_version"  # and the model version in it
CONTENT = "tdsp.content"  # on a deployment: digest of model, code and environment
VERSION = "tdsp.model_version"  # on a deployment

NOT_ROLLED_BACK = {ROLLED_BACK: "", ROLLED_BACK_VERSION: ""}
NO_TRIAL = {TRIAL: "", TRIAL_BY: "", TRIAL_UNTIL: ""}

_SETTLED = {"Succeeded", "Failed", "Canceled"}
_BROKEN = {"Failed", "Canceled", "Deleting"}


@dataclass(frozen=True)
class Slots:
    """What is there.

    Attributes:
        name: of the endpoint.
        endpoint: as the SDK describes it; None when there is none.
        deployments: slot -> deployment.
    """

    name: str
    endpoint: Any = None
    deployments: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def endpoints_of(ml: MLClient) -> Any:
        """Return what the SDK does with endpoints of this kind."""
        return ml.online_endpoints

    @staticmethod
    def deployments_of(ml: MLClient) -> Any:
        """Return what the SDK does with their deployments."""
        return ml.online_deployments

    @property
    def traffic(self) -> dict[str, int]:
        """Percent of the requests that each slot gets, without zeros."""
        return {slot: share for slot, share in ((self.endpoint and self.endpoint.traffic) or {}).items() if share}

    @property
    def mirror(self) -> dict[str, int]:
        """Percent of the requests that each slot gets a copy of."""
        return {
            slot: share for slot, share in ((self.endpoint and self.endpoint.mirror_traffic) or {}).items() if share
        }

    @property
    def live(self) -> str | None:
        """The slot that answers, also while another one is being tried; None before the first deployment."""
        tagged = self.tag(LIVE)
        if tagged in self.traffic or (self.tag(TRIAL) in self.traffic and tagged in self.deployments):
            return tagged
        # Somebody moved the traffic by hand: whoever has most of it is live.
        return max(self.traffic, key=self.traffic.__getitem__, default=None)

    @property
    def candidate(self) -> str:
        """The slot that a new version goes to."""
        return next(slot for slot in SLOTS if slot != self.live)

    @property
    def previous(self) -> str | None:
        """The slot that one can go back to."""
        slot = self.tag(PREVIOUS)
        return slot if slot in self.deployments and slot != self.live else None

    def tag(self, key: str) -> str:
        """Return one of the endpoint's tags, or nothing."""
        return ((self.endpoint and self.endpoint.tags) or {}).get(key, "")

    def content(self, slot: str | None) -> str:
        """Return what a slot holds; nothing if it was not built well."""
        return self._tag_of(slot, CONTENT) if slot not in self.broken else ""

    @property
    def broken(self) -> list[str]:
        """Slots that failed, or that are on their way out."""
        return [slot for slot, it in self.deployments.items() if it.provisioning_state in _BROKEN]

    def without(self, bad: str) -> dict[str, str]:
        """Return the tags that say which slot was rolled back from, whatever has become of it."""
        return {PREVIOUS: "", ROLLED_BACK: self._tag_of(bad, CONTENT), ROLLED_BACK_VERSION: self.version(bad)}

    def _tag_of(self, slot: str | None, key: str) -> str:
        return (getattr(self.deployments.get(slot or ""), "tags", None) or {}).get(key, "")

    def version(self, slot: str | None) -> str:
        """Return the model version in a slot."""
        return (self._tag_of(slot, VERSION) or "?") if slot in self.deployments else ""

    @property
    def expired(self) -> bool:
        """Whether the former slot has been kept long enough."""
        return bool(self.previous and _past(self.tag(UNTIL)))

    def tried_by_other_than(self, me: str) -> str:
        """Return who else tries a new version on it at this moment; nothing if nobody does."""
        busy = self.tag(TRIAL) and not _past(self.tag(TRIAL_UNTIL) or later(-1))
        return self.tag(TRIAL_BY) if busy and self.tag(TRIAL_BY) != me else ""

    @property
    def leftovers(self) -> list[str]:
        """Slots that are neither live nor kept. What somebody else put on the endpoint is none."""
        kept = {self.live, None if self.expired else self.previous, *self.traffic}
        ours = [slot for slot in SLOTS if self._tag_of(slot, CONTENT)]
        return [slot for slot in ours if slot not in kept]


class Batch(Slots):
    """What is there of a batch endpoint: its default deployment is live, the other one costs nothing."""

    endpoints_of = staticmethod(lambda ml: ml.batch_endpoints)
    deployments_of = staticmethod(lambda ml: ml.batch_deployments)

    @property
    def traffic(self) -> dict[str, int]:
        """The default deployment gets every job."""
        default = getattr(self.endpoint and self.endpoint.defaults, "deployment_name", None)
        return {default: 100} if default in self.deployments else {}

    @property
    def mirror(self) -> dict[str, int]:
        """Jobs are not mirrored."""
        return {}


Found = TypeVar("Found", bound=Slots)


def endpoint_name(where: client.Target, kind: str = "") -> str:
    """Return the endpoint's name: unique in its region, at most 32 letters, digits and hyphens, the same every time."""
    import hashlib

    # The slug is cut: two long ones that begin alike differ here.
    suffix = hashlib.sha256(f"{where.workspace_id}/{where.slug}".lower().encode()).hexdigest()[:5]
    tail = f"{kind}-{where.env}-{suffix}".lstrip("-")
    return f"{where.slug[: 31 - len(tail)].rstrip('-')}-{tail}"


def look(ml: MLClient, where: client.Target, name: str, kind: type[Found] = Slots) -> Found:
    """Ask the service what is there of an endpoint; `kind` says which sort it is.

    Raises:
        WrongInput: an endpoint of this name belongs to somebody else in the workspace.
    """
    from azure.core.exceptions import ResourceNotFoundError

    with client.speaking(f"endpoint {name}"):
        try:
            endpoint = kind.endpoints_of(ml).get(name)
        except ResourceNotFoundError:
            return kind(name)
        deployments = {item.name: item for item in kind.deployments_of(ml).list(name)}
    if (endpoint.tags or {}).get(OWNER) != where.slug:
        raise WrongInput(f"endpoint {name} was not made by this project: rename the project or that endpoint")
    return kind(name, endpoint, deployments)


def settled(
    ml: MLClient,
    where: client.Target,
    name: str,
    kind: type[Found] = Slots,
    patience: float = 1800,
    pause: float = 5,
    whole: bool = True,
) -> Found:
    """Wait until nothing of the endpoint is being changed any more, by this command's killed forerunner for instance.

    Args:
        ml: client of the workspace.
        where: the workspace.
        name: of the endpoint.
        kind: sort of the endpoint.
        patience: seconds after which it counts as stuck.
        pause: seconds between two looks.
        whole: whether its deployments are waited for, too.

    Raises:
        TdspError: it is stuck.
    """
    end = time.monotonic() + patience
    while True:
        slots = look(ml, where, name, kind)
        things = [slots.endpoint, *(slots.deployments.values() if whole else ())] if slots.endpoint else []
        busy = [thing for thing in things if thing.provisioning_state not in _SETTLED]
        if not busy:
            return slots
        if time.monotonic() > end:
            raise TdspError(
                f"{busy[0].name} of endpoint {name} is stuck in state {busy[0].provisioning_state}: "
                "wait, or delete it in the portal, then run the same command again"
            )
        time.sleep(pause)


def shift(
    ml: MLClient,
    slots: Slots,
    traffic: Mapping[str, int],
    mirror: Mapping[str, int] | None = None,
    **tags: str,
) -> None:
    """Change traffic, mirror and tags in one request.

    Args:
        ml: client of the workspace.
        slots: as they are.
        traffic: slot -> percent; 100 in all, or nothing before the first version is live.
        mirror: slot -> percent; none when not given.
        tags: `LIVE`, `PREVIOUS`, ... -> value; an empty value removes the tag.
    """
    if sum(traffic.values()) != (100 if slots.traffic or traffic else 0):
        raise ValueError(f"traffic {dict(traffic)} would leave requests without an answer")
    endpoint = slots.endpoint
    endpoint.traffic, endpoint.mirror_traffic = dict(traffic), dict(mirror or {})
    endpoint.tags = {key: value for key, value in {**(endpoint.tags or {}), **tags}.items() if value}
    with client.speaking(f"traffic of {slots.name}"):
        ml.online_endpoints.begin_create_or_update(endpoint).result()


def remove(ml: MLClient, slots: Slots, slot: str) -> None:
    """Delete a slot that has no traffic."""
    with client.speaking(f"slot {slot} of {slots.name}"):
        slots.deployments_of(ml).begin_delete(slot, slots.name).result()


def logs(ml: MLClient, slots: Slots, slot: str, lines: int = 60) -> str:
    """Return the last lines that a slot's container printed; empty when there never was a container."""
    try:
        with client.speaking(f"logs of {slot}"):
            return client.redact(ml.online_deployments.get_logs(slot, slots.name, lines=lines) or "")
    except TdspError:
        return ""


def _past(time: str) -> bool:
    return bool(time) and datetime.fromisoformat(time) < datetime.now(UTC)


def later(hours: float) -> str:
    """Return the time some hours from now, as a tag keeps it."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
