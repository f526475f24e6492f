"""What the service checks in a pipeline before it runs, and the SDK does not: references lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from emulator.resources import as_id

if TYPE_CHECKING:
    from emulator.cloud import Cloud

REFERENCE = re.compile(r"\$\{\{\s*parent\.(?:inputs\.(\w+)|jobs\.(\w+)\.outputs\.(\w+)|outputs\.(\w+))\s*\}\}")
# Fields of a node in the request that azure-ai-ml makes of a command, sweep, parallel or Spark step.
_NODE_FIELDS = """
_source archives args code command comment componentId computeId conf display_name distribution
driver_cores driver_memory dynamic_allocation_enabled early_termination entry environment
environment_variables error_threshold executor_cores executor_instances executor_memory files identity
input_data inputs jars limits logging_level max_concurrency_per_instance mini_batch_error_threshold
mini_batch_size name objective outputs partition_keys properties py_files queue_settings resources
retry_settings sampling_algorithm search_space services settings tags task trial type
"""
_SETTINGS = """
_source component_type continue_on_step_failure continue_run_on_failed_optional_input default_compute
default_datastore force_rerun on_finalize on_init
"""
NODE_FIELDS, SETTINGS = frozenset(_NODE_FIELDS.split()), frozenset(_SETTINGS.split())
NUMBERS = {"number": float, "integer": int}


def unknown_fields(pipeline: dict[str, Any]) -> Iterator[str]:
    """Yield the fields of nodes and settings that no version of the pipeline schema has."""
    for name, node in (pipeline.get("jobs") or {}).items():
        for key in node.keys() - NODE_FIELDS:
            yield f"properties.jobs.{name}.{key}: unknown field of a pipeline step"
    for key in (pipeline.get("settings") or {}).keys() - SETTINGS:
        yield f"properties.settings.{key}: unknown field of the pipeline settings"


def specification(cloud: Cloud, node: dict[str, Any]) -> dict[str, Any] | None:
    """Return the specification of a node's component; None when the component is not registered."""
    component = cloud.resources.get(as_id(node.get("componentId")) or "")
    return component["properties"]["componentSpec"] if component else None


def literal(value: Any) -> Any:
    """Return what an input or output holds, whether it is written plainly or as an object."""
    return value.get("value", value.get("uri")) if isinstance(value, dict) else value


def references(node: dict[str, Any]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the inputs of a node that refer to something, with the reference."""
    for name, value in (node.get("inputs") or {}).items():
        if match := REFERENCE.fullmatch(str(literal(value))):
            yield name, match


def problems(cloud: Cloud, pipeline: dict[str, Any]) -> Iterator[str]:
    """Yield one sentence for each fault of a pipeline's graph."""
    nodes = pipeline.get("jobs") or {}
    if not nodes:
        yield "the pipeline has no steps"
    specs = {name: specification(cloud, node) for name, node in nodes.items() if "componentId" in node}
    for name, node in nodes.items():
        if name in specs and specs[name] is None:
            yield f"jobs.{name}: component {node['componentId']} not found"
            continue
        for key, value in (node.get("inputs") or {}).items():
            yield from _input(pipeline, specs, name, key, literal(value))
        given = (node.get("inputs") or {}).keys()
        for key, kind in ((specs.get(name) or {}).get("inputs") or {}).items():
            if key not in given and "default" not in kind and not kind.get("optional"):
                yield f"jobs.{name}.inputs.{key}: missing"
        for key, value in (node.get("outputs") or {}).items():
            match = REFERENCE.fullmatch(str(literal(value)))
            if match and match[4] not in (pipeline.get("outputs") or {}):
                yield f"jobs.{name}.outputs.{key}: the pipeline has no output '{match[4]}'"
    if cycle := order(nodes)[1]:
        yield f"the steps {', '.join(cycle)} wait for each other"


def _input(pipeline: dict[str, Any], specs: dict[str, Any], name: str, key: str, value: Any) -> Iterator[str]:
    spec, where = specs.get(name), f"jobs.{name}.inputs.{key}"
    if spec and key not in (spec.get("inputs") or {}):
        yield f"{where}: component {spec.get('name')} has no such input"
        return
    if not str(value).startswith("${{"):
        if spec:
            yield from _fits(where, value, spec["inputs"][key])
        return
    match = REFERENCE.fullmatch(str(value))
    if not match or match[4]:
        yield f"{where}: malformed reference {value}"
    elif match[1] and match[1] not in (pipeline.get("inputs") or {}):
        yield f"{where}: the pipeline has no input '{match[1]}'"
    elif match[2] and match[2] not in (pipeline.get("jobs") or {}):
        yield f"{where}: there is no step '{match[2]}'"
    elif match[2] and specs.get(match[2]) and match[3] not in (specs[match[2]].get("outputs") or {}):
        yield f"{where}: step '{match[2]}' has no output '{match[3]}'"


def _fits(where: str, value: Any, kind: dict[str, Any]) -> Iterator[str]:
    if value is not None and kind.get("type") in NUMBERS:
        try:
            number = NUMBERS[kind["type"]](value)
        except ValueError:
            yield f"{where}: {value!r} is not a {kind['type']}"
            return
        if number < float(kind.get("min", "-inf")) or number > float(kind.get("max", "inf")):
            yield f"{where}: {value} is out of range"
    if kind.get("enum") and str(value) not in map(str, kind["enum"]):
        yield f"{where}: {value!r} is none of {', '.join(map(str, kind['enum']))}"


def order(nodes: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the steps so that each follows what it reads, and those that wait for each other."""
    waits = {name: {match[2] for _, match in references(node) if match[2] in nodes} for name, node in nodes.items()}
    done: list[str] = []
    while ready := [name for name in nodes if name not in done and waits[name] <= set(done)]:
        done += ready
    return done, [name for name in nodes if name not in done]
