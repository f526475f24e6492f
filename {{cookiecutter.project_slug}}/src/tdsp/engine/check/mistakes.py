"""Every mistake in a pipeline that can be known before anything runs.

And then Azure's own reader as the judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tdsp.engine.check import lint
from tdsp.engine.plan import Plan
from tdsp.engine.problems import Problem, Problems
from tdsp.engine.reader import documents, kinds, schema
from tdsp.engine.reader.bindings import output_binding
from tdsp.engine.reader.job import Reading
from tdsp.engine.reader.tree import Node
from tdsp.errors import did_you_mean


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        problems: what would go wrong.
        warnings: what may work and probably was not meant.
        judge: what Azure's reader says: `agrees`, `not installed`, or its objection.
    """

    plan: Plan | None
    problems: list[Problem]
    warnings: list[Problem]
    judge: str

    @property
    def good(self) -> bool:
        """Whether the pipeline can run, as far as anybody can tell."""
        return not self.problems and self.judge in ("agrees", "not installed", "not asked")


def check(
    pipeline: Path,
    *,
    home: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    judge: bool = True,
    cloud: bool = False,
) -> Report:
    """Look for every mistake.

    Args:
        pipeline: a job file.
        home: as in `run`: what steps wrote to datastores lies there.
        overrides: as in `run`.
        judge: whether to ask azure-ai-ml too, if it is installed.
        cloud: whether steps that only Azure ML runs, and data that only it has, are fine.

    Raises:
        WrongInput: the file cannot be read at all.
    """
    lint.forget()
    reading = Reading(documents.absolute(pipeline), home=home, silent=True)
    plan = reading.plan(overrides or {})
    problems = reading.problems
    if reading.root is not None and plan is not None:
        _files(reading.root, problems)
        for leaf in reading.root.leaves():
            if leaf.name in plan.steps and leaf.component.kind in kinds.LOCAL:
                lint.step(plan.steps[leaf.name], leaf.component, problems)
                lint.pins(plan.steps[leaf.name], leaf.component, problems)
        _outputs(reading.root, problems)
        _compute(reading.root, problems)
    local_only = ("refused", "remote data")
    found = [problem for problem in problems.found if not (cloud and problem.category in local_only)]
    said = "not asked"
    if judge and not overrides:
        from tdsp.engine.check import judge as azure

        said = azure.ask(documents.absolute(pipeline))
    return Report(plan, found, problems.warnings, said)


def _files(root: Node, problems: Problems) -> None:
    """Misspelt and doubled keys in the job file and in every component."""
    seen: set[tuple[Path, tuple[str | int, ...]]] = set()
    stack, whole = [root], {root.file}
    while stack:
        node = stack.pop()
        stack.extend(node.children.values())
        component = node.component
        whole.add(component.file)
        own = "command" if component.kind == "sweep" else component.kind  # a sweep's trial is a command
        for body, file, keys, kind in (
            (node.job, node.file, node.keys, component.kind),
            (component.body, component.file, component.keys, own),
        ):
            if (file, keys) not in seen:
                seen.add((file, keys))
                for path, known in schema.unknown_keys(body, kind):
                    hint = did_you_mean(str(path[-1]), known)
                    hint = hint if "did you mean" in hint else ""
                    problems.add(file, (*keys, *path), f"unknown key {path[-1]!r}{hint}", "misspelt key")
    for file in whole:
        for keys, first, line in documents.duplicate_keys(file):
            problems.add(
                file,
                keys,
                f"the key stands twice (line {first} and {line}); only the last counts",
                "duplicate key",
            )


def _outputs(root: Node, problems: Problems) -> None:
    """Declared outputs of pipelines that no step writes."""
    stack = [root]
    while stack:
        node = stack.pop()
        stack.extend(node.children.values())
        if not node.is_pipeline:
            continue
        written = {output_binding(raw) for child in node.children.values() for raw in child.given_outputs.values()}
        for name in node.component.outputs:
            if name not in written:
                keys = (*node.component.keys, "outputs", name)
                problems.add(node.component.file, keys, f"no step writes the output {name!r}", "output never written")


def _compute(root: Node, problems: Problems) -> None:
    """Steps that the service would not know where to run."""
    settings = root.component.body.get("settings")
    if root.job.get("compute") or (isinstance(settings, dict) and settings.get("default_compute")):
        return
    for leaf in root.leaves():
        if not leaf.job.get("compute") and leaf.component.kind in kinds.LOCAL:
            said = "no compute: set settings.default_compute (azureml:serverless needs nothing else)"
            problems.warn(leaf.file, leaf.keys, said, "no compute")
