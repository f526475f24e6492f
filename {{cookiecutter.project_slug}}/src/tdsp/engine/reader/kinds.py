"""The kinds of step: which run here, and where each keeps its command, code and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tdsp.engine.plan import Code
from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents
from tdsp.engine.reader.assets import is_remote
from tdsp.engine.reader.components import Component
from tdsp.engine.reader.tree import Node

LOCAL = ("command", "parallel", "sweep")
CLOUD_ONLY = {
    "automl": "AutoML",
    "spark": "Spark",
    "import": "data import",
    "data_transfer": "data transfer",
    "registry": "a component of a registry",
    "registered": "a component registered in the workspace, not among this project's files",
    "flow": "a prompt flow",
    "finetuning": "fine-tuning",
    "base": "an unknown kind of step",
}


def refusal(kind: str, step: str) -> str:
    """Say why a step cannot run here, and the way out."""
    what = CLOUD_ONLY.get(kind, f"a step of type {kind!r}")
    return f"{what} runs only in Azure ML; go on with a saved output: --stub {step}=FOLDER"


def task_body(component: Component) -> dict[str, Any]:
    """Return the mapping that holds the command: a parallel step keeps it under `task`."""
    task = component.body.get("task")
    return task if component.kind == "parallel" and isinstance(task, dict) else component.body


def task(node: Node, problems: Problems) -> tuple[str, Code]:
    """Return a step's command template and what goes into its snapshot."""
    component, body = node.component, task_body(node.component)
    keys = (*component.keys, "task") if component.kind == "parallel" else component.keys
    folder = body.get("code")
    includes = body.get("additional_includes") or component.body.get("additional_includes") or []
    code = Code(
        _code(folder, component, (*keys, "code"), problems) if folder else None,
        tuple(
            filter(
                None,
                (
                    _code(item, component, (*keys, "additional_includes", index), problems)
                    for index, item in enumerate(includes)
                ),
            )
        ),
    )
    if component.kind == "parallel":
        return str(body.get("program_arguments") or ""), code
    if component.kind in LOCAL and not body.get("command"):
        problems.add(component.file, keys, "the step has no command", "no command")
    return str(body.get("command") or ""), code


def _code(raw: Any, component: Component, keys: tuple[str | int, ...], problems: Problems) -> str | None:
    text = str(raw)
    if isinstance(raw, dict) or is_remote(text):
        problems.add(component.file, keys, "only local code can run here", "code missing")
        return None
    path = documents.absolute(component.file.parent / Path(text.removeprefix("file:")))
    if not documents.exists(path) and not (path.suffix == ".zip" and path.with_suffix("").is_dir()):
        problems.add(component.file, keys, f"{documents.shown(path)} does not exist", "code missing")
        return None
    if path == path.parent:
        problems.add(component.file, keys, f"{path} is the whole disk, not a folder of code", "code missing")
        return None
    return str(path)


def settings(node: Node, problems: Problems) -> dict[str, Any]:
    """Return what else decides how a step runs."""
    found: dict[str, Any] = {}
    for source in (node.component.body, node.job):
        for key in ("distribution", "resources"):
            if isinstance(source.get(key), dict):
                found[key] = source[key]
        limits = source.get("limits")
        if isinstance(limits, dict) and limits.get("timeout") and node.component.kind != "sweep":  # it bounds them all
            found["timeout"] = float(limits["timeout"])
    if node.component.kind == "sweep":
        from tdsp.engine.steps import sweep  # few pipelines hold one

        found["sweep"] = sweep.settings(node, problems)
    if node.component.kind == "parallel":
        from tdsp.engine.steps import parallel

        found["parallel"] = parallel.settings(node, problems)
    return found
