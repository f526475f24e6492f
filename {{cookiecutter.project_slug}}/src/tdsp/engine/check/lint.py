"""What may run and probably was not meant: warnings of `tdsp check`."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import yaml

from tdsp.engine.executor import snapshot
from tdsp.engine.plan import Code, Step
from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents
from tdsp.engine.reader.components import Component
from tdsp.engine.steps.command import is_artifact_root

_TRACKING_CALLS = {"set_experiment", "set_tracking_uri"}
_PIP = re.compile(r"\b(?:pip3?|conda|python -m pip)\s+install\b")
_PIN = re.compile(r"\s*([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*==?\s*([0-9][\w.]*)\s*$")


def step(found: Step, component: Component, problems: Problems) -> None:
    """Note what is doubtful about one step."""
    keys = (*component.keys, "command")

    def warn(message: str, category: str) -> None:
        problems.warn(component.file, keys, message, category)

    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", found.command)
    if re.search(r";\s*\S", bare) and "set -e" not in bare and not re.search(r"\b(for|while|if|do|then)\b", bare):
        warn("`;` hides the failure of the command before it: use `&&`", "hidden failure")
    if _PIP.search(bare):
        warn("`pip install` in a command: put the package into the environment", "pip install")
    if found.kind == "command":
        used = {name for name in found.outputs if re.search(rf"outputs\.{re.escape(name)}\b", found.command)}
        declared = {name for name in found.outputs if not is_artifact_root(found, name)}
        for name in sorted(declared - used):
            if f"AZURE_ML_OUTPUT_{name}" not in found.command:
                warn(f"the command never uses the output {name!r}", "unused output")
    said, readable = _calls_in(found.code)
    if not readable:
        problems.add(component.file, (*component.keys, "code"), said[0], "code missing")
        return
    for line in said:
        warn(line, "tracking call in a step")


def forget() -> None:
    """Look at every file again: for the next reading."""
    _calls_in.cache_clear()


@functools.lru_cache(maxsize=256)
def _calls_in(code: Code) -> tuple[tuple[str, ...], bool]:
    """Return what to say of a snapshot, which many steps may share, and whether it could be read."""
    try:
        files = snapshot.files_of(code)
    except OSError as error:
        return (f"{error.filename}: {error.strerror}",), False
    said = [
        f"{documents.shown(path)}:{line} calls {call}: the step's run is lost; leave it out"
        for name, path in files.items()
        if name.endswith(".py")
        for line, call in _tracking_calls(path)
    ]
    return tuple(said), True


def _tracking_calls(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_bytes()
        if not any(name.encode() in text for name in _TRACKING_CALLS):
            return
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TRACKING_CALLS:
            yield node.lineno, node.func.attr


def pins(found: Step, component: Component, problems: Problems) -> None:
    """Note installed versions that are not those the environment's conda file pins."""
    for said in _broken_pins(found.environment):
        problems.warn(component.file, (*component.keys, "environment"), said, "other version")


@functools.lru_cache(maxsize=64)
def _broken_pins(environment: str) -> tuple[str, ...]:
    try:
        content = yaml.safe_load(environment) or {}
        conda = content.get("conda_file") if isinstance(content, dict) else None
        conda = yaml.safe_load(conda) if isinstance(conda, str) else conda
    except yaml.YAMLError:
        return ()
    found = []
    for name, pinned in _pinned(conda.get("dependencies")) if isinstance(conda, dict) else ():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if not f"{installed}.".startswith(f"{pinned}."):
            found.append(f"{name} {installed} is installed here, the environment says {pinned}")
    return tuple(found)


def _pinned(dependencies: object) -> Iterator[tuple[str, str]]:
    for item in dependencies if isinstance(dependencies, list) else ():
        if isinstance(item, dict):
            yield from _pinned(item.get("pip"))
        elif isinstance(item, str) and (match := _PIN.match(item)) and match[1] != "python":
            yield match[1], match[2]
