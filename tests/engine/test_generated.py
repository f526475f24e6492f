"""The contract on pipelines that nobody wrote: random components, bindings, values, nesting, read by both readers.

`TDSP_EXAMPLES` says how many; a nightly job looks at many more than a test run does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tdsp.engine.check.mistakes import check

from tests.engine.readers import differences, ours, theirs

EXAMPLES = int(os.environ.get("TDSP_EXAMPLES", "60"))
SCHEMAS = "https://azuremlschemas.azureedge.net/latest/"
ENVIRONMENT = {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
LITERALS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["a", "two words", "1e-3", "true", "0x1F", "no", "07", "x: y", "ä#1"]),
    "number": st.sampled_from([0, 1, 2.0, 2.50, 1e-3, -3, 1e6, "1e-3"]),
    "integer": st.sampled_from([0, 1, -7, 1000000]),
    "boolean": st.booleans(),
}
DATA = {"uri_folder": "./data", "uri_file": "./data/x.csv", "mltable": "./data"}
Scope = dict[str, str]  # binding -> type of what it leads to


@st.composite
def ports(draw: Callable) -> dict[str, dict[str, Any]]:
    """Declared inputs."""
    found = {}
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([*LITERALS, *DATA]))
        port: dict[str, Any] = {"type": kind}
        about = draw(st.sampled_from(["required", "default", "optional", "range"]))
        if about == "default" and kind in LITERALS:
            port["default"] = draw(LITERALS[kind])
        elif about == "optional":
            port["optional"] = True
        elif about == "range" and kind in ("number", "integer"):
            port |= {"min": -10, "max": 2000000}
        found[f"i{number}"] = port
    return found


@st.composite
def commands(draw: Callable) -> dict[str, Any]:
    """The declared part of a command step."""
    inputs = draw(ports())
    kinds = draw(st.lists(st.sampled_from([*DATA]), min_size=1, max_size=2))
    outputs = {f"o{number}": {"type": kind} for number, kind in enumerate(kinds)}
    words = [f"$[[--{name} ${{{{inputs.{name}}}}}]]" if "optional" in port else f"${{{{inputs.{name}}}}}"
             for name, port in inputs.items()]  # fmt: skip
    words += [f"${{{{outputs.{name}}}}}" for name in outputs]
    body = {"command": " ".join(["echo", *words]), "environment": ENVIRONMENT, "inputs": inputs, "outputs": outputs}
    return {**body, "code": "./code"} if draw(st.booleans()) else body


def value_for(draw: Callable, port: dict[str, Any], scope: Scope) -> Any:
    """A literal, a path, or a binding of the port's type."""
    kind = port["type"]
    bound = [binding for binding, other in scope.items() if other == kind]
    if bound and draw(st.booleans()):
        binding = f"${{{{{draw(st.sampled_from(bound))}}}}}"
        return {"type": kind, "path": binding} if kind in DATA and draw(st.booleans()) else binding
    return {"type": kind, "path": DATA[kind]} if kind in DATA else draw(LITERALS[kind])


