"""Really runs submitted jobs: a process for each command, inputs and outputs copied from and to storage."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import files, graph
from emulator.history import Run, write_log

if TYPE_CHECKING:
    from emulator.cloud import Cloud

LITERALS = ("number", "integer", "boolean", "string", "literal")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]")
BINDING = re.compile(r"\$\{\{\s*((?:inputs|outputs)\.\w+)\s*\}\}")
LAST_LINES = 5


class JobError(Exception):
    """A job cannot go on; the text is what the user sees."""


@dataclass
class LocalRunner:
    """Runs command and pipeline jobs with this machine's Python.

    Attributes:
        environment: variables for every command, over those of this process.
        python: interpreter whose folder comes first on PATH.
    """

    environment: dict[str, str] = field(default_factory=dict)
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
        if not run.canceled:
            run.status = outcome

    def _command(self, cloud: Cloud, run: Run, properties: dict[str, Any]) -> None:
        inputs = {
            name: item.get("uri", item.get("value"))
            for name, item in (properties.get("inputs") or {}).items()
        }
        kinds = {
            name: {"type": item["jobInputType"]} for name, item in (properties.get("inputs") or {}).items()
        }
        outputs = {name: item for name, item in properties["outputs"].items() if name != "default"}
        spec = {
            "command": properties["command"],
            "code": properties.get("codeId"),
            "environment_variables": properties.get("environmentVariables"),
            "inputs": kinds,
            "outputs": {name: {"type": item["jobOutputType"]} for name, item in outputs.items()},
        }
        given = {name: item["uri"] for name, item in outputs.items() if item.get("uri")}
        self._execute(cloud, run, spec, inputs, given)

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
            step = _child(cloud, run, name)
            told += f"Submitting step {name}, run id {step.name}\n"
            write_log(cloud, run, "logs/azureml/executionlogs.txt", told)
            inputs, outputs = _bound(properties, node, made)
            spec = {**spec, "environment_variables": _variables(spec, node)}
            step.status = "Running"
            try:
                self._execute(cloud, step, spec, inputs, outputs)
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

    def _execute(
        self, cloud: Cloud, run: Run, spec: dict[str, Any], inputs: dict[str, Any], outputs: dict[str, str]
    ) -> None:
        """Run one command where its inputs and outputs are folders of this machine."""
        work = Path(tempfile.mkdtemp(prefix="job-", dir=cloud.folder))
        try:
            code = work / "code"
            code.mkdir()
            if spec.get("code"):
                files.pull(cloud, files.locate(cloud, run.workspace_id, spec["code"]), code)
            values = _fetch(cloud, run, spec, inputs, work / "inputs")
            for name, kind in (spec.get("outputs") or {}).items():
                place = work / "outputs" / name
                (place.parent if kind.get("type") == "uri_file" else place).mkdir(parents=True, exist_ok=True)
                values[f"outputs.{name}"] = str(place)
            self._shell(
                cloud, run, _fill(spec["command"], values), code, spec.get("environment_variables") or {}
            )
            for name in spec.get("outputs") or {}:
                default = f"azureml://datastores/workspaceblobstore/paths/azureml/{run.name}/{name}"
                address = outputs.get(name, default)
                if (work / "outputs" / name).exists():
                    files.push(cloud, work / "outputs" / name, files.locate(cloud, run.workspace_id, address))
                    run.outputs[name] = address
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _shell(self, cloud: Cloud, run: Run, command: str, folder: Path, variables: dict[str, str]) -> None:
        """Run a command line as the service does, in bash, and keep what it prints as the run's log."""
        environment = {key: text for key, text in os.environ.items() if key.upper() not in PRIVATE}
        path = f"{Path(self.python).parent}{os.pathsep}{environment['PATH']}"
        environment.update(
            {"PATH": path, "AZUREML_RUN_ID": run.name, "MLFLOW_EXPERIMENT_NAME": run.experiment}
        )
        environment |= {
            "PYTHONUNBUFFERED": "1",
            **self.environment,
            **{key: str(text) for key, text in variables.items()},
        }
        printed = f"$ {command}\n"
        write_log(cloud, run, "user_logs/std_log.txt", printed)
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout or ():
            printed += line
            write_log(cloud, run, "user_logs/std_log.txt", printed)
            if run.canceled:
                process.terminate()
        if process.wait():
            last = " | ".join(printed.strip().splitlines()[-LAST_LINES:])
            raise JobError(f"the command ended with exit code {process.returncode}: {last}")


# Variables of this process that a command in the cloud does not see.
PRIVATE = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "MLFLOW_RUN_ID",
)


def _child(cloud: Cloud, parent: Run, name: str) -> Run:
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


def _fetch(
    cloud: Cloud, run: Run, spec: dict[str, Any], inputs: dict[str, Any], folder: Path
) -> dict[str, str]:
    """Copy the inputs that are data; return what each input's name stands for."""
    values = {}
    for name, kind in (spec.get("inputs") or {}).items():
        value = inputs.get(name, kind.get("default"))
        if value is None:
            continue
        if kind.get("type") not in LITERALS:
            value = files.pull(cloud, files.locate(cloud, run.workspace_id, str(value)), folder / name)
        values[f"inputs.{name}"] = str(value)
    return values


def _fill(command: str, values: dict[str, str]) -> str:
    """Put values into a command line; an optional part goes when one of its values is not there."""

    def optional(match: re.Match[str]) -> str:
        return match[1] if all(name in values for name in BINDING.findall(match[1])) else ""

    return BINDING.sub(lambda match: values[match[1]], OPTIONAL.sub(optional, command))
