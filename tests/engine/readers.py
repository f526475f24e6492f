"""One pipeline through two readers, azure-ai-ml's and the engine's, in one shape that can be compared."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

from tdsp import engine
from tdsp.engine.reader.expressions import whole


def azure(file: Path) -> dict[str, Any]:
    """The job as azure-ai-ml reads it."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from azure.ai.ml import load_job

            return load_job(file)._to_dict()
    finally:
        logging.disable(logging.NOTSET)


class Theirs:
    """Follows the bindings of azure-ai-ml's dump, independently of the engine's reader."""

    def __init__(self, document: dict[str, Any], folder: Path):
        self.steps: dict[str, dict[str, Any]] = {}
        self.folder = folder
        self.makers: dict[str, str] = {}  # a pipeline's output -> that of the step inside that writes it
        inputs = {name: self.given(value, "", {}, {}) for name, value in (document.get("inputs") or {}).items()}
        body = document
        if isinstance(document.get("component"), dict):
            body = document["component"]
            self.defaults(body, inputs)
        self.pipeline(body, "", inputs)
        for step in self.steps.values():
            step["inputs"] = {port: self.maker(value) for port, value in step["inputs"].items()}

    def maker(self, value: str) -> str:
        while value in self.makers:
            value = self.makers[value]
        return value

    def defaults(self, component: dict[str, Any], values: dict[str, Any]) -> None:
        for name, port in (component.get("inputs") or {}).items():
            if name not in values and isinstance(port, dict):
                values[name] = port.get("default")

    def pipeline(self, body: dict[str, Any], prefix: str, inputs: dict[str, Any]) -> None:
        known: dict[str, dict[str, Any]] = {}
        for name, job in body["jobs"].items():
            component = job.get("component") or job.get("trial") or job
            values = {
                port: self.given(value, prefix, inputs, known) for port, value in (job.get("inputs") or {}).items()
            }
            self.defaults(component if component is not job else {}, values)
            known[name] = values
            for port, given in (job.get("outputs") or {}).items():
                inside = whole(given.get("path") if isinstance(given, dict) else given)
                if inside and prefix:
                    self.makers[f"{prefix[:-1]} -> {inside.split('.')[2]}"] = f"{prefix}{name} -> {port}"
            if component.get("type") == "pipeline":
                self.pipeline(component, f"{prefix}{name}.", values)
                continue
            task = component.get("task") or component
            outputs = component.get("outputs") if component is not job else job.get("outputs")
            self.steps[prefix + name] = {
                "command": " ".join(str(task.get("command") or task.get("program_arguments")).split()),
                "inputs": {
                    port: value
                    for port, value in values.items()
                    if value is not None and port not in (job.get("search_space") or {})
                },
                "outputs": {port: (given or {}).get("type", "uri_folder") for port, given in (outputs or {}).items()},
                "code": task.get("code"),
                "variables": {key: str(value) for key, value in (job.get("environment_variables") or {}).items()},
            }

    def given(self, value: Any, prefix: str, inputs: dict, known: dict) -> Any:
        path = value.get("path") if isinstance(value, dict) else value
        inside = whole(path)
        if inside is None:
            if isinstance(value, dict):
                return str((self.folder / str(path).removeprefix("azureml:")).resolve())
            return str(value)
        parts = inside.split(".")
        if parts[1] == "inputs":
            return inputs[parts[2]]
        return known[parts[2]][parts[4]] if parts[3] == "inputs" else f"{prefix}{parts[2]} -> {parts[4]}"


def ours(file: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for name, step in engine.read(file).steps.items():
        inputs = {}
        for port, value in step.inputs.items():
            if not value.absent:
                made = f"{value.step} -> {value.output}"
                inputs[port] = made if value.step else value.literal if value.literal is not None else value.path
        found[name] = {
            "command": " ".join(step.command.split()),
            "inputs": inputs,
            "outputs": {port: output.type for port, output in step.outputs.items()},
            "code": step.code.folder,
            "variables": step.variables,
        }
    return found


def theirs(file: Path) -> dict[str, dict[str, Any]]:
    """Each step as azure-ai-ml reads it."""
    return Theirs(azure(file), file.parent).steps


def differences(expected: dict[str, dict[str, Any]], mine: dict[str, dict[str, Any]]) -> list[str]:
    """Steps that the two readers see differently."""
    if mine.keys() != expected.keys():
        return sorted(mine.keys() ^ expected.keys())
    found = []
    for step, said in expected.items():
        for port, value in mine[step]["inputs"].items():
            # The dump turns booleans into 0 and 1; what the service is sent is their `str`.
            if (value, said["inputs"].get(port)) in (("True", "1"), ("False", "0")):
                said["inputs"][port] = value
        if mine[step] != said:
            found.append(step)
    return found
