"""The engine's reader against Azure's own: both must make the same of every file of the corpus."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from tdsp import engine
from tdsp.engine.reader import schema
from tdsp.engine.reader.expressions import whole

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.name for path in CORPUS.glob("*.yml"))


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

    def __init__(self, document: dict[str, Any]):
        self.steps: dict[str, dict[str, Any]] = {}
        inputs = {name: self.given(value, "", {}, {}) for name, value in (document.get("inputs") or {}).items()}
        body = document
        if isinstance(document.get("component"), dict):
            body = document["component"]
            self.defaults(body, inputs)
        self.pipeline(body, "", inputs)

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
            if component.get("type") == "pipeline":
                self.pipeline(component, f"{prefix}{name}.", values)
                continue
            task = component.get("task") or component
            outputs = component.get("outputs") if component is not job else job.get("outputs")
            self.steps[prefix + name] = {
                "command": " ".join(str(task.get("command") or task.get("program_arguments")).split()),
                "inputs": {port: value for port, value in values.items() if value is not None},
                "outputs": {port: (given or {}).get("type", "uri_folder") for port, given in (outputs or {}).items()},
                "code": task.get("code"),
                "variables": {key: str(value) for key, value in (job.get("environment_variables") or {}).items()},
            }

    def given(self, value: Any, prefix: str, inputs: dict, known: dict) -> Any:
        path = value.get("path") if isinstance(value, dict) else value
        inside = whole(path)
        if inside is None:
            if isinstance(value, dict):
                return str((CORPUS / str(path).removeprefix("azureml:")).resolve())
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


def comparable(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """One reader names a nested output by the inner step that writes it, the other by the pipeline."""
    inner = {"train -> model": "train.inner -> model", "train -> table": "train.inner -> table"}
    for step in steps.values():
        step["inputs"] = {port: inner.get(value, value) for port, value in step["inputs"].items()}
    return steps


def differences(name: str, theirs: dict[str, dict[str, Any]], mine: dict[str, dict[str, Any]]) -> list[str]:
    """Steps of one file that the two readers see differently."""
    if mine.keys() != theirs.keys():
        return sorted(mine.keys() ^ theirs.keys())
    found = []
    for step, expected in theirs.items():
        swept = {"rate", "count"} if name == "sweep.yml" and step == "tune" else set()
        expected["inputs"] = {port: value for port, value in expected["inputs"].items() if port not in swept}
        for port, value in mine[step]["inputs"].items():
            # The dump turns booleans into 0 and 1; what the service is sent is their `str`.
            if (value, expected["inputs"].get(port)) in (("True", "1"), ("False", "0")):
                expected["inputs"][port] = value
        if mine[step] != expected:
            found.append(step)
    return found


@pytest.mark.parametrize("name", FILES)
def test_both_readers_agree(name: str):
    assert differences(name, comparable(Theirs(azure(CORPUS / name)).steps), ours(CORPUS / name)) == []


def test_the_corpus_holds_every_kind_of_step():
    kinds = {step.kind for name in FILES for step in engine.read(CORPUS / name).steps.values()}
    assert kinds == {"command", "sweep", "parallel"}
    assert len(FILES) >= 7


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("inputs", "rate", "5.0"),
        ("inputs", "flag", "False"),
        ("outputs", "table", "uri_folder"),
        ("variables", "NEW", "1"),
    ],
)
def test_the_comparison_notices_a_difference(part: str, key: str, value: str):
    name = "values.yml"
    theirs = comparable(Theirs(azure(CORPUS / name)).steps)
    assert differences(name, copy.deepcopy(theirs), ours(CORPUS / name)) == []
    theirs["first"][part][key] = value
    assert differences(name, theirs, ours(CORPUS / name)) == ["first"]


def _schemas() -> dict[str, Any]:
    from azure.ai.ml._schema.component import CommandComponentSchema, ParallelComponentSchema
    from azure.ai.ml._schema.job.input_output_entry import OutputSchema
    from azure.ai.ml._schema.job_resource_configuration import JobResourceConfigurationSchema
    from azure.ai.ml._schema.pipeline.component_job import CommandSchema, ParallelSchema, SweepSchema
    from azure.ai.ml._schema.pipeline.pipeline_component import PipelineComponentSchema
    from azure.ai.ml._schema.pipeline.pipeline_job import PipelineJobSchema
    from azure.ai.ml._schema.pipeline.settings import PipelineJobSettingsSchema

    return {
        "command": (schema.COMMAND, [CommandComponentSchema, CommandSchema]),
        "parallel": (schema.PARALLEL, [ParallelComponentSchema, ParallelSchema]),
        "sweep": (schema.SWEEP, [SweepSchema]),
        "pipeline": (schema.PIPELINE, [PipelineJobSchema, PipelineComponentSchema]),
        "settings": (schema.SETTINGS, [PipelineJobSettingsSchema]),
        "output": (schema.OUTPUT, [OutputSchema]),
        "resources": (schema.RESOURCES, [JobResourceConfigurationSchema]),
    }


@pytest.mark.parametrize("kind", ["command", "parallel", "sweep", "pipeline", "settings", "output", "resources"])
def test_every_key_of_azures_schemas_is_known(kind: str):
    known, theirs = _schemas()[kind]
    for made in theirs:
        fields = made(context={"base_path": "."}).load_fields
        assert {field.data_key or name for name, field in fields.items()} <= known | {
            "auto_delete_setting",
            "is_deterministic",
        }
