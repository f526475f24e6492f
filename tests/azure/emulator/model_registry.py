"""A registry of models that workspaces share: found by its name, filled by copies that the service makes itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator import blobs, files, operations
from emulator.blobs import Blob
from emulator.directory import MACHINE_LEARNING
from emulator.forms import form
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, bad_request, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"[a-z0-9]+\.api\.azureml\.ms", role=False)
VERSION = "2021-10-01-dataplanepreview"
KIND = "Microsoft.MachineLearningServices/registries"
BASE = "/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/" + KIND
BASE += "/{registry}"
SOURCE = re.compile(r"azureml://locations/[\w-]+/workspaces/(?P<guid>[\w-]+)/models/(?P<name>[^/]+)/versions/(?P<v>.+)")
ACCOUNT = "registrystore"


def create(cloud: Cloud, name: str, group: str = "rg-shared") -> str:
    """Put a registry into the tenant; return its id."""
    group_id = f"/subscriptions/{cloud.subscription}/resourceGroups/{group}"
    cloud.resources.put(group_id, {"location": cloud.region, "properties": {}})
    return cloud.resources.put(f"{group_id}/providers/{KIND}/{name}", {"location": cloud.region, "properties": {}})[
        "id"
    ]


def container(name: str, version: str) -> str:
    """Return the container that an asset has for itself."""
    return f"{name}-{version}"


def _id(call: Call) -> str:
    """Return the resource id behind a path of the data plane."""
    return call.id.removeprefix("/mferp/managementfrontend")


def _open(cloud: Cloud, call: Call, verb: str) -> str:
    """Return the registry's id, if the caller may do this there."""
    registry = _id(call).partition(f"/{call['registry']}")[0] + f"/{call['registry']}"
    if registry not in cloud.resources:
        raise not_found(call["registry"])
    principal = cloud.directory.principal(call.request, MACHINE_LEARNING)
    cloud.access.demand(principal, f"{KIND}/assets/{verb}", registry)
    return registry


@routes("GET", "/registrymanagement/v1.0/registries/{registry}/discovery")
def discovery(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Say where a registry lies; its name is known to the whole tenant."""
    found = next((item for item in cloud.resources.of_type(KIND) if item["name"] == call["registry"]), None)
    if found is None:
        raise not_found(call["registry"])
    return {
        "registryName": found["name"],
        "tenantId": "",
        "primaryRegion": cloud.region,
        "regions": [cloud.region],
        "subscriptionId": cloud.subscription,
        "resourceGroup": found["id"].split("/")[4],
        "workspaceName": "",
        "primaryRegionResourceProviderUri": f"https://{cloud.region}.api.azureml.ms/",
    }


@routes("GET", BASE + "/models/{name}/versions", VERSION, query=("$skip", "$orderBy", "$top", "listViewType"))
def versions(cloud: Cloud, call: Call) -> Response:
    """List the versions of a model."""
    _open(cloud, call, "read")
    found = cloud.resources.children(_id(call))
    if not found:
        raise not_found(call["name"])
    return page(cloud, call, [_shown(call, item) for item in found[::-1]])


@routes("GET", BASE + "/models/{name}/versions/{version}", VERSION)
def version(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a version of a model."""
    _open(cloud, call, "read")
    found = cloud.resources.get(_id(call))
    if found is None:
        raise not_found(f"{call['name']}:{call['version']}")
    return _shown(call, found)


def _shown(call: Call, item: dict[str, Any]) -> dict[str, Any]:
    """Return an asset with the id by which every workspace names it."""
    return {**item, "id": f"azureml://registries/{call['registry']}/models/{call['name']}/versions/{item['name']}"}


# `ResourceManagementAssetReferenceData` of the SDK; its discriminator is that of another class, too.
REFERENCE = form(
    {
        "properties": {
            "referenceType": {"Id"},
            "destinationName": str,
            "destinationVersion": str,
            "sourceAssetId": SOURCE,
        }
    }
)


@routes("POST", BASE + "/import", VERSION, shape=REFERENCE)
def share(cloud: Cloud, call: Call) -> Response:
    """Begin to copy a model of a workspace here. Its tags stay behind: nothing says that they come along."""
    registry, asked = _open(cloud, call, "write"), call.body["properties"]
    source = SOURCE.fullmatch(asked["sourceAssetId"])
    spaces = cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces")
    home = [item for item in spaces if source and item["properties"]["workspaceId"] == source["guid"]]
    model = cloud.resources.get(f"{home[0]['id']}/models/{source['name']}/versions/{source['v']}") if home else None
    if model is None:
        raise bad_request(f"The source asset {asked['sourceAssetId']} does not exist.")
    target = f"{registry}/models/{asked['destinationName']}/versions/{asked['destinationVersion']}"
    operations.refuse_while_running(cloud, target)
    own = container(asked["destinationName"], asked["destinationVersion"])

    def finish() -> None:
        place = files.locate(cloud, home[0]["id"], model["properties"]["modelUri"])
        kept, taken = cloud.blobs.container(ACCOUNT, own), cloud.blobs.container(place.account, place.container)
        for name in files.names(cloud, place):
            kept[f"model{name.removeprefix(place.prefix)}"] = Blob(taken[name].content)
        address = f"https://{ACCOUNT}.blob.core.windows.net/{own}/model"
        details = {"modelUri": address, "modelType": model["properties"].get("modelType"), "flavors": {}, "tags": {}}
        cloud.resources.put(target, {"properties": {**details, "provisioningState": "Succeeded"}})

    return operations.begin(cloud, call, None, finish, created=True)


DATA = sdk("v2021_10_01_dataplanepreview", "BlobReferenceSASRequestDto")


@routes("POST", BASE + "/datarefs/{name}/versions/{version}", VERSION, shape=DATA)
def reference(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Give access to the files of an asset, for a while."""
    _open(cloud, call, "read")
    own = container(call["name"], call["version"])
    address = f"https://{ACCOUNT}.blob.core.windows.net/{own}?{blobs.sas(ACCOUNT, own)}"
    credential = {"credentialType": "SAS", "sasUri": address}
    return {"blobReferenceForConsumption": {"blobUri": call.body["blobUri"], "credential": credential}}
