"""Machine Learning workspaces and their datastores."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from emulator import blobs
from emulator.directory import TENANT, Principal
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
ML = "Microsoft.MachineLearningServices"
VERSIONS = ("2024-10-01-preview",)
# How datastores hold their credentials -> what `listSecrets` answers.
CREDENTIALS = {"sas": "Sas", "key": "AccountKey", "identity": "None"}


def create(
    cloud: Cloud,
    group: str = "rg",
    name: str = "ws",
    *,
    account: str = "emulatedstore",
    credentials: str = "sas",
) -> str:
    """Put a workspace with its storage account and its datastores into the tenant; return its id.

    Args:
        cloud: the tenant.
        group: resource group; made if it is not there.
        name: the workspace.
        account: its storage account.
        credentials: how the datastores sign in to storage: a key of `CREDENTIALS`.
    """
    group_id = f"/subscriptions/{cloud.subscription}/resourceGroups/{group}"
    if group_id not in cloud.resources:
        cloud.resources.put(group_id, {"location": cloud.region, "properties": {"provisioningState": "Succeeded"}})
    storage = f"{group_id}/providers/Microsoft.Storage/storageAccounts/{account}"
    cloud.resources.put(storage, {"location": cloud.region, "kind": "StorageV2", "properties": {}})
    workspace_id = f"{group_id}/providers/{ML}/workspaces/{name}"
    identity = cloud.directory.add(Principal(f"{name} (workspace)", "ServicePrincipal"))
    api = f"https://{cloud.region}.api.azureml.ms"
    cloud.resources.put(
        workspace_id,
        {
            "location": cloud.region,
            "kind": "Default",
            "tags": {},
            "identity": {"type": "SystemAssigned", "principalId": identity.object_id, "tenantId": TENANT},
            "properties": {
                "friendlyName": name,
                "workspaceId": str(uuid.uuid4()),
                "provisioningState": "Succeeded",
                "discoveryUrl": f"{api}/discovery",
                "mlFlowTrackingUri": f"azureml://{cloud.region}.api.azureml.ms/mlflow/v1.0{workspace_id}",
                "publicNetworkAccess": "Enabled",
                "storageAccount": storage,
                "keyVault": f"{group_id}/providers/Microsoft.KeyVault/vaults/{name}-vault",
                "applicationInsights": f"{group_id}/providers/Microsoft.Insights/components/{name}-insights",
            },
        },
    )
    for store, container, default in (
        ("workspaceblobstore", "azureml-blobstore", True),
        ("workspaceartifactstore", "azureml", False),
    ):
        cloud.blobs.container(account, container)
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": account,
            "containerName": container,
            "endpoint": "core.windows.net",
            "protocol": "https",
            "isDefault": default,
            "credentials": {"credentialsType": CREDENTIALS[credentials]},
        }
        cloud.resources.put(f"{workspace_id}/datastores/{store}", {"properties": properties})
    return workspace_id


def of(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Return the workspace that a call is about."""
    start = call.id.lower().index("/workspaces/") + len("/workspaces/")
    workspace_id = call.id[:start] + call["workspace_name"]
    found = cloud.resources.get(workspace_id)
    if found is None:
        raise not_found(f"'{ML}/workspaces/{call['workspace_name']}' under resource group '{call['resource_group']}'")
    return found


def default_store(cloud: Cloud, workspace: dict[str, Any], *, default: bool = True) -> tuple[str, str]:
    """Return account and container of the workspace's blob store, or of its artifact store."""
    for store in cloud.resources.children(f"{workspace['id']}/datastores"):
        if store["properties"]["isDefault"] == default:
            return store["properties"]["accountName"], store["properties"]["containerName"]
    raise LookupError(workspace["id"])


@routes(
    "GET",
    f"/subscriptions/{{subscription}}/providers/{ML}/workspaces",
    *VERSIONS,
    query=("$skip", "$skiptoken", "kind"),
)
@routes("GET", f"{{group}}/providers/{ML}/workspaces", *VERSIONS, query=("$skip", "$skiptoken", "kind"))
def workspaces(cloud: Cloud, call: Call) -> Response:
    """List the workspaces of a subscription or of a resource group."""
    group = call.parameters.get("resource_group")
    found = cloud.resources.of_type(f"{ML}/workspaces")
    if group:
        found = [item for item in found if f"/resourcegroups/{group}/".lower() in item["id"].lower()]
    return page(cloud, call, found)


@routes("GET", "{workspace}", *VERSIONS, "2023-08-01-preview", "2025-06-01")
def workspace(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a workspace."""
    return of(cloud, call)


@routes(
    "GET",
    "{workspace}/datastores",
    *VERSIONS,
    query=("count", "isDefault", "names", "$skip", "$skiptoken", "orderBy", "orderByAsc"),
)
def datastores(cloud: Cloud, call: Call) -> Response:
    """List the datastores."""
    of(cloud, call)
    found = cloud.resources.children(call.id)
    if call.request.query.get("isDefault", "").lower() == "true":
        found = [item for item in found if item["properties"]["isDefault"]]
    return page(cloud, call, found)


@routes("GET", "{workspace}/datastores/{name}", *VERSIONS)
def datastore(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a datastore, without its secret."""
    of(cloud, call)
    found = cloud.resources.get(call.id)
    if found is None:
        raise not_found(call["name"])
    return found


@routes(
    "POST",
    "{workspace}/datastores/{name}/listSecrets",
    *VERSIONS,
    shape=sdk("v2024_07_01_preview", "SecretExpiry"),
)
def secrets(cloud: Cloud, call: Call) -> Response:
    """Give what opens a datastore's container for a while."""
    of(cloud, call)
    store = cloud.resources.get(call.id.rpartition("/")[0])
    if store is None:
        raise not_found(call["name"])
    properties = store["properties"]
    kind = properties["credentials"]["credentialsType"]
    if kind == "AccountKey":
        return Response(200, {"secretsType": kind, "key": blobs.ACCOUNT_KEY})
    if kind == "Sas":
        token = blobs.sas(properties["accountName"], properties["containerName"])
        return Response(200, {"secretsType": kind, "sasToken": token})
    return Response(200, {"secretsType": "None"})
