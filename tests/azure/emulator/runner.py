"""Really runs submitted jobs: a process for each command, inputs and outputs copied from and to storage."""

from __future__ import annotations

import sys
import traceback
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator import execution, graph
from emulator.execution import JobError
from emulator.history import Run, write_log

if TYPE_CHECKING:
    from emulator.cloud import Cloud


@dataclass
class LocalRunner:
    """Runs command and pipeline jobs with this machine's Python.

    Attributes:
        python: interpreter whose folder comes first on PATH.
    """

    python: str = sys.executable

    def run(self, cloud: Cloud, job: dict[str, Any]) -> None:
        """Run a job to its end and leave the outcome in its run."""
        run, properties = cloud.runs[job["name"]], job["properties"]
        kinds = {"Command": self._command, "Pipeline": self._pipeline}
        run.status = "Running"
        try:
            if properties["jobType"] not in kinds:
                raise JobError(f"the emulator does not run jobs of type {properties['jobType']}")
            kinds[properties["jobType"]](cloud, run, properties)
            outcome = "Completed"
        except (JobError, LookupError, OSError) as error:
            run.error, outcome = str(error), "Failed"
        except Exception as error:
            run.error, outcome = f"a bug of the emulator: {error}", "Failed"
            cloud.refusals.append(f"a bug of the emulator in job {run.name}\n{traceback.format_exc()}")
        if not run.canceled:
            run.status = outcome

    def _command(self, cloud: Cloud, run: Run, properties: dict[str, Any]) -> None:
        inputs = {name: item.get("uri", item.get("value")) for name, item in (properties.get("inputs") or {}).items()}
        kinds = {name: {"type": item["jobInputType"]} for name, item in (properties.get("inputs") or {}).items()}
        outputs = {name: item for name, item in properties["outputs"].items() if name != "default"}
        spec = {
            "command": properties["command"],
            "code": properties.get("codeId"),
            "environment_variables": properties.get("environmentVariables"),
            "inputs": kinds,
            "outputs": {name: {"type": item["jobOutputType"]} for name, item in outputs.items()},
        }
        given = {name: item["uri"] for name, item in outputs.items() if item.get("uri")}
        execution.execute(cloud, run, spec, inputs, given, self.python)

    def _pipeline(self, cloud: Cloud, run: Run, properties: dict[str, Any]) -> None:
        """Run the steps one after another, each when what it reads is there."""
        nodes, made = properties["jobs"], {}
        told = ""
        for name in graph.order(nodes)[0]:
            if run.canceled:
                return
            node, spec = nodes[name], graph.specification(cloud, nodes[name])
            if spec is None or spec.get("type") != "command":
                raise JobError(f"the emulator does not run step '{name}': only command components")
            step = child(cloud, run, name)
            told += f"Submitting step {name}, run id {step.name}\n"
            write_log(cloud, run, "logs/azureml/executionlogs.txt", told)
            inputs, outputs = _bound(properties, node, made)
            spec = {**spec, "environment_variables": _variables(spec, node)}
            step.status = "Running"
            try:
                execution.execute(cloud, step, spec, inputs, outputs, self.python)
            except (JobError, LookupError, OSError) as error:
                step.status, step.error = "Failed", str(error)
                raise JobError(f"step '{name}' failed: {error}") from error
            step.status = "Completed"
            told += f"Step {name} completed\n"
            write_log(cloud, run, "logs/azureml/executionlogs.txt", told)
            made.update({(name, key): address for key, address in step.outputs.items()})
            for key, value in (node.get("outputs") or {}).items():
                match = graph.REFERENCE.fullmatch(str(graph.literal(value)))
                if match and match[4]:
                    run.outputs[match[4]] = step.outputs[key]


def child(cloud: Cloud, parent: Run, name: str) -> Run:
    """Make a step of a pipeline known, as a run and as a job."""
    step = Run(str(uuid.uuid4()), parent.workspace_id, parent.experiment, name, parent=parent.name)
    properties = {
        "jobType": "Command",
        "displayName": name,
        "experimentName": parent.experiment,
        "command": "",
        "environmentId": "",
        "parentJobName": parent.name,
        "properties": {"azureml.pipelinerunid": parent.name},
        "tags": {},
        "services": {},
        "inputs": {},
        "outputs": {},
    }
    step.submitter = parent.submitter
    cloud.resources.put(f"{parent.workspace_id}/jobs/{step.name}", {"properties": properties})
    return cloud.runs.add(step)


def _bound(properties: dict[str, Any], node: dict[str, Any], made: dict[tuple[str, str], str]):
    """Return a step's inputs with their references followed, and the addresses that its outputs are given."""
    given = {name: graph.literal(value) for name, value in (properties.get("inputs") or {}).items()}
    inputs = {}
    for name, value in (node.get("inputs") or {}).items():
        inputs[name] = graph.literal(value)
        if match := graph.REFERENCE.fullmatch(str(inputs[name])):
            inputs[name] = given[match[1]] if match[1] else made[match[2], match[3]]
    outputs = {}
    for name, value in (node.get("outputs") or {}).items():
        match = graph.REFERENCE.fullmatch(str(graph.literal(value)))
        address = ((properties.get("outputs") or {}).get(match[4]) or {}).get("uri") if match else None
        if address:
            outputs[name] = address
    return inputs, outputs


def _variables(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, str]:
    return {**(spec.get("environment_variables") or {}), **(node.get("environment_variables") or {})}
