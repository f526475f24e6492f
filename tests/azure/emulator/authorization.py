"""Role definitions and role assignments, at the scope of a subscription, a resource group or a resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.access import BUILT_IN, BY_ID, Role
from emulator.directory import RESOURCE_MANAGER
from emulator.forms import GUID, form
from emulator.paging import page
from emulator.resources import scopes
from emulator.routing import Call, Routes
from emulator.wire import Response, ServiceError, bad_request, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2022-04-01",)
TYPE = "Microsoft.Authorization/roleAssignments"
BASE = "{scope+}/providers/Microsoft.Authorization"
FILTER = re.compile(r"(principalId|assignedTo)\s*(?:eq\s*'|\(')([0-9a-fA-F-]{36})'\)?|atScope\(\)")
ROLE_FILTER = re.compile(r"roleName eq '([^']+)'")
ASSIGNMENT = form(
    {
        "properties": {
            "roleDefinitionId": str,
            "principalId": GUID,
            "principalType?": {"User", "Group", "ServicePrincipal", "ForeignGroup", "Device"},
            "description?": str,
            "condition?": str,
            "conditionVersion?": str,
            "delegatedManagedIdentityResourceId?": str,
        }
    }
)


def _definition(role: Role, scope: str) -> dict[str, Any]:
    permission = {
        "actions": role.actions,
        "notActions": role.not_actions,
        "dataActions": role.data_actions,
        "notDataActions": [],
    }
    properties = {
        "roleName": role.name,
        "type": "BuiltInRole",
        "permissions": [permission],
        "assignableScopes": ["/"],
    }
    subscription = scopes(scope)[-2] if scope.startswith("/subscriptions") else ""
    return {
        "id": f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role.id}",
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": properties,
    }


@routes("GET", BASE + "/roleDefinitions", *VERSIONS, query=("$filter",))
def definitions(cloud: Cloud, call: Call) -> Response:
    """List the built-in roles, all or by name."""
    name = ROLE_FILTER.fullmatch(call.request.query.get("$filter", ""))
    found = [role for role in BUILT_IN if name is None or role.name == name[1]]
    return page(cloud, call, [_definition(role, call["scope"]) for role in found])


@routes("GET", BASE + "/roleDefinitions/{role}", *VERSIONS)
def definition(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a built-in role."""
    if call["role"] not in BY_ID:
        raise ServiceError(404, "RoleDefinitionDoesNotExist", f"There is no role definition {call['role']}.")
    return _definition(BY_ID[call["role"]], call["scope"])


@routes("GET", BASE + "/permissions", *VERSIONS, "2018-07-01")
def permissions(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List what the caller may do at a scope."""
    principal = cloud.directory.principal(call.request, RESOURCE_MANAGER)
    roles = cloud.access.roles(principal, call["scope"])
    return {"value": [_definition(role, call["scope"])["properties"]["permissions"][0] for role in roles]}


@routes("GET", BASE + "/roleAssignments", *VERSIONS, query=("$filter", "$skiptoken"))
def assignments(cloud: Cloud, call: Call) -> Response:
    """List the assignments at a scope, above it, and (unless filtered) below it."""
    text = call.request.query.get("$filter", "")
    chosen = FILTER.fullmatch(text)
    if text and chosen is None:
        raise bad_request(f"The filter '{text}' is not supported. Supported filters are 'atScope()', 'principalId eq'.")
    scope, above = call["scope"].lower(), {item.lower() for item in scopes(call["scope"])}
    found = [item for item in cloud.resources.of_type(TYPE) if _reaches(item, scope, above)]
    if chosen and chosen[2]:
        found = [item for item in found if item["properties"]["principalId"] == chosen[2]]
    if chosen and chosen[0] == "atScope()":
        found = [item for item in found if item["properties"]["scope"].lower() in above]
    return page(cloud, call, found)


def _reaches(assignment: dict[str, Any], scope: str, above: set[str]) -> bool:
    where = assignment["properties"]["scope"].lower()
    return where in above or where.startswith(scope.lower() + "/")


@routes("GET", BASE + "/roleAssignments/{name}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show an assignment."""
    found = cloud.resources.get(call.id)
    if found is None:
        raise ServiceError(404, "RoleAssignmentNotFound", f"The role assignment '{call['name']}' is not found.")
    return found


@routes("PUT", BASE + "/roleAssignments/{name}", *VERSIONS, shape=ASSIGNMENT)
def create(cloud: Cloud, call: Call) -> Response:
    """Assign a role.

    Raises:
        ServiceError: 400 for a bad name or an unknown principal, 404 for an unknown role or scope,
            409 where the principal has the role at the scope, or the name is taken.
    """
    wanted, scope = call.body["properties"], call["scope"]
    if not GUID.fullmatch(call["name"]):
        raise bad_request(f"The role assignment ID '{call['name']}' is not valid. It must be a GUID.")
    role = wanted["roleDefinitionId"].rsplit("/", 1)[-1]
    if role not in BY_ID:
        raise ServiceError(404, "RoleDefinitionDoesNotExist", f"The specified role definition '{role}' does not exist.")
    if scope.count("/") > 2 and scope not in cloud.resources:
        raise not_found(scope)
    _check_principal(cloud, wanted)
    key = (wanted["principalId"], role, scope.lower())
    for other in cloud.resources.of_type(TYPE):
        held = other["properties"]
        same = key == (
            held["principalId"],
            held["roleDefinitionId"].rsplit("/", 1)[-1],
            held["scope"].lower(),
        )
        if other["id"].lower() == call.id.lower():
            if same:
                return Response(200, other)
            text = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
            raise ServiceError(409, "RoleAssignmentUpdateNotPermitted", text)
        if same:
            raise ServiceError(409, "RoleAssignmentExists", "The role assignment already exists.")
    properties = {"principalType": "ServicePrincipal", **wanted, "scope": scope}
    return Response(201, cloud.resources.put(call.id, {"properties": properties}))


def _check_principal(cloud: Cloud, wanted: dict[str, Any]) -> None:
    """Raise Azure's 400 for a principal that the directory does not have, or has not copied everywhere yet.

    A new identity is not found at first unless the request says that it is a service principal.
    """
    principal = cloud.directory.get(wanted["principalId"])
    new = principal is not None and principal.sightings < cloud.replication and "principalType" not in wanted
    if principal:
        principal.sightings += 1
    if principal is None or new:
        text = f"Principal {wanted['principalId']} does not exist in the directory."
        raise bad_request(text, "PrincipalNotFound")
    if wanted.get("principalType", principal.kind) != principal.kind:
        text = f"Principal {principal.object_id} has type '{principal.kind}', not the one specified."
        raise bad_request(text, "UnmatchedPrincipalType")


@routes("DELETE", BASE + "/roleAssignments/{name}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Take a role away."""
    gone = cloud.resources.delete(call.id)
    return Response(200, gone) if gone else Response(204)
