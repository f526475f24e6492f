"""Batch endpoints and their deployments; an invocation makes a job."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from emulator import operations
from emulator.directory import MACHINE_LEARNING
from emulator.endpoints import NAME
from emulator.history import Run
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, ServiceError, bad_request
from emulator.workspaces import of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
scoring = Routes(r"[^.]+\.[^.]+\.inference\.ml\.azure\.com", open=True)
VERSIONS = ("2023-10-01", "2024-01-01-preview")
BASE = "{workspace}/batchEndpoints"
ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"


def _find(cloud: Cloud, resource_id: str) -> dict[str, Any]:
    found = cloud.resources.get(resource_id)
    if found is None:
        raise ServiceError(404, "UserError", f"{resource_id.rsplit('/', 1)[-1]} was not found.")
    return found


@routes("GET", BASE, *VERSIONS, query=("$skip", "$skiptoken", "count"))
def listing(cloud: Cloud, call: Call) -> Response:
    """List the endpoints."""
    of(cloud, call)
    return page(cloud, call, cloud.resources.children(call.id))


@routes("GET", BASE + "/{endpoint}/deployments", *VERSIONS, query=("$skip", "$skiptoken", "$top", "$orderBy"))
def deployments(cloud: Cloud, call: Call) -> Response:
    """List an endpoint's deployments."""
    of(cloud, call)
    _find(cloud, call.id.rpartition("/")[0])
    return page(cloud, call, cloud.resources.children(call.id))


@routes("GET", BASE + "/{endpoint}", *VERSIONS)
@routes("GET", BASE + "/{endpoint}/deployments/{name}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show an endpoint or a deployment."""
    of(cloud, call)
    cloud.operations.watch(call.id)
    return _find(cloud, call.id)


def _begin(cloud: Cloud, call: Call, extra: dict[str, Any]) -> Response:
    """Store what a PUT asks for and begin its operation."""
    operations.refuse_while_running(cloud, call.id)
    old = cloud.resources.get(call.id)
    state = {"provisioningState": "Updating" if old else "Creating"}
    properties = {key: value for key, value in call.body["properties"].items() if value is not None}
    resource = cloud.resources.put(call.id, {**call.body, "properties": {**properties, **extra, **state}})

    def finish() -> None:
        resource["properties"]["provisioningState"] = "Succeeded"

    return operations.begin(cloud, call, resource, finish, created=old is None)


@routes("PUT", BASE + "/{endpoint}", *VERSIONS, shape=sdk("v2022_02_01_preview", "BatchEndpointData"))
def put_endpoint(cloud: Cloud, call: Call) -> Response:
    """Create or change an endpoint."""
    workspace = of(cloud, call)
    if not NAME.fullmatch(call["endpoint"]):
        raise bad_request(f"Endpoint name '{call['endpoint']}' must have 3 to 32 letters, digits and '-'.")
    defaults = call.body["properties"].get("defaults") or {"deploymentName": None}
    default = defaults["deploymentName"]
    if default and f"{call.id}/deployments/{default}" not in cloud.resources:
        raise bad_request(f"The default deployment '{default}' does not exist.")
    address = f"https://{call['endpoint']}.{workspace['location']}.inference.ml.azure.com"
    addresses = {"scoringUri": f"{address}/jobs", "swaggerUri": f"{address}/swagger.json"}
    return _begin(cloud, call, {**addresses, "defaults": defaults})


@routes(
    "PUT",
    BASE + "/{endpoint}/deployments/{name}",
    *VERSIONS,
    shape=sdk("v2024_01_01_preview", "BatchDeployment"),
)
def put_deployment(cloud: Cloud, call: Call) -> Response:
    """Create or change a deployment."""
    workspace = of(cloud, call)
    _find(cloud, call.id.rsplit("/deployments/", 1)[0])
    properties = call.body["properties"]
    model = (properties.get("model") or {}).get("assetId", "")
    compute = str(properties.get("compute") or "").rsplit("/", 1)[-1]
    if cloud.resources.lacks(model):
        raise bad_request(f"The asset {model} does not exist.")
    if compute and f"{workspace['id']}/computes/{compute}" not in cloud.resources:
        raise bad_request(f"The compute '{compute}' does not exist.")
    return _begin(cloud, call, {})


@routes("DELETE", BASE + "/{endpoint}", *VERSIONS)
@routes("DELETE", BASE + "/{endpoint}/deployments/{name}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete an endpoint or a deployment."""
    if call.id not in cloud.resources:
        return Response(204)
    return operations.begin(cloud, call, None, lambda: cloud.resources.delete(call.id) and None, created=False)


@scoring("POST", "/jobs", shape=sdk("v2020_09_01_dataplanepreview", "BatchJobResource"))
def invoke(cloud: Cloud, call: Call) -> Response:
    """Begin a scoring job on the deployment that the header names, or on the default one."""
    cloud.directory.principal(call.request, MACHINE_LEARNING)
    name = call.request.host.partition(".")[0]
    found = [item for item in cloud.resources.of_type(ENDPOINTS) if item["name"].lower() == name]
    if not found:
        raise ServiceError(404, "NotFound", f"There is no batch endpoint {name}.")
    endpoint = found[0]
    default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
    chosen = call.request.headers.get("azureml-model-deployment") or default
    _find(cloud, f"{endpoint['id']}/deployments/{chosen}")
    workspace_id = endpoint["id"].rsplit("/batchEndpoints/", 1)[0]
    job_name = f"batchjob-{uuid.uuid4()}"
    output = {
        "jobOutputType": "uri_folder",
        "uri": f"azureml://datastores/workspaceblobstore/paths/{job_name}/score",
    }
    properties = {
        "jobType": "Pipeline",
        "displayName": job_name,
        "experimentName": name,
        "jobs": {},
        "inputs": {},
        "settings": {},
        "services": {},
        "properties": {"azureml.deploymentname": chosen},
        "tags": {"azureml.batchrun": "true"},
        "outputs": {"score": output},
    }
    job = cloud.resources.put(f"{workspace_id}/jobs/{job_name}", {"properties": properties})
    run = cloud.runs.add(Run(job_name, workspace_id, name, job_name, status="Completed"))
    run.outputs["score"] = output["uri"]
    return Response(201, {**job, "properties": {**properties, "status": run.status}})
