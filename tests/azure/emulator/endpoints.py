"""Managed online endpoints: a name, an address, and how its traffic is shared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator import operations
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, ServiceError, bad_request
from emulator.workspaces import of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2022-02-01-preview", "2023-04-01-preview")
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
KEYS = ("primary", "secondary")


def keys(name: str) -> dict[str, str]:
    """Return the keys of an endpoint."""
    return {f"{which}Key": f"emulated-{which}-key-of-{name}" for which in KEYS}


@routes(
    "GET",
    "{workspace}/onlineEndpoints",
    *VERSIONS,
    query=("$skip", "$skiptoken", "computeType", "count", "name", "tags", "properties", "orderBy"),
)
def listing(cloud: Cloud, call: Call) -> Response:
    """List the endpoints."""
    of(cloud, call)
    return page(cloud, call, cloud.resources.children(call.id))


@routes("GET", "{workspace}/onlineEndpoints/{endpoint}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show an endpoint."""
    of(cloud, call)
    cloud.operations.watch(call.id)
    return find(cloud, call.id)


def find(cloud: Cloud, endpoint_id: str) -> dict[str, Any]:
    """Return an endpoint, or raise the service's 404."""
    found = cloud.resources.get(endpoint_id)
    if found is None:
        raise ServiceError(404, "UserError", f"Endpoint {endpoint_id.rsplit('/', 1)[-1]} was not found.")
    return found


@routes(
    "PUT",
    "{workspace}/onlineEndpoints/{endpoint}",
    *VERSIONS,
    shape=sdk("v2022_02_01_preview", "OnlineEndpointData"),
)
def put(cloud: Cloud, call: Call) -> Response:
    """Create or change an endpoint.

    Raises:
        ServiceError: 400 for a bad or taken name or for bad traffic, 409 while another operation runs.
    """
    workspace = of(cloud, call)
    name, old = call["endpoint"], cloud.resources.get(call.id)
    if not NAME.fullmatch(name):
        raise bad_request(f"Endpoint name '{name}' must have 3 to 32 letters, digits and '-', and begin with a letter.")
    if old is None and name.lower() in _taken(cloud):
        raise bad_request(f"There already exists an endpoint with name {name} in region {cloud.region}.")
    operations.refuse_while_running(cloud, call.id)
    properties = dict(call.body["properties"])
    properties.pop("keys", None)
    if old and old["properties"]["authMode"] != properties["authMode"]:
        raise bad_request("The authentication mode of an endpoint cannot be changed.")
    traffic, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
    check_traffic(cloud, call.id, traffic, mirror)
    before = old["properties"] if old else {"traffic": {}, "mirrorTraffic": {}}
    address = f"https://{name}.{workspace['location']}.inference.ml.azure.com"
    shown = {"scoringUri": f"{address}/score", "swaggerUri": f"{address}/swagger.json"}
    state = {"provisioningState": "Updating" if old else "Creating"}
    body = {**call.body, "properties": {**properties, **shown, **state}}
    body["properties"].update(traffic=before["traffic"], mirrorTraffic=before["mirrorTraffic"])
    endpoint = cloud.resources.put(call.id, body)

    def finish() -> None:
        endpoint["properties"].update(provisioningState="Succeeded", traffic=traffic, mirrorTraffic=mirror)

    return operations.begin(cloud, call, endpoint, finish, created=old is None)


def _taken(cloud: Cloud) -> set[str]:
    """Return the endpoint names in use in the region, by this subscription or by others."""
    mine = cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")
    return {item["name"].lower() for item in mine} | cloud.taken_endpoints


def check_traffic(cloud: Cloud, endpoint_id: str, traffic: dict[str, int], mirror: dict[str, int]) -> None:
    """Raise the service's 400 for shares that it would not take."""
    for shares, what in ((traffic, "traffic"), (mirror, "mirror traffic")):
        for name, share in shares.items():
            deployment = cloud.resources.get(f"{endpoint_id}/deployments/{name}")
            if deployment is None:
                raise bad_request(f"The {what} names deployment '{name}', which does not exist.")
            if share and deployment["properties"]["provisioningState"] != "Succeeded":
                raise bad_request(f"The {what} names deployment '{name}', which is not in state Succeeded.")
            if not 0 <= share <= 100:
                raise bad_request(f"The {what} of '{name}' must be from 0 to 100, not {share}.")
    if traffic and sum(traffic.values()) not in (0, 100):
        raise bad_request(f"The sum of traffic must be 0 or 100, not {sum(traffic.values())}.")
    if sum(mirror.values()) > 50 or len([share for share in mirror.values() if share]) > 1:
        raise bad_request("Mirror traffic goes to one deployment and is at most 50.")
    if any(share and traffic.get(name) for name, share in mirror.items()):
        raise bad_request("A deployment cannot have live and mirror traffic at once.")


@routes("DELETE", "{workspace}/onlineEndpoints/{endpoint}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete an endpoint with its deployments."""
    if call.id not in cloud.resources:
        return Response(204)
    operations.refuse_while_running(cloud, call.id)
    cloud.resources[call.id]["properties"]["provisioningState"] = "Deleting"

    def finish() -> None:
        for deployment in cloud.resources.children(f"{call.id}/deployments"):
            if cloud.server:
                cloud.server.remove(deployment["id"])
        cloud.resources.delete(call.id)

    return operations.begin(cloud, call, None, finish, created=False)


@routes("POST", "{workspace}/onlineEndpoints/{endpoint}/listKeys", *VERSIONS)
def list_keys(cloud: Cloud, call: Call) -> dict[str, str]:
    """Give the keys of an endpoint that has any."""
    endpoint = find(cloud, call.id.rpartition("/")[0])
    if endpoint["properties"]["authMode"].lower() != "key":
        raise bad_request("The endpoint does not use key authentication.")
    return keys(call["endpoint"])


@routes("POST", "{workspace}/onlineEndpoints/{endpoint}/token", *VERSIONS)
def token(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Give a token to who may score on an endpoint with identity authentication."""
    from emulator.directory import MACHINE_LEARNING, RESOURCE_MANAGER, claims

    endpoint = find(cloud, call.id.rpartition("/")[0])
    if endpoint["properties"]["authMode"].lower() == "key":
        raise bad_request("The endpoint uses key authentication.")
    principal = cloud.directory.principal(call.request, RESOURCE_MANAGER)
    text = cloud.directory.token(principal, MACHINE_LEARNING[0])
    end = claims(text)["exp"]
    return {
        "accessToken": text,
        "expiryTimeUtc": end,
        "refreshAfterTimeUtc": end - 1800,
        "tokenType": "Bearer",
    }
