"""Versioned assets: environments, data, models, components and code. A version never changes."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator import blobs
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, ServiceError, bad_request, not_found
from emulator.workspaces import default_store, of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
BINDING = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Kind:
    """One kind of asset.

    Attributes:
        versions: API versions of its requests.
        shape: REST package and class of its body.
        content: the properties that make its content.
        name: the form of its name.
    """

    versions: tuple[str, ...]
    shape: tuple[str, str]
    content: tuple[str, ...]
    name: re.Pattern[str] = NAME


KINDS = {
    "environments": Kind(
        ("2023-04-01-preview",),
        ("v2023_04_01_preview", "EnvironmentVersion"),
        ("image", "condaFile", "build"),
    ),
    "data": Kind(("2023-04-01-preview",), ("v2023_04_01_preview", "DataVersionBase"), ("dataUri", "dataType")),
    "models": Kind(
        ("2023-08-01-preview", "2023-04-01-preview"),
        ("v2023_08_01_preview", "ModelVersion"),
        ("modelUri", "modelType"),
    ),
    "components": Kind(("2024-01-01-preview",), ("v2024_01_01_preview", "ComponentVersion"), ("componentSpec",)),
    "codes": Kind(("2023-04-01",), ("v2023_04_01_preview", "CodeVersion"), ("codeUri",)),
}
LISTING = (
    "$orderBy",
    "$top",
    "$skip",
    "$skiptoken",
    "listViewType",
    "stage",
    "hash",
    "hashVersion",
    "$tags",
    "version",
    "description",
)


def _content(kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return what must not change; the service adds id and version to a component's specification."""
    content = {name: properties.get(name) for name in KINDS[kind].content}
    if kind == "components":
        spec = content["componentSpec"]
        content["componentSpec"] = {key: value for key, value in spec.items() if key not in ("id", "version")}
    return content


def _add(kind: str) -> None:
    versions = KINDS[kind].versions

    @routes("GET", f"{{workspace}}/{kind}", *versions, query=LISTING)
    def names(cloud: Cloud, call: Call) -> Response:
        of(cloud, call)
        return page(cloud, call, [_container(cloud, item["id"]) for item in cloud.resources.children(call.id)])

    @routes("GET", f"{{workspace}}/{kind}/{{name}}", *versions)
    def container(cloud: Cloud, call: Call) -> dict[str, Any]:
        of(cloud, call)
        if call.id not in cloud.resources:
            raise not_found(call["name"])
        return _container(cloud, call.id)

    @routes("GET", f"{{workspace}}/{kind}/{{name}}/versions", *versions, query=LISTING)
    def listing(cloud: Cloud, call: Call) -> Response:
        workspace = of(cloud, call)
        if "hash" in call.request.query:
            return page(cloud, call, _by_hash(cloud, workspace["id"], call.request.query["hash"]))
        found = _visible(cloud.resources.children(call.id), call.request.query.get("listViewType", "ActiveOnly"))
        if not found and call.id.rpartition("/")[0] not in cloud.resources:
            raise not_found(call["name"])
        return page(cloud, call, found[::-1])

    @routes("GET", f"{{workspace}}/{kind}/{{name}}/versions/{{version}}", *versions)
    def version(cloud: Cloud, call: Call) -> dict[str, Any]:
        of(cloud, call)
        found = cloud.resources.get(call.id)
        if found is None:
            raise not_found(f"{call['name']}:{call['version']}")
        return found

    @routes("PUT", f"{{workspace}}/{kind}/{{name}}/versions/{{version}}", *versions, shape=sdk(*KINDS[kind].shape))
    def create(cloud: Cloud, call: Call) -> Response:
        return _put(cloud, call, kind)


for _kind in KINDS:
    _add(_kind)


def _visible(items: list[dict[str, Any]], view: str) -> list[dict[str, Any]]:
    """Leave out what is archived, or what is not, as `listViewType` says."""
    wanted = {"ActiveOnly": (False,), "ArchivedOnly": (True,), "All": (False, True)}[view]
    return [item for item in items if bool(item["properties"].get("isArchived")) in wanted]


