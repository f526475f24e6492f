"""Go back to the former version, in one request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdsp.azure import client, slots
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def roll_back(ml: MLClient, where: client.Target, now: slots.Slots) -> str:
    """Give all traffic to the former slot, in one request; say what came of it.

    Repeating it is harmless: once it is done there is no former slot to go to.

    Raises:
        TdspError: there is nothing to go back to.
    """
    if now.endpoint is None or now.live is None:
        raise TdspError(f"nothing is deployed in {where}")
    if now.traffic != {now.live: 100} or now.mirror:
        slots.shift(ml, now, {now.live: 100}, **{**slots.NO_TRIAL, slots.LIVE: now.live})
        return f"rollout stopped: v{now.version(now.live)} in {now.live} has all traffic"
    bad, good = now.live, now.previous
    if good is None:
        if now.tag(slots.ROLLED_BACK):
            return f"rolled back already: v{now.version(now.live)} in {now.live} has all traffic"
        raise TdspError(f"v{now.version(now.live)} in {now.live} is the only version here: there is none to go back to")
    if good in now.broken:
        raise TdspError(f"v{now.version(good)} in {good} does not run any more: there is no version to go back to")
    slots.shift(ml, now, {good: 100}, **{**now.without(bad), slots.LIVE: good, slots.UNTIL: ""})
    return f"rolled back: v{now.version(good)} in {good} has all traffic, v{now.version(bad)} in {bad} has none"