@st.composite
def jobs(draw: Callable, outer: Scope, results: dict[str, str], files: dict[str, Any], depth: int) -> dict[str, Any]:
    """Jobs of a pipeline whose inputs are `outer` and whose outputs are `results`; components go to `files`."""
    scope, made, open_results = dict(outer), {}, dict(results)
    for number in range(draw(st.integers(1, 3))):
        name = f"s{number}"
        shape = draw(st.sampled_from(["inline", "file", "file", "nested"] if depth else ["inline", "file"]))
        event(shape)
        component = draw(pipelines(files, depth - 1)) if shape == "nested" else draw(commands())
        inputs = {}
        for port, declared in component["inputs"].items():
            free = "optional" in declared or "default" in declared
            if not free or draw(st.booleans()):
                inputs[port] = value_for(draw, declared, scope)
        outputs = {}
        for port, declared in component["outputs"].items():
            fitting = [result for result, kind in open_results.items() if kind == declared["type"]]
            if fitting:
                outputs[port] = f"${{{{parent.outputs.{fitting[0]}}}}}"
                del open_results[fitting[0]]
            scope[f"parent.jobs.{name}.outputs.{port}"] = declared["type"]
        job: dict[str, Any] = {"type": "pipeline" if shape == "nested" else "command", "inputs": inputs}
        if shape == "inline":
            given = {port: inputs.get(port) for port in component["inputs"] if port in inputs}
            job |= {key: value for key, value in component.items() if key != "inputs"}
            lost = set(component["inputs"]) - set(given)
            for port in lost:
                job["command"] = job["command"].replace(f"$[[--{port} ${{{{inputs.{port}}}}}]]", "")
                job["command"] = job["command"].replace(f"${{{{inputs.{port}}}}}", "")
            job["command"] = job["command"].replace("$[[", "").replace("]]", "")
            job["outputs"] = {port: outputs.get(port, declared) for port, declared in component["outputs"].items()}
        else:
            files[f"c{len(files)}.yml"] = component
            job["component"] = f"./c{len(files) - 1}.yml"
            job |= {"outputs": outputs} if outputs else {}
        if shape != "nested" and draw(st.booleans()):
            job["environment_variables"] = {"LEVEL": draw(LITERALS["string"]), "TDSP_X": "1"}
        made[name] = job
    for result, kind in open_results.items():  # whatever is left is written by a step of its own
        made[f"w_{result}"] = {
            "type": "command",
            "command": "echo ${{outputs.o}}",
            "environment": ENVIRONMENT,
            "outputs": {"o": {"type": kind, "path": f"${{{{parent.outputs.{result}}}}}"}},
        }
    return made


@st.composite
def pipelines(draw: Callable, files: dict[str, Any], depth: int) -> dict[str, Any]:
    """A pipeline component."""
    inputs = draw(ports())
    kinds = draw(st.lists(st.sampled_from([*DATA]), max_size=2))
    results = {f"r{number}": kind for number, kind in enumerate(kinds)}
    # An optional input may only feed an optional one; such bindings stand in the corpus.
    scope = {f"parent.inputs.{name}": port["type"] for name, port in inputs.items() if "optional" not in port}
    inside = draw(jobs(scope, results, files, depth))
    outputs = {name: {"type": kind} for name, kind in results.items()}
    return {"type": "pipeline", "inputs": inputs, "outputs": outputs, "jobs": inside}


@st.composite
def cases(draw: Callable) -> dict[str, Any]:
    """File name -> content; the job is `pipeline.yml`."""
    files: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    scope: Scope = {}
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([*LITERALS, *DATA]))
        plain = draw(LITERALS[kind]) if kind in LITERALS else {"type": kind, "path": DATA[kind]}
        inputs[f"p{number}"] = plain
        if kind in DATA or type(plain) in ({"string": str, "boolean": bool}.get(kind), int if kind == "integer" else 0):
            scope[f"parent.inputs.p{number}"] = kind
    job = {
        "$schema": f"{SCHEMAS}pipelineJob.schema.json",
        "type": "pipeline",
        "settings": {"default_compute": "azureml:serverless"},
        "inputs": inputs,
        "jobs": draw(jobs(scope, {}, files, depth=2)),
    }
    for name, content in files.items():
        kind = content.get("type", "command")
        about = {"$schema": f"{SCHEMAS}{kind}Component.schema.json", "name": name.removesuffix(".yml"), "type": kind}
        files[name] = {**about, **content}
    return {**files, "pipeline.yml": job}


def test_both_readers_agree_on_pipelines_that_nobody_wrote(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("generated")
    (place / "code").mkdir()
    (place / "data").mkdir()
    (place / "data" / "x.csv").touch()
    nested = []

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 100, suppress_health_check=list(HealthCheck)
    )
    @given(cases())
    def every(case: dict[str, Any]) -> None:
        for name, content in case.items():
            (place / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        file: Path = place / "pipeline.yml"
        assert [str(problem) for problem in check(file, judge=False).problems] == []
        mine, expected = ours(file), theirs(file)
        assert differences(expected, mine) == [], (mine, expected)
        nested.extend(name for name in mine if "." in name)

    every()
    assert nested  # the interesting ones were among them
