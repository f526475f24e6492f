"""Run history: the data plane that knows states, logs and outputs of jobs and their steps."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator import blobs
from emulator.routing import MACROS, Call, Routes
from emulator.wire import ServiceError
from emulator.workspaces import default_store

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r".*\.api\.azureml\.ms|ml\.azure\.com")
HISTORY = f"/history/v1.0{MACROS['{workspace}']}"
ENDED = ("Completed", "Failed", "Canceled")


@dataclass
class Run:
    """One job, or one step of a pipeline job.

    Attributes:
        logs: name of a log -> its blob in the artifact store.
        outputs: name of an output -> its address.
        submitter: object id of who submitted it.
        stop: ends the command that runs now.
    """

    name: str
    workspace_id: str
    experiment: str
    display_name: str
    parent: str | None = None
    status: str = "NotStarted"
    error: str | None = None
    children: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    submitter: str = ""
    canceled: bool = False
    stop: Callable[[], None] | None = None


class Runs:
    """The runs of the tenant, by name."""

    def __init__(self):
        self._table: dict[str, Run] = {}

    def __getitem__(self, name: str) -> Run:
        return self._table[name]

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def add(self, run: Run) -> Run:
        """Add a run, and make it known to its parent."""
        self._table[run.name] = run
        if run.parent:
            self[run.parent].children.append(run.name)
        return run


def write_log(cloud: Cloud, run: Run, name: str, text: str) -> None:
    """Replace one of a run's logs."""
    workspace = cloud.resources[run.workspace_id]
    container = cloud.blobs.container(*default_store(cloud, workspace, default=False))
    run.logs[name] = f"ExperimentRun/dcid.{run.name}/{name}"
    container[run.logs[name]] = blobs.Blob(text.encode(), kind="text/plain")


def _find(cloud: Cloud, name: str) -> Run:
    if name not in cloud.runs:
        raise ServiceError(404, "UserError", f"Run {name} was not found.")
    return cloud.runs[name]


def _document(run: Run) -> dict[str, Any]:
    outputs = {key: {"assetId": f"{key}|{address}", "type": "UriFolder"} for key, address in run.outputs.items()}
    return {
        "runId": run.name,
        "runUuid": str(uuid.uuid5(uuid.NAMESPACE_URL, run.name)),
        "status": run.status,
        "displayName": run.display_name,
        "name": run.name,
        "parentRunId": run.parent,
        "runType": "azureml.StepRun" if run.parent else "azureml.PipelineRun",
        "experimentId": str(uuid.uuid5(uuid.NAMESPACE_URL, run.experiment)),
        "dataContainerId": f"dcid.{run.name}",
        "properties": {},
        "tags": {},
        "outputs": outputs,
    }


@routes("GET", "/discovery", open=True)
def discovery(cloud: Cloud, call: Call) -> dict[str, str]:
    """Name the addresses of the region's services; all are this one."""
    address = f"https://{cloud.region}.api.azureml.ms"
    return dict.fromkeys(("api", "history", "modelmanagement", "experimentation", "artifact", "mlflow"), address)


@routes("GET", HISTORY + "/experiments/{experiment}/runs/{run}/details")
@routes("GET", HISTORY + "/runs/{run}/details")
def details(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Tell a run's state, and where its logs can be read."""
    run = _find(cloud, call["run"])
    account, container = default_store(cloud, cloud.resources[run.workspace_id], default=False)
    address, token = f"https://{account}.blob.core.windows.net/{container}", blobs.sas(account, container)
    error = {"error": {"code": "UserError", "message": run.error}} if run.error else None
    return {
        "runId": run.name,
        "status": run.status,
        "logFiles": {name: f"{address}/{blob}?{token}" for name, blob in run.logs.items()},
        "error": error,
        "warnings": [],
        "properties": {},
        "runDefinition": {},
    }


@routes("GET", HISTORY + "/experiments/{experiment}/runs/{run}/children", query=("$skip", "$skiptoken", "$top"))
@routes("GET", HISTORY + "/runs/{run}/children", query=("$skip", "$skiptoken", "$top"))
def children(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the steps of a run."""
    return {"value": [_document(cloud.runs[name]) for name in _find(cloud, call["run"]).children]}


@routes("GET", HISTORY + "/experiments/{experiment}/runs/{run}")
@routes("GET", HISTORY + "/runs/{run}")
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a run."""
    return _document(_find(cloud, call["run"]))


def _rundata_shape(body: Any, version: str) -> list[str]:
    return [
        f"{key}: unknown field"
        for key in body.keys() - {"runId", "selectRunMetadata", "selectRunDefinition", "selectJobSpecification"}
    ]


@routes("POST", HISTORY + "/rundata", shape=_rundata_shape, role=False)
def rundata(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a run with its outputs, for whoever wants to download them."""
    return {"runMetadata": _document(_find(cloud, call.body["runId"]))}


def _values_shape(body: Any, version: str) -> list[str]:
    return [f"{key}: unknown field" for key in body.keys() - {"values"}]


@routes("POST", f"/data/v1.0{MACROS['{workspace}']}/dataversion/batchGetResolvedUris", shape=_values_shape, role=False)
def resolve(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Turn asset ids of outputs, which `_document` made, into addresses."""
    return {"values": {item: {"uri": item.split("|", 1)[1], "type": "uri_folder"} for item in call.body["values"]}}
