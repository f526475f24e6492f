"""Actions: known ones only, pinned to the commit of the version beside it, with inputs that they really have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from workflows.rules.reading import Repository

KNOWN = yaml.safe_load((Path(__file__).parents[1] / "actions.yml").read_text(encoding="utf-8"))
_OUTPUT = re.compile(r"steps\.([\w-]+)\.outputs\.([\w-]+)")


def pinned(repository: Repository) -> Iterator[str]:
    """Yield actions that are not known, or not at their commit with their version beside it."""
    for file, text in repository.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            found = re.match(r"\s*-?\s*[\"']?uses[\"']?:\s*[\"']?([^\s\"'#]+)[\"']?\s*(?:#\s*(.*))?$", line)
            if not found or found[1].startswith("./"):
                continue
            name, _, pin = found[1].partition("@")
            known = KNOWN.get(name)
            if known is None:
                yield f"{file}:{number}: {name} is not a vetted action"
            elif known["commit"] is None:
                if pin != known["version"]:
                    yield f"{file}:{number}: {name} must be at {known['version']}"
            elif pin != known["commit"]:
                yield f"{file}:{number}: {name} must be at the commit of {known['version']}, {known['commit']}"
            elif (found[2] or "").strip() != known["version"]:
                yield f"{file}:{number}: {name}: the comment must say {known['version']}"


def fitting(repository: Repository) -> Iterator[str]:
    """Yield inputs that an action does not have, and required ones that are missing."""
    for step in repository.steps:
        if not step.uses:
            continue
        name = step.uses.partition("@")[0]
        given = step.body.get("with") or {}
        if name.startswith("./"):
            action = repository.composites.get(name.rsplit("/", 1)[-1])
            if action is None or not name.startswith("./.github/actions/"):
                yield f"{step.where}: there is no action {name}"
                continue
            inputs = action.get("inputs") or {}
            required = [key for key, body in inputs.items() if body.get("required") and "default" not in body]
        elif name in KNOWN:
            inputs, required = KNOWN[name]["inputs"], KNOWN[name].get("required", [])
        else:
            continue
        yield from (f"{step.where}: {name} has no input {key}" for key in given if key not in inputs)
        yield from (f"{step.where}: {name} needs the input {key}" for key in required if key not in given)
        if given.get("enable-cache", "auto") not in ("auto", False):
            yield f"{step.where}: a job that signs in must not read a cache that any run may fill: enable-cache auto"
        for key, value in given.items():
            if value is None or value == "":
                yield f"{step.where}: the input {key} of {name} is empty"


def own(repository: Repository) -> Iterator[str]:
    """Yield inputs that an action of this repository reads and does not declare, or declares and does not read."""
    for name, action in repository.composites.items():
        declared, text = set(action.get("inputs") or {}), yaml.safe_dump(action, width=10_000)
        read = set(re.findall(r"\binputs\.([\w-]+)", text))
        yield from (f"{name}: has no input {key}" for key in sorted(read - declared))
        yield from (f"{name}: nobody reads the input {key}" for key in sorted(declared - read))


def outputs(repository: Repository) -> Iterator[str]:
    """Yield outputs that the action of a step does not have."""
    for step in repository.steps:
        if not step.body.get("id") or not step.uses:
            continue
        name = step.uses.partition("@")[0]
        if name.startswith("./"):
            has = (repository.composites.get(name.rsplit("/", 1)[-1]) or {}).get("outputs") or {}
        else:
            has = KNOWN.get(name, {}).get("outputs", [])
        file = step.where.partition(":")[0]
        job = _text_around(repository, step)
        for identity, output in _OUTPUT.findall(job):
            if identity == step.body["id"] and output not in has:
                yield f"{file}: {name} has no output {output}"


def _text_around(repository: Repository, step) -> str:
    """Return the job or the action that a step belongs to, as text."""
    for job in repository.jobs:
        if job.body.get("steps") is step.peers:
            return yaml.safe_dump(job.body)
    return next(yaml.safe_dump(item) for item in repository.composites.values() if item["runs"]["steps"] is step.peers)


RULES = (pinned, fitting, own, outputs)
