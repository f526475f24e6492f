"""The jobs of a pipeline as a tree: what each runs and what it was given, nested pipelines included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdsp.engine.problems import Problems
from tdsp.engine.reader import typed
from tdsp.engine.reader.components import Component, Components, kind_of

_NAME = re.compile(r"[a-z_][a-z0-9_]*")  # the service's rule
_DEEPEST = 20  # a pipeline that includes itself ends here


@dataclass(eq=False)
class Node:
    """One job.

    Attributes:
        name: its key, prefixed with those of the pipelines around it.
        job: the job's own mapping.
        file: where that was written, under `keys`.
        given: the inputs it was given, raw.
        given_outputs: what it says about its outputs, raw.
    """

    name: str
    job: dict[str, Any]
    component: Component
    file: Path
    keys: tuple[str | int, ...]
    parent: Node | None = None
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The inputs as the job gives them."""
        return _mapping(self.job.get("inputs"))

    @property
    def given_outputs(self) -> dict[str, Any]:
        """The outputs as the job gives them; an inline step declares them in the same place."""
        return _mapping(self.job.get("outputs"))

    @property
    def is_pipeline(self) -> bool:
        """Whether it only holds other jobs."""
        return self.component.kind == "pipeline"

    def leaves(self):
        """Yield the jobs that run something."""
        if not self.is_pipeline:
            yield self
        for child in self.children.values():
            yield from child.leaves()


def grow(document: dict[str, Any], file: Path, components: Components, problems: Problems) -> Node | None:
    """Read a whole job file into a tree; mistakes go to `problems`."""
    document = typed.conform(document, kind_of(document), file, (), problems)
    component = components.of_job(document, file, ())
    if component is None:
        return None
    root = Node("", document, component, file, ())
    if component.kind == "pipeline":
        _grow(root, components, problems, 0)
        return root
    # A job file that is a single step is a pipeline of that step.
    name = str(document.get("name") or file.stem)
    around = Node("", {"jobs": {name: document}}, Component("pipeline", {}, file), file, ())
    root.name, root.parent = name, around
    around.children[name] = root
    return around


def _grow(node: Node, components: Components, problems: Problems, depth: int) -> None:
    body = node.component.body
    jobs = body.get("jobs")
    if not isinstance(jobs, dict) or not jobs:
        problems.add(node.component.file, (*node.component.keys, "jobs"), "the pipeline has no jobs", "no jobs")
        return
    if depth > _DEEPEST:
        problems.add(node.file, node.keys, "pipelines nested too deep: does one include itself?", "cycle")
        return
    for key, job in jobs.items():
        keys = (*node.component.keys, "jobs", str(key))
        if not isinstance(job, dict):
            problems.add(node.component.file, keys, "a job is a mapping", "invalid")
            continue
        job = typed.conform(job, kind_of(job), node.component.file, keys, problems)
        if not _NAME.fullmatch(str(key)):
            said = "a step's name has lower-case letters, digits and _, and starts with no digit"
            problems.add(node.component.file, keys, said, "illegal step name")
        component = components.of_job(job, node.component.file, keys)
        if component is not None and component.kind != kind_of(job):  # a parallel component's job names no type
            job = typed.conform(job, component.kind, node.component.file, keys, problems)
        if component is None:
            continue
        name = f"{node.name}.{key}" if node.name else str(key)
        child = Node(name, job, component, node.component.file, keys, node)
        node.children[str(key)] = child
        if child.is_pipeline:
            _grow(child, components, problems, depth + 1)


def load_job(path: Path) -> dict[str, Any]:
    """Return the mapping of a job file.

    Raises:
        documents.UnreadableError: it cannot be read, or holds something else.
    """
    return typed.mapping_of(path, "a job")


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
