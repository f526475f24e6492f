"""Azure DevOps' REST API as far as wiring a project needs it: service connections, environments, approvals.

What an answer's form is comes from the service's documentation and its public clients.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.directory import TENANT
from emulator.forms import GUID, form
from emulator.routing import Call, Routes
from emulator.wire import Response, ServiceError

if TYPE_CHECKING:
    from emulator.cloud import Cloud

RESOURCE = ("499b84ac-1321-427f-aa17-267ca6975798",)
BRANCH_CONTROL = "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b"
APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
routes = Routes(r"dev\.azure\.com", open=True)
ORGANISATION = "/{organisation}/_apis"
PROJECT = "/{organisation}/{project}/_apis"


@dataclass
class DevOps:
    """One organisation with one project.

    Attributes:
        allowed: whether the signed-in user is let in.
        approver: the signed-in user, as Azure DevOps knows them.
    """

    organisation: str = "contoso"
    project: str = "Data Science"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    allowed: bool = True
    approver: str = field(default_factory=lambda: str(uuid.uuid4()))
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    environments: dict[int, str] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    def named(self, name: str) -> dict[str, Any] | None:
        """Return the service connection of a name."""
        return next((item for item in self.connections.values() if item["name"] == name), None)


def _enter(cloud: Cloud, call: Call) -> DevOps | Response:
    """Return the organisation if the caller may come in; else the sign-in page, with a status that is no error."""
    cloud.directory.principal(call.request, RESOURCE)
    if not cloud.devops.allowed:
        return Response(203, b"<html>Sign in</html>")
    known = call["organisation"] == cloud.devops.organisation
    if not known or call.parameters.get("project", cloud.devops.project) not in (cloud.devops.project, cloud.devops.id):
        raise ServiceError(404, "ProjectDoesNotExist", "TF200016: The project does not exist.")
    return cloud.devops


def _route(method: str, path: str, version: str, **options: Any):
    """Add a route that is reached by who may come in."""

    def add(handler):
        @routes(method, path, version, **options)
        def answer(cloud: Cloud, call: Call) -> Any:
            devops = _enter(cloud, call)
            return devops if isinstance(devops, Response) else handler(devops, call)

        return handler

    return add


@_route("GET", ORGANISATION + "/projects/{project}", "7.1")
def project(devops: DevOps, call: Call) -> dict[str, Any]:
    """Show the project."""
    return {"id": devops.id, "name": devops.project, "state": "wellFormed"}


@_route("GET", ORGANISATION + "/connectionData", "7.1-preview")
def who(devops: DevOps, call: Call) -> dict[str, Any]:
    """Show who is signed in."""
    return {"authenticatedUser": {"id": devops.approver, "isActive": True}}


@_route("GET", PROJECT + "/serviceendpoint/endpoints", "7.1", query=("endpointNames",))
def endpoints(devops: DevOps, call: Call) -> dict[str, Any]:
    """List the service connections of a name."""
    wanted = call.request.query.get("endpointNames")
    found = [item for item in devops.connections.values() if item["name"] == wanted]
    return {"count": len(found), "value": found}


ENDPOINT = form(
    {
        "id?": GUID,
        "name": str,
        "type": {"azurerm"},
        "url": {"https://management.azure.com/"},
        "description?": str,
        "authorization": {
            "scheme": {"WorkloadIdentityFederation"},
            "parameters": {"tenantid": GUID, "serviceprincipalid": GUID},
        },
        "data": {
            "subscriptionId": GUID,
            "subscriptionName": str,
            "environment": {"AzureCloud"},
            "scopeLevel": {"Subscription"},
            "creationMode": {"Manual"},
        },
        "isShared": bool,
        "isReady": bool,
        "serviceEndpointProjectReferences": [{"name": str, "projectReference": {"id": GUID, "name": str}}],
    }
)


@_route("POST", ORGANISATION + "/serviceendpoint/endpoints", "7.1", shape=ENDPOINT)
def add_endpoint(devops: DevOps, call: Call) -> dict[str, Any]:
    """Make a service connection; the answer says whom its identity has to trust."""
    if devops.named(call.body["name"]):
        raise ServiceError(409, "DuplicateServiceConnection", f"Service connection {call.body['name']} exists.")
    return _store(devops, call.body, str(uuid.uuid4()))


@_route("PUT", ORGANISATION + "/serviceendpoint/endpoints/{id}", "7.1", shape=ENDPOINT)
def change_endpoint(devops: DevOps, call: Call) -> dict[str, Any]:
    """Change a service connection."""
    if call["id"] not in devops.connections:
        raise ServiceError(404, "EndpointNotFound", "The service connection does not exist.")
    return _store(devops, call.body, call["id"])


def _store(devops: DevOps, body: dict[str, Any], key: str) -> dict[str, Any]:
    parameters = {
        **body["authorization"]["parameters"],
        "workloadIdentityFederationIssuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "workloadIdentityFederationSubject": f"/eid1/c/pub/t/emulated/a/emulated/sc/{devops.id}/{key}",
    }
    devops.connections[key] = {**body, "id": key, "authorization": {**body["authorization"], "parameters": parameters}}
    return devops.connections[key]


@_route("DELETE", ORGANISATION + "/serviceendpoint/endpoints/{id}", "7.1", query=("projectIds",))
def remove_endpoint(devops: DevOps, call: Call) -> Response:
    """Delete a service connection from a project."""
    if call.request.query.get("projectIds") != devops.id:
        raise ServiceError(400, "InvalidArgument", "projectIds is required.")
    devops.connections.pop(call["id"], None)
    return Response(204, b"")


@_route("GET", PROJECT + "/distributedtask/environments", "7.1", query=("name",))
def environments(devops: DevOps, call: Call) -> dict[str, Any]:
    """List the environments whose names hold a text."""
    wanted = call.request.query.get("name", "")
    found = [{"id": key, "name": name} for key, name in devops.environments.items() if wanted in name]
    return {"count": len(found), "value": found}


@_route("POST", PROJECT + "/distributedtask/environments", "7.1", shape=form({"name": str, "description": str}))
def add_environment(devops: DevOps, call: Call) -> dict[str, Any]:
    """Make an environment."""
    key = len(devops.environments) + 1
    devops.environments[key] = call.body["name"]
    return {"id": key, "name": call.body["name"]}


@_route(
    "GET",
    PROJECT + "/pipelines/checks/configurations",
    "7.1-preview.1",
    query=("resourceType", "resourceId", "$expand"),
)
def checks(devops: DevOps, call: Call) -> dict[str, Any]:
    """List the checks of a resource."""
    wanted = call.request.query.get("resourceId")
    found = [check for check in devops.checks if check["resource"]["id"] == wanted]
    return {"count": len(found), "value": found}


RESOURCE_OF = {"type": {"environment", "endpoint"}, "id": str, "name": str}
APPROVED = form(
    {
        "type": {"id": {APPROVAL}, "name": {"Approval"}},
        "settings": {
            "approvers": [{"id": GUID}],
            "minRequiredApprovers": int,
            "executionOrder": {"anyOrder", "inSequence"},
        },
        "resource": RESOURCE_OF,
        "timeout": int,
    }
)
CONTROLLED = form(
    {
        "id?": int,
        "type": {"name": {"Task Check"}},
        "settings": {
            "definitionRef": {"id": {BRANCH_CONTROL}, "name": {"evaluatebranchProtection"}, "version": {"0.0.1"}},
            "displayName": str,
            "inputs": {"allowedBranches": str, "ensureProtectionOfBranch": {"true", "false"}},
        },
        "resource": RESOURCE_OF,
        "timeout": int,
    }
)


def check_form(body: Any, version: str) -> list[str]:
    """Check the body of either kind of check."""
    task = isinstance(body, dict) and body.get("type", {}).get("name") == "Task Check"
    return (CONTROLLED if task else APPROVED)(body, version)


@_route("POST", PROJECT + "/pipelines/checks/configurations", "7.1-preview.1", shape=check_form)
def add_check(devops: DevOps, call: Call) -> dict[str, Any]:
    """Make a check of an environment or a service connection."""
    if call.body["resource"]["id"] not in {*map(str, devops.environments), *devops.connections}:
        raise ServiceError(404, "ResourceNotFound", "The resource does not exist.")
    devops.checks.append({**call.body, "id": len(devops.checks) + 1})
    return devops.checks[-1]


@_route("PATCH", PROJECT + "/pipelines/checks/configurations/{id}", "7.1-preview.1", shape=check_form)
def change_check(devops: DevOps, call: Call) -> dict[str, Any]:
    """Change a check."""
    found = next((check for check in devops.checks if str(check["id"]) == call["id"]), None)
    if found is None:
        raise ServiceError(404, "CheckNotFound", "The check does not exist.")
    found.update(call.body)
    return found
