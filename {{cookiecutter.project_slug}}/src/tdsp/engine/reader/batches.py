"""What a parallel step refers to: its data, its script, the output that takes the rows."""

from __future__ import annotations

from pathlib import Path

from tdsp.engine.plan import DATA, Step
from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents, expressions
from tdsp.engine.reader.tree import Node
from tdsp.errors import did_you_mean


def examine(node: Node, step: Step, problems: Problems) -> None:
    """Note what is missing; `steps.parallel` has noted what is not said at all."""
    component, how = node.component, step.settings["parallel"]
    task = component.body.get("task") or {}
    name, target, script = how["input"], how["append_row_to"], how["entry_script"]

    def complain(keys: tuple[str, ...], message: str, category: str) -> None:
        problems.add(component.file, (*component.keys, *keys), message, category)

    value = step.inputs.get(name)
    if name and value is None:
        complain(("input_data",), f"there is no input {name!r}{did_you_mean(name, step.inputs)}", "binding to nothing")
    elif value is not None and value.absent:
        complain(("input_data",), f"the input {name!r} has no value: there is nothing to do", "required input missing")
    elif value is not None and value.literal is not None and value.type not in DATA:
        complain(("input_data",), f"the input {name!r} is a {value.type}, not data", "kinds do not fit")
    written = task.get("append_row_to")
    if written and not str(expressions.whole(written)).startswith("outputs."):
        complain(("task", "append_row_to"), f"{written!r}: write ${{{{outputs.x}}}}", "binding to nothing")
    elif target and target not in step.outputs:
        hint = did_you_mean(target, step.outputs)
        complain(("task", "append_row_to"), f"there is no output {target!r}{hint}", "binding to nothing")
    if script and not _has(step, script):
        complain(("task", "entry_script"), f"{script} is not in the step's code", "code missing")


def _has(step: Step, script: str) -> bool:
    if step.code.folder:
        folder = Path(step.code.folder)
        if folder.name == script or documents.exists(folder / script):
            return True
    # A single file is copied to the snapshot's root, a folder under its name.
    return any(
        script.split("/")[0] == place.name and documents.exists(place.parent / script)
        for place in map(Path, step.code.includes)
    )
