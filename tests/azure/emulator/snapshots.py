"""Copies of the tenant's state, so that many trials can begin at the same point."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from emulator.operations import Operations

if TYPE_CHECKING:
    from emulator.cloud import Cloud

PLAIN = ("user", "blobs", "runs", "github", "quota", "directory", "providers", "taken_names", "deleted_vaults")
PLAIN += ("taken_endpoints", "broken_deployments", "slow", "polls")
DEPLOYMENTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"


def take(cloud: Cloud) -> dict[str, Any]:
    """Return a copy of the tenant's state; operations that have not ended are not part of it."""
    state = {name: getattr(cloud, name) for name in PLAIN} | {"resources": cloud.resources.table}
    return copy.deepcopy(state)


def restore(cloud: Cloud, state: dict[str, Any]) -> None:
    """Bring the tenant back to a state: forget calls and faults, and start the containers that were there."""
    state = copy.deepcopy(state)
    cloud.resources.table = state.pop("resources")
    for name, value in state.items():
        setattr(cloud, name, value)
    cloud.operations = Operations()
    cloud.faults.clear()
    cloud.calls.clear()
    if cloud.server:
        cloud.server.stop()
        for deployment in cloud.resources.of_type(DEPLOYMENTS):
            if deployment["properties"]["provisioningState"] == "Succeeded":
                cloud.server.deploy(cloud, deployment)
