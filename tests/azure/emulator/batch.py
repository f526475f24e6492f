"""Batch endpoints and their deployments; an invocation makes a job."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from emulator import files, operations
from emulator.batch_jobs import STEP
from emulator.blobs import Blob
from emulator.directory import MACHINE_LEARNING
from emulator.endpoints import NAME
from emulator.execution import JobError
from emulator.history import Run
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.runner import child
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
INVOKE = f"{ENDPOINTS}/jobs/write"


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
    for deployment in cloud.resources.children(call.id):
        cloud.operations.watch(deployment["id"])
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
    if not NAME.fullmatch(call["name"]):
        raise bad_request(f"Deployment name '{call['name']}' must have 3 to 32 letters, digits and '-'.")
    model = (properties.get("model") or {}).get("assetId", "")
    code = (properties.get("codeConfiguration") or {}).get("codeId")
    for reference in (model, code, properties.get("environmentId")):
        if cloud.resources.lacks(reference):
            raise bad_request(f"The asset {reference} does not exist.")
    compute = str(properties.get("compute") or "").rsplit("/", 1)[-1]
    if compute.lower() in ("", "serverless"):
        raise bad_request("A batch deployment of a model needs a compute cluster.")
    if f"{workspace['id']}/computes/{compute}" not in cloud.resources:
        raise bad_request(f"The compute '{compute}' does not exist.")
    for field, least in (("miniBatchSize", 1), ("maxConcurrencyPerInstance", 1), ("errorThreshold", -1)):
        if (properties.get(field) or 1) < least:
            raise bad_request(f"{field} must be at least {least}.")
    return _begin(cloud, call, {})


@routes("DELETE", BASE + "/{endpoint}", *VERSIONS)
@routes("DELETE", BASE + "/{endpoint}/deployments/{name}", *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete an endpoint or a deployment."""
    if call.id not in cloud.resources:
        return Response(204)
    endpoint = cloud.resources.get(call.id.rsplit("/deployments/", 1)[0])
    default = ((endpoint or {}).get("properties", {}).get("defaults") or {}).get("deploymentName")
    if "name" in call.parameters and call["name"] == default:
        raise bad_request(f"Deployment {default} cannot be deleted: it is the default of its endpoint.")
    operations.refuse_while_running(cloud, call.id)
    cloud.resources[call.id]["properties"]["provisioningState"] = "Deleting"
    return operations.begin(cloud, call, None, lambda: cloud.resources.delete(call.id) and None, created=False)


@scoring("POST", "/jobs", shape=sdk("v2020_09_01_dataplanepreview", "BatchJobResource"))
def invoke(cloud: Cloud, call: Call) -> Response:
    """Begin a scoring job on the deployment that the header names, or on the default one."""
    principal, properties = cloud.directory.principal(call.request, MACHINE_LEARNING), call.body["properties"]
    name = call.request.host.partition(".")[0]
    found = [item for item in cloud.resources.of_type(ENDPOINTS) if item["name"].lower() == name]
    if not found:
        raise ServiceError(404, "NotFound", f"There is no batch endpoint {name}.")
    endpoint = found[0]
    default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
    chosen = call.request.headers.get("azureml-model-deployment") or default
    cloud.access.demand(principal, INVOKE, endpoint["id"])
    if not chosen:
        raise bad_request(f"The batch endpoint {name} has no default deployment.")
    deployment = _find(cloud, f"{endpoint['id']}/deployments/{chosen}")
    workspace_id = endpoint["id"].rsplit("/batchEndpoints/", 1)[0]
    job_name, data = properties.get("name") or f"batchjob-{uuid.uuid4()}", _input(cloud, properties)
    if f"{workspace_id}/jobs/{job_name}" in cloud.resources:
        raise ServiceError(409, "UserError", f"A job with name {job_name} already exists.")
    cloud.resources.put(f"{workspace_id}/jobs/{job_name}", {"properties": _job(name, job_name, chosen)})
    run = cloud.runs.add(Run(job_name, workspace_id, name, job_name, status="Completed"))
    run.submitter = principal.object_id
    step = child(cloud, run, STEP)
    step.status, step.outputs["score"] = "Completed", _job(name, job_name, chosen)["outputs"]["score"]["uri"]
    if cloud.scorer:
        _score(cloud, run, step, deployment, data)
    return Response(201, {"properties": {"name": job_name, "status": run.status}, "name": job_name})


def _input(cloud: Cloud, properties: dict[str, Any]) -> str:
    """Return the address of what a job is to score.

    Raises:
        ServiceError: 400 unless it is one file or folder, and there.
    """
    inputs = list((properties.get("inputData") or {}).values())
    if len(inputs) != 1 or inputs[0].get("jobInputType") not in ("UriFile", "UriFolder"):
        raise bad_request("A model deployment takes exactly one input, a uri_file or a uri_folder.")
    if cloud.resources.lacks(inputs[0]["uri"]):
        raise bad_request(f"The asset {inputs[0]['uri']} does not exist.")
    return inputs[0]["uri"]


def _job(endpoint: str, name: str, deployment: str) -> dict[str, Any]:
    """Return the properties of the pipeline job that an invocation makes."""
    output = {
        "jobOutputType": "uri_folder",
        "uri": f"azureml://datastores/workspaceblobstore/paths/azureml/{name}/score",
    }
    return {
        "jobType": "Pipeline",
        "displayName": name,
        "experimentName": endpoint,
        "jobs": {},
        "inputs": {},
        "settings": {},
        "services": {},
        "properties": {"azureml.deploymentname": deployment},
        "tags": {"azureml.batchrun": "true"},
        "outputs": {"score": output},
    }


def _score(cloud: Cloud, run: Run, step: Run, deployment: dict[str, Any], data: str) -> None:
    """Run the deployment's script as the job's only step, and leave what it made in storage."""
    try:
        text = cloud.scorer.run(cloud, step, deployment, data)
        place = files.locate(cloud, run.workspace_id, step.outputs["score"])
        name = deployment["properties"].get("outputFileName") or "predictions.csv"
        cloud.blobs.container(place.account, place.container)[f"{place.prefix}/{name}"] = Blob(text.encode())
    except (JobError, LookupError, OSError) as error:
        run.status = step.status = "Failed"
        run.error = step.error = str(error)