def _container(cloud: Cloud, asset_id: str) -> dict[str, Any]:
    """Return an asset's container with its latest and its next version."""
    container = cloud.resources[asset_id]
    versions = [item["name"] for item in cloud.resources.children(f"{asset_id}/versions")]
    following = max((int(name) for name in versions if name.isdigit()), default=0) + 1
    latest = {"latestVersion": versions[-1] if versions else None, "nextVersion": str(following)}
    return {**container, "properties": {**container["properties"], **latest}}


def _by_hash(cloud: Cloud, workspace_id: str, digest: str) -> list[dict[str, Any]]:
    """Return code with this content, anywhere in the workspace: the request carries a name that is new."""
    codes = [
        item
        for item in cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/codes/versions")
        if item["id"].lower().startswith(workspace_id.lower())
    ]
    return [item for item in codes if (item["properties"].get("properties") or {}).get("hash_sha256") == digest]


def _put(cloud: Cloud, call: Call, kind: str) -> Response:
    """Register a version.

    Raises:
        ServiceError: 400 for a bad name or binding, 409 where the version exists with other content.
    """
    of(cloud, call)
    if not KINDS[kind].name.fullmatch(call["name"]):
        raise bad_request(
            f"The {kind} name '{call['name']}' may hold letters, digits, '-', '_' and '.' only.", "UserError"
        )
    properties = {**call.body["properties"]}
    with cloud.resources.lock:
        old = cloud.resources.get(call.id)
        if (
            old
            and not properties.get("isAnonymous")
            and _content(kind, old["properties"]) != _content(kind, properties)
        ):
            asset = f"{call['name']}:{call['version']}"
            message = f"{asset} exists with other content; versions are immutable."
            raise ServiceError(409, "UserError" if kind != "codes" else "Conflict", message)
        properties["provisioningState"] = "Succeeded"
        if kind == "models":
            properties.setdefault("flavors", {})
        elif kind == "environments":
            properties.update(environmentType="UserCreated", osType=properties.get("osType", "Linux"))
        elif kind == "components":
            _check_component(properties["componentSpec"])
            properties["componentSpec"] = {
                **properties["componentSpec"],
                "id": f"azureml:{call.id}",
                "version": call["version"],
            }
        parent = call.id.rsplit("/", 2)[0]
        if parent not in cloud.resources:
            cloud.resources.put(parent, {"properties": {"tags": {}, "properties": {}, "isArchived": False}})
        resource = cloud.resources.put(call.id, {"properties": properties})
    return Response(200 if old else 201, resource)


def _check_component(spec: dict[str, Any]) -> None:
    """Raise the service's 400 where a command names an input or output that is not declared."""
    known = {f"{side}.{name}" for side in ("inputs", "outputs") for name in spec.get(side) or {}}
    for name in BINDING.findall(str(spec.get("command", ""))):
        if name not in known:
            raise bad_request(f"Invalid data binding expression: {name} is not declared by the component.", "UserError")


@routes(
    "POST",
    "{workspace}/codes/{name}/versions/{version}/startPendingUpload",
    *KINDS["codes"].versions,
    shape=sdk("v2023_04_01_preview", "PendingUploadRequestDto"),
)
def pending_upload(cloud: Cloud, call: Call) -> Response:
    """Give a container of its own for the code that is about to be registered."""
    workspace = of(cloud, call)
    account, _ = default_store(cloud, workspace)
    name = f"{uuid.uuid4().hex[:8]}-{call['name'][:8].lower()}"
    cloud.blobs.container(account, name)
    address = f"https://{account}.blob.core.windows.net/{name}"
    reference = {
        "blobUri": address,
        "storageAccountArmId": workspace["properties"]["storageAccount"],
        "credential": {"credentialType": "SAS", "sasUri": f"{address}?{blobs.sas(account, name)}"},
    }
    answer = {
        "pendingUploadId": name,
        "pendingUploadType": "TemporaryBlobReference",
        "blobReferenceForConsumption": reference,
    }
    return Response(200, answer)
