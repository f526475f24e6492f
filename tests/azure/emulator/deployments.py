"""Managed online deployments: the slots of an endpoint, their containers, and requests that reach them."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, Protocol

from emulator import operations
from emulator.directory import MACHINE_LEARNING
from emulator.endpoints import find, keys
from emulator.paging import page
from emulator.quota import ShortageError
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Request, Response, ServiceError, bad_request
from emulator.workspaces import of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
scoring = Routes(r"[^.]+\.[^.]+\.inference\.ml\.azure\.com", open=True)
VERSIONS = ("2023-04-01-preview", "2022-02-01-preview")
BASE = "{workspace}/onlineEndpoints/{endpoint}/deployments"
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
SCORE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action"


class Server(Protocol):
    """Runs the containers of deployments."""

    def deploy(self, cloud: Cloud, deployment: dict[str, Any]) -> None:
        """Start a container; raise RuntimeError with its last words if it stops."""

    def score(self, deployment_id: str, request: Request) -> Response:
        """Answer a request with a container."""

    def logs(self, deployment_id: str) -> str:
        """Return what a container has printed."""

    def remove(self, deployment_id: str) -> None:
        """Stop a container."""

    def stop(self) -> None:
        """Stop all containers."""


@routes("GET", BASE, *VERSIONS, query=("$skip", "$skiptoken", "$top", "$orderBy"))
def listing(cloud: Cloud, call: Call) -> Response:
    """List an endpoint's deployments."""
    of(cloud, call)
    find(cloud, call.id.rpartition("/")[0])
    for deployment in cloud.resources.children(call.id):
        cloud.operations.watch(deployment["id"])
    return page(cloud, call, cloud.resources.children(call.id))


