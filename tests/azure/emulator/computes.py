"""Compute clusters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator import operations
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, bad_request, not_found
from emulator.workspaces import of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2023-08-01-preview",)
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,31}")


@routes("GET", "{workspace}/computes", *VERSIONS, query=("$skip", "$skiptoken"))
def computes(cloud: Cloud, call: Call) -> Response:
    """List the computes."""
    of(cloud, call)
    return page(cloud, call, cloud.resources.children(call.id))


@routes("GET", "{workspace}/computes/{name}", *VERSIONS)
def compute(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a compute."""
    of(cloud, call)
    cloud.operations.watch(call.id)
    found = cloud.resources.get(call.id)
    if found is None:
        raise not_found(call["name"])
    return found


@routes("PUT", "{workspace}/computes/{name}", *VERSIONS, shape=sdk("v2023_08_01_preview", "ComputeResource"))
def create(cloud: Cloud, call: Call) -> Response:
    """Create or change a compute."""
    of(cloud, call)
    if not NAME.fullmatch(call["name"]):
        raise bad_request(
            f"The compute name '{call['name']}' must have 2 to 32 letters, digits and '-'.", "InvalidName"
        )
    operations.refuse_while_running(cloud, call.id)
    known = call.id in cloud.resources
    properties = {**call.body["properties"], "provisioningState": "Creating", "computeLocation": cloud.region}
    properties["properties"] = {
        **(properties.get("properties") or {}),
        "allocationState": "Steady",
        "currentNodeCount": 0,
    }
    resource = cloud.resources.put(call.id, {**call.body, "properties": properties})

    def finish() -> None:
        resource["properties"]["provisioningState"] = "Succeeded"

    return operations.begin(cloud, call, resource, finish, created=not known)


@routes("DELETE", "{workspace}/computes/{name}", *VERSIONS, query=("underlyingResourceAction",))
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete a compute."""
    if call.id not in cloud.resources:
        return Response(204)
    return operations.begin(cloud, call, None, lambda: cloud.resources.delete(call.id) and None, created=False)
