"""Jobs: submit, look, list, cancel. A runner, if there is one, really runs them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Protocol

from emulator import graph
from emulator.directory import RESOURCE_MANAGER
from emulator.history import ENDED, Run
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.shapes import sdk
from emulator.wire import Response, ServiceError, bad_request, not_found
from emulator.workspaces import of

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2024-01-01-preview", "2025-01-01-preview", "2023-04-01-preview")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
SERVERLESS = "serverless"


class Runner(Protocol):
    """Runs a submitted job to its end."""

    def run(self, cloud: Cloud, job: dict[str, Any]) -> None:
        """Run a job; set the run's status, logs and outputs."""


def _job_shape(body: Any, version: str) -> list[str]:
    """Check a job: the REST model, and for a pipeline the free parts that the model leaves open."""
    package = "v2025_01_01_preview" if version.startswith("2025") else "v2024_01_01_preview"
    found = sdk(package, "JobBase")(body, version)
    properties = body.get("properties") or {}
    return found + list(graph.unknown_fields(properties) if properties.get("jobType") == "Pipeline" else ())


@routes(
    "GET",
    "{workspace}/jobs",
    *VERSIONS,
    query=("$skip", "$skiptoken", "jobType", "tag", "listViewType", "scheduled", "scheduleId"),
)
def listing(cloud: Cloud, call: Call) -> Response:
    """List the jobs, the newest first."""
    of(cloud, call)
    found = [item for item in cloud.resources.children(call.id) if not cloud.runs[item["name"]].parent]
    if "jobType" in call.request.query:
        found = [item for item in found if item["properties"]["jobType"] == call.request.query["jobType"]]
    return page(cloud, call, [_now(cloud, item) for item in found[::-1]])


@routes("GET", "{workspace}/jobs/{name}", *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a job."""
    of(cloud, call)
    found = cloud.resources.get(call.id)
    if found is None:
        raise ServiceError(404, "UserError", f"Run {call['name']} was not found.")
    return _now(cloud, found)


def _now(cloud: Cloud, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job with the status of its run."""
    return {**job, "properties": {**job["properties"], "status": cloud.runs[job["name"]].status}}


@routes("PUT", "{workspace}/jobs/{name}", *VERSIONS, shape=_job_shape)
def submit(cloud: Cloud, call: Call) -> Response:
    """Take a job, or change what may be changed of one that is there.

    Raises:
        ServiceError: 400 for a bad name, a compute or environment that does not exist, or a faulty graph.
    """
    workspace = of(cloud, call)
    if not NAME.fullmatch(call["name"]):
        raise bad_request(f"Job name '{call['name']}' may hold letters, digits, '-' and '_' only.", "UserError")
    properties = dict(call.body["properties"])
    if (old := cloud.resources.get(call.id)) is not None:
        free = ("tags", "properties", "displayName", "description", "isArchived")
        old["properties"].update({key: properties[key] for key in free if key in properties})
        return Response(200, _now(cloud, old))
    faults = list(_missing(cloud, workspace["id"], properties))
    if properties["jobType"] == "Pipeline":
        faults += graph.problems(cloud, properties)
    if faults:
        raise bad_request(f"The job was refused: {'; '.join(faults)}.", "UserError")
    job = cloud.resources.put(call.id, {"properties": _completed(workspace, call["name"], properties)})
    experiment = job["properties"]["experimentName"]
    run = cloud.runs.add(Run(call["name"], workspace["id"], experiment, job["properties"]["displayName"]))
    run.submitter = cloud.directory.principal(call.request, RESOURCE_MANAGER).object_id
    if cloud.runner:
        threading.Thread(target=cloud.runner.run, args=(cloud, job), daemon=True).start()
    else:
        run.status = "Completed"
    return Response(201, _now(cloud, job))


def _missing(cloud: Cloud, workspace_id: str, properties: dict[str, Any]):
    """Yield the computes, environments and input assets that a job names and that do not exist."""
    computes = {properties.get("computeId"), (properties.get("settings") or {}).get("default_compute")}
    nodes = (properties.get("jobs") or {}).values()
    for compute in filter(None, computes | {node.get("computeId") for node in nodes}):
        name = compute.rsplit("/", 1)[-1].removeprefix("azureml:")
        if name.lower() != SERVERLESS and f"{workspace_id}/computes/{name}" not in cloud.resources:
            yield f"compute '{name}' not found"
    assets = {key: properties.get(key) for key in ("environmentId", "codeId")}
    assets |= {f"inputs.{key}": value.get("uri") for key, value in (properties.get("inputs") or {}).items()}
    for key, reference in assets.items():
        if cloud.resources.lacks(reference):
            yield f"{key}: {reference} not found"


def _completed(workspace: dict[str, Any], name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return a job's properties with those that the service adds."""
    links = {
        "Tracking": workspace["properties"]["mlFlowTrackingUri"],
        "Studio": f"https://ml.azure.com/runs/{name}?wsid={workspace['id']}",
    }
    default = {
        "jobOutputType": "uri_folder",
        "uri": f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{name}",
        "mode": "ReadWriteMount",
    }
    return {
        **properties,
        "experimentName": properties.get("experimentName") or "Default",
        "displayName": properties.get("displayName") or name,
        "services": {key: {"jobServiceType": key, "endpoint": link} for key, link in links.items()},
        "outputs": {**(properties.get("outputs") or {}), "default": default},
    }


@routes("POST", "{workspace}/jobs/{name}/cancel", *VERSIONS)
def cancel(cloud: Cloud, call: Call) -> Response:
    """Ask a job to stop."""
    if call["name"] not in cloud.runs:
        raise not_found(call["name"])
    run = cloud.runs[call["name"]]
    run.canceled = True
    for name in (run.name, *run.children):
        if stop := cloud.runs[name].stop:
            stop()
    if run.status not in ENDED:
        run.status = "Canceled"
    return Response(200)