@routes("GET", BASE + "/{name}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a deployment."""
    of(cloud, call)
    cloud.operations.watch(call.id)
    return _find(cloud, call.id)


def _find(cloud: Cloud, deployment_id: str) -> dict[str, Any]:
    found = cloud.resources.get(deployment_id)
    if found is None:
        raise ServiceError(404, "UserError", f"Deployment {deployment_id.rsplit('/', 1)[-1]} was not found.")
    return found


@routes("PUT", BASE + "/{name}", *VERSIONS, shape=sdk("v2023_04_01_preview", "OnlineDeployment"))
def put(cloud: Cloud, call: Call) -> Response:
    """Create or change a deployment.

    Raises:
        ServiceError: 400 for a bad name, size or asset, 409 while an operation runs.
    """
    of(cloud, call)
    endpoint_id = call.id.rsplit("/deployments/", 1)[0]
    endpoint = find(cloud, endpoint_id)
    if not NAME.fullmatch(call["name"]):
        raise bad_request(f"Deployment name '{call['name']}' must have 3 to 32 letters, digits and '-'.")
    if endpoint["properties"]["provisioningState"] != "Succeeded":
        raise ServiceError(409, "Conflict", f"Endpoint {call['endpoint']} is not in state Succeeded.")
    operations.refuse_while_running(cloud, call.id)
    old = cloud.resources.get(call.id)
    properties = dict(call.body["properties"])
    _check(cloud, properties)
    instances = (call.body.get("sku") or {}).get("capacity", 1)
    if instances < 1:
        raise bad_request("The instance count must be at least 1.")
    state = {"provisioningState": "Updating" if old else "Creating"}
    defaults = {"scaleSettings": {"scaleType": "Default"}}
    deployment = cloud.resources.put(
        call.id,
        {
            **call.body,
            "sku": {"name": "Default", "capacity": instances},
            "properties": {
                **defaults,
                **{key: value for key, value in properties.items() if value is not None},
                **state,
            },
        },
    )

    def finish() -> dict[str, str] | None:
        error = _start(cloud, deployment, instances)
        deployment["properties"]["provisioningState"] = "Failed" if error else "Succeeded"
        return error

    return operations.begin(cloud, call, deployment, finish, created=old is None)


def _check(cloud: Cloud, properties: dict[str, Any]) -> None:
    """Raise the service's 400 for references that lead nowhere and values that it does not take."""
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    for reference in (properties.get("model"), properties.get("environmentId"), code):
        if cloud.resources.lacks(reference):
            raise bad_request(f"The asset {reference} does not exist.")
    cloud.quota.cores(properties.get("instanceType") or "Standard_DS3_v2")
    limit = ((properties.get("requestSettings") or {}).get("requestTimeout")) or "PT5S"
    seconds = re.fullmatch(r"PT(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?", limit)
    if not seconds or int(seconds[1] or 0) * 60 + int(seconds[2] or 0) > 180:
        raise bad_request("The request timeout must be at most 180 seconds.")


def _start(cloud: Cloud, deployment: dict[str, Any], instances: int) -> dict[str, str] | None:
    """Start the container; return the error that makes the operation fail."""
    name, size = deployment["name"], deployment["properties"].get("instanceType") or "Standard_DS3_v2"
    if name in cloud.broken_deployments:
        return {"code": "BadArgument", "message": cloud.broken_deployments[name]}
    try:
        cloud.quota.take(deployment["id"], size, instances)
    except ShortageError as shortage:
        return {"code": "OutOfQuota", "message": str(shortage)}
    if cloud.server:
        try:
            cloud.server.deploy(cloud, deployment)
        except Exception as error:  # whatever the user's code raises stops a container
            return {
                "code": "ResourceNotReady",
                "message": f"User container has crashed or terminated: {error}",
            }
    return None


@routes("DELETE", BASE + "/{name}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete a deployment that has no traffic.

    Raises:
        ServiceError: 400 while it has traffic, 409 while an operation on it or on its endpoint runs.
    """
    if call.id not in cloud.resources:
        return Response(204)
    endpoint = find(cloud, call.id.rsplit("/deployments/", 1)[0])
    operations.refuse_while_running(cloud, endpoint["id"])
    if (endpoint["properties"]["traffic"] or {}).get(call["name"]):
        raise bad_request(f"Deployment {call['name']} cannot be deleted: it has live traffic.")
    operations.refuse_while_running(cloud, call.id)
    cloud.resources[call.id]["properties"]["provisioningState"] = "Deleting"

    def finish() -> None:
        for shares in (endpoint["properties"]["traffic"], endpoint["properties"]["mirrorTraffic"]):
            shares.pop(call["name"], None)
        if cloud.server:
            cloud.server.remove(call.id)
        cloud.quota.give_back(call.id)
        cloud.resources.delete(call.id)

    return operations.begin(cloud, call, None, finish, created=False)


@routes("POST", BASE + "/{name}/getLogs", *VERSIONS, shape=sdk("v2023_04_01_preview", "DeploymentLogsRequest"))
def logs(cloud: Cloud, call: Call) -> dict[str, str]:
    """Give the last lines that a container printed."""
    deployment = _find(cloud, call.id.rpartition("/")[0])
    text = cloud.server.logs(deployment["id"]) if cloud.server else "Instance status:\nSystemSetup: Succeeded\n"
    return {"content": "\n".join(text.splitlines()[-int(call.body.get("tail") or 5000) :])}


@scoring("GET", "/swagger.json", query=("version",))
@scoring("POST", "/score", shape=lambda body, version: [])  # noqa: ARG005 - the model's own form
def score(cloud: Cloud, call: Call) -> Response:
    """Send a request to the deployment that header or traffic choose, and a copy to the one that mirrors."""
    name = call.request.host.partition(".")[0]
    found = [item for item in cloud.resources.of_type(f"{ENDPOINTS}") if item["name"].lower() == name]
    if not found:
        raise ServiceError(404, "NotFound", f"There is no endpoint {name}.")
    endpoint = found[0]
    _authorize(cloud, endpoint, call.request)
    chosen = call.request.headers.get("azureml-model-deployment") or _by_traffic(endpoint)
    deployment = cloud.resources.get(f"{endpoint['id']}/deployments/{chosen}")
    if deployment is None or deployment["properties"]["provisioningState"] != "Succeeded":
        return Response(404, f"No deployment {chosen} that could answer.", {"Content-Type": "text/plain"})
    for mirror, share in (endpoint["properties"]["mirrorTraffic"] or {}).items():
        if share and random.random() * 100 < share:
            cloud.mirrored.append(mirror)
            _run(cloud, f"{endpoint['id']}/deployments/{mirror}", call.request)
    response = _run(cloud, deployment["id"], call.request)
    response.headers["azureml-model-deployment"] = chosen
    if response.status != 200:  # what a container refuses is a failed dependency to the endpoint's front
        response.headers["ms-azureml-model-error-statuscode"] = str(response.status)
        response.status = 424
    return response


ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


def _run(cloud: Cloud, deployment_id: str, request: Request) -> Response:
    if cloud.server:
        return cloud.server.score(deployment_id, request)
    return Response(200, {"deployment": deployment_id.rsplit("/", 1)[-1], "echo": request.json})


def _by_traffic(endpoint: dict[str, Any]) -> str:
    shares = {name: share for name, share in (endpoint["properties"]["traffic"] or {}).items() if share}
    if not shares:
        raise ServiceError(404, "NotFound", "The endpoint has no traffic.")
    return random.choices(list(shares), list(shares.values()))[0]


def _authorize(cloud: Cloud, endpoint: dict[str, Any], request: Request) -> None:
    """Raise 401 or 403 unless the request carries a key, or a token of somebody who may score."""
    if endpoint["properties"]["authMode"].lower() == "key":
        given = (request.headers.get("Authorization") or "").removeprefix("Bearer ")
        if given not in keys(endpoint["name"]).values():
            raise ServiceError(401, "key_auth_access_denied", "The key is missing or wrong.")
        return
    principal = cloud.directory.principal(request, MACHINE_LEARNING[:1])
    cloud.access.demand(principal, SCORE, endpoint["id"])
