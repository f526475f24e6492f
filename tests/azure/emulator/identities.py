"""User-assigned managed identities and the federated credentials that let others sign in as them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.directory import TENANT, Principal
from emulator.forms import form
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.wire import Response, ServiceError, bad_request, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2023-01-31", "2024-11-30")
TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
BASE = f"{{group}}/providers/{TYPE}"
IDENTITY_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}")
CREDENTIAL_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}")
MOST_CREDENTIALS = 20


@routes("GET", f"/subscriptions/{{subscription}}/providers/{TYPE}", *VERSIONS)
@routes("GET", BASE, *VERSIONS)
def listing(cloud: Cloud, call: Call) -> Response:
    """List the identities of the subscription or of a resource group."""
    group = call.parameters.get("resource_group", "")
    found = cloud.resources.of_type(TYPE)
    return page(cloud, call, [item for item in found if f"/resourcegroups/{group}".lower() in item["id"].lower()])


@routes("GET", BASE + "/{identity}", *VERSIONS)
@routes("GET", BASE + "/{identity}/federatedIdentityCredentials/{name}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show an identity, or one of its credentials."""
    found = cloud.resources.get(call.id)
    if found is None:
        raise not_found(call.id)
    return found


@routes("PUT", BASE + "/{identity}", *VERSIONS, shape=form({"location": str, "tags?": {"*?": str}}))
def create(cloud: Cloud, call: Call) -> Response:
    """Create an identity; one that is there keeps its ids."""
    if f"/subscriptions/{call['subscription']}/resourceGroups/{call['resource_group']}" not in cloud.resources:
        raise ServiceError(404, "ResourceGroupNotFound", f"Resource group '{call['resource_group']}' was not found.")
    if not IDENTITY_NAME.fullmatch(call["identity"]):
        raise bad_request(f"The identity name '{call['identity']}' is not valid.", "InvalidResourceName")
    old = cloud.resources.get(call.id)
    if old:
        return Response(200, cloud.resources.put(call.id, {**old, "tags": call.body.get("tags") or {}}))
    principal = cloud.directory.add(Principal(call["identity"], "ServicePrincipal"))
    ids = {"tenantId": TENANT, "principalId": principal.object_id, "clientId": principal.client_id}
    body = {"location": call.body["location"], "tags": call.body.get("tags") or {}, "properties": ids}
    return Response(201, cloud.resources.put(call.id, body))


@routes("DELETE", BASE + "/{identity}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete an identity with its credentials; its role assignments stay behind, as in Azure."""
    gone = cloud.resources.delete(call.id)
    if gone is None:
        return Response(204)
    cloud.directory.remove(gone["properties"]["principalId"])
    return Response(200)


@routes("GET", BASE + "/{identity}/federatedIdentityCredentials", *VERSIONS, query=("$top", "$skiptoken"))
def credentials(cloud: Cloud, call: Call) -> Response:
    """List an identity's credentials."""
    _identity(cloud, call)
    return page(cloud, call, cloud.resources.children(call.id))


def _identity(cloud: Cloud, call: Call) -> dict[str, Any]:
    identity_id = call.id[: call.id.lower().index("/federatedidentitycredentials")]
    found = cloud.resources.get(identity_id)
    if found is None:
        raise ServiceError(404, "ParentResourceNotFound", f"The identity '{call['identity']}' was not found.")
    return found


@routes(
    "PUT",
    BASE + "/{identity}/federatedIdentityCredentials/{name}",
    *VERSIONS,
    shape=form({"properties": {"issuer": str, "subject": str, "audiences": [str]}}),
)
def add_credential(cloud: Cloud, call: Call) -> Response:
    """Add or change a credential.

    Raises:
        ServiceError: 400 for a bad name or more than twenty, 409 where another one has issuer and subject.
    """
    identity = _identity(cloud, call)
    if not CREDENTIAL_NAME.fullmatch(call["name"]):
        raise bad_request(f"The credential name '{call['name']}' is not valid.", "InvalidResourceName")
    wanted = call.body["properties"]
    if len(wanted["audiences"]) != 1:
        raise bad_request("A federated credential has exactly one audience.")
    others = cloud.resources.children(f"{identity['id']}/federatedIdentityCredentials")
    others = [item for item in others if item["name"].lower() != call["name"].lower()]
    if len(others) >= MOST_CREDENTIALS:
        raise bad_request(f"An identity has at most {MOST_CREDENTIALS} federated credentials.", "TooManyRequests")
    pair = (wanted["issuer"], wanted["subject"])
    if any((item["properties"]["issuer"], item["properties"]["subject"]) == pair for item in others):
        raise ServiceError(409, "Conflict", "Issuer and subject combination already exists for this Managed Identity.")
    known = call.id in cloud.resources
    return Response(200 if known else 201, cloud.resources.put(call.id, {"properties": wanted}))


@routes("DELETE", BASE + "/{identity}/federatedIdentityCredentials/{name}", *VERSIONS)
def delete_credential(cloud: Cloud, call: Call) -> Response:
    """Delete a credential."""
    return Response(200 if cloud.resources.delete(call.id) else 204)
