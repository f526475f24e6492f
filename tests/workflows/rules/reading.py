"""Workflows and actions as plain data: YAML as GitHub reads it, where `on` is a word and a key may not come twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class Unreadable(Exception):
    """A file is not what it should be."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2 where it matters: only `true` and `false` are truth values."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise Unreadable(f"{node.start_mark.name}:{node.start_mark.line + 1}: {twice.pop()} comes twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


@dataclass(frozen=True)
class Step:
    """One step, of a job or of a composite action.

    Attributes:
        where: file and place, for messages.
        body: as written.
        peers: all steps beside it.
    """

    where: str
    body: dict[str, Any]
    peers: list[dict[str, Any]]

    @property
    def uses(self) -> str:
        return self.body.get("uses") or ""

    @property
    def script(self) -> str:
        return self.body.get("run") or ""


@dataclass(frozen=True)
class Job:
    """One job of a workflow."""

    file: str
    name: str
    body: dict[str, Any]
    workflow: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.file}: {self.name}"

    @property
    def steps(self) -> list[Step]:
        peers = self.body.get("steps") or []
        return [Step(f"{self.where}, step {number}", body, peers) for number, body in enumerate(peers, 1)]

    @property
    def needs(self) -> list[str]:
        needs = self.body.get("needs") or []
        return [needs] if isinstance(needs, str) else needs

    @property
    def calls(self) -> str:
        return self.body.get("uses") or ""

    @property
    def permissions(self) -> dict[str, str]:
        found = self.body.get("permissions")
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Repository:
    """What lies in `.github`, and the folder around it.

    Attributes:
        texts: file -> its text.
        workflows: file name -> workflow.
        composites: folder name -> composite action.
    """

    root: Path
    texts: dict[str, str]
    workflows: dict[str, dict[str, Any]]
    composites: dict[str, dict[str, Any]]

    @property
    def jobs(self) -> list[Job]:
        return [
            Job(file, name, body, workflow)
            for file, workflow in self.workflows.items()
            for name, body in workflow["jobs"].items()
        ]

    @property
    def steps(self) -> Iterator[Step]:
        for job in self.jobs:
            yield from job.steps
        for name, action in self.composites.items():
            peers = action["runs"]["steps"]
            for number, body in enumerate(peers, 1):
                yield Step(f"{name}: step {number}", body, peers)

    def inside(self, step: Step) -> list[Step]:
        """Return a step and, if it uses an action of this repository, the steps of that."""
        action = (
            self.composites.get(step.uses.rsplit("/", 1)[-1]) if step.uses.startswith("./.github/actions/") else None
        )
        if action is None:
            return [step]
        peers = action["runs"]["steps"]
        return [step, *(Step(step.where, body, peers) for body in peers)]


def triggers(workflow: dict[str, Any]) -> dict[str, Any]:
    """Return what starts a workflow, each with its options."""
    on = workflow.get("on") or {}
    if isinstance(on, str):
        on = [on]
    return dict.fromkeys(on, None) if isinstance(on, list) else on


def read(root: Path) -> Repository:
    """Read `.github` of a repository.

    Raises:
        Unreadable: a file is not YAML, has a key twice, or has no jobs or steps.
    """
    texts, workflows, composites = {}, {}, {}
    for file in sorted(root.glob(".github/workflows/*.y*ml")):
        texts[file.name] = file.read_text(encoding="utf-8")
        workflows[file.name] = _load(file.name, texts[file.name])
        if not isinstance(workflows[file.name].get("jobs"), dict):
            raise Unreadable(f"{file.name}: has no jobs")
        if not all(isinstance(job, dict) for job in workflows[file.name]["jobs"].values()):
            raise Unreadable(f"{file.name}: a job is empty")
    for file in sorted(root.glob(".github/actions/*/action.y*ml")):
        name = file.parent.name
        texts[name] = file.read_text(encoding="utf-8")
        composites[name] = _load(name, texts[name])
        if not isinstance((composites[name].get("runs") or {}).get("steps"), list):
            raise Unreadable(f"{name}: has no steps")
    return Repository(root, texts, workflows, composites)


def _load(name: str, text: str) -> dict[str, Any]:
    loader = _Loader(text)
    loader.name = name
    try:
        found = loader.get_single_data()
    except yaml.YAMLError as error:
        raise Unreadable(f"{name}: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{name}: is not a mapping")
    return found
