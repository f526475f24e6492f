"""A parallel step: its data cut into mini-batches, each given to the entry script's `run`.

The cutting and the retries happen in `parallel_worker`, a script in the step's own process group.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from tdsp.engine.executor import shellsafe
from tdsp.engine.problems import Problems
from tdsp.engine.reader import expressions
from tdsp.engine.reader.tree import Node
from tdsp.engine.steps.command import Machine, Workspace, execute

_UNITS = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}


def settings(node: Node, problems: Problems) -> dict[str, Any]:
    """Read what a parallel step declares beside its inputs; the job's value wins over the component's."""
    body = {**node.component.body, **{key: value for key, value in node.job.items() if value is not None}}
    task = body.get("task") if isinstance(body.get("task"), dict) else {}
    retry = body.get("retry_settings") if isinstance(body.get("retry_settings"), dict) else {}
    resources = body.get("resources") if isinstance(body.get("resources"), dict) else {}
    source = expressions.whole(body.get("input_data")) or ""
    keys = (*node.component.keys, "input_data")
    if not source.startswith("inputs."):
        problems.add(
            node.component.file,
            keys,
            "a parallel step needs input_data: ${{inputs.x}}",
            "required input missing",
        )
    if not task.get("entry_script"):
        problems.add(node.component.file, (*node.component.keys, "task"), "it needs entry_script", "no command")
    target = expressions.whole(task.get("append_row_to")) or ""
    return {
        "input": source.removeprefix("inputs."),
        "entry_script": str(task.get("entry_script", "")),
        "append_row_to": target.removeprefix("outputs.") or None,
        "size": _size(body.get("mini_batch_size")),
        "partition_keys": _list(body.get("partition_keys")),
        "retries": int(retry["max_retries"]) if retry.get("max_retries") is not None else 2,
        "timeout": float(retry.get("timeout") or 60),
        "error_threshold": _whole(body.get("error_threshold"), -1),
        "mini_batch_error_threshold": _whole(body.get("mini_batch_error_threshold"), -1),
        "workers": _whole(body.get("max_concurrency_per_instance"), 1) * _whole(resources.get("instance_count"), 1),
    }


def run(work: Workspace, machine: Machine) -> None:
    """Run the step's script over its mini-batches.

    Raises:
        StepFailedError: too many failed, or there was nothing to do.
        StoppedError: the run is being stopped.
    """
    how = work.step.settings["parallel"]
    target = how["append_row_to"]
    spec = {
        **how,
        "data": work.inputs[how["input"]],
        "target": str(work.outputs[target]) if target else None,
        "target_is_folder": bool(target) and work.step.outputs[target].type != "uri_file",
        "workers": max(1, min(how["workers"], os.cpu_count() or 1)),
    }
    place = shellsafe.safe(work.folder) / "parallel.json"
    place.write_text(json.dumps(spec), encoding="utf-8")
    script = shellsafe.safe(Path(__file__).with_name("parallel_worker.py"))
    words = shlex.join([sys.executable, str(script), str(place)])
    execute(f"exec {words} {work.command()}", work, machine, work.variables())
    place.unlink()


def _size(raw: Any) -> int:
    """Return files, or bytes for `10 MB`; 0 for the default."""
    text = str(raw or 0).strip().lower()
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(float(text))


def _list(raw: Any) -> list[str]:
    if isinstance(raw, str):
        raw = json.loads(raw) if raw.startswith("[") else [raw]
    return [str(item) for item in raw or []]


def _whole(raw: Any, default: int) -> int:
    return default if raw is None else int(raw)
