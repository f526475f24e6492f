"""Follows every binding of a tree to what it ends at: a literal, a local path, or another step's output."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tdsp.engine.plan import ABSENT, DATA, FOLDERS, Value
from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents, expressions
from tdsp.engine.reader.assets import Assets, is_remote
from tdsp.engine.reader.ports import ANY, Port, default_text, doubt, mismatch, objection, text_of
from tdsp.engine.reader.tree import Node
from tdsp.errors import did_you_mean

Keys = tuple[str | int, ...]


@dataclass
class Bindings:
    """Resolves inputs and outputs; what was found once is remembered."""

    problems: Problems
    assets: Assets
    _values: dict[tuple[Node, str], Value] = field(default_factory=dict)
    _busy: set[tuple[Node, str]] = field(default_factory=set)

    def value(self, node: Node, name: str) -> Value:
        """Return what input `name` of `node` ends at."""
        known = (node, name)
        if known not in self._values:
            if known in self._busy:
                self.problems.add(node.file, (*node.keys, "inputs", name), "bound to itself", "cycle")
                return ABSENT
            self._busy.add(known)
            self._values[known] = self._value(node, name)
            self._busy.discard(known)
        return self._values[known]

    def _value(self, node: Node, name: str) -> Value:
        declared = node.component.inputs or {}
        port = declared.get(name, Port())
        raw = node.given.get(name)
        if raw is not None:
            return self._resolve(raw, port, node, (*node.keys, "inputs", name))
        if port.default is not None:
            return self._default(port, node, name)
        if not port.optional and node.component.kind != "sweep":
            where = (*node.keys, "inputs") if node.given else node.keys
            self.problems.add(
                node.file,
                (*where, name),
                f"required input {name!r} ({port.type}) has no value",
                "required input missing",
            )
        return replace(ABSENT, type=port.type)

    def _default(self, port: Port, node: Node, name: str) -> Value:
        component = node.component
        keys = (*component.keys, "inputs", name)
        if port.type in DATA:
            return self._data(text_of(port.default), port.type, component.file, keys)
        complaint = objection(port, port.default)
        if complaint:
            self.problems.add(component.file, (*keys, "default"), f"default: {complaint}", "default breaks its range")
        return Value(type=port.type if port.type != ANY else "string", literal=default_text(port))

    def _resolve(self, raw: Any, port: Port, node: Node, keys: Keys) -> Value:
        if isinstance(raw, dict):
            return self._from_mapping(raw, port, node, keys)
        inside = expressions.whole(raw)
        if inside is not None:
            return self._bound(inside, port, node, keys)
        if isinstance(raw, str) and expressions.within(raw):
            self.problems.add(node.file, keys, f"{raw!r}: an expression must stand alone here", "binding to nothing")
            return ABSENT
        if isinstance(raw, str) and expressions.NEAR_BINDING.search(raw):
            said = f"{raw!r} is plain text: a binding is ${{{{parent.inputs.x}}}} or ${{{{parent.jobs.a.outputs.x}}}}"
            self.problems.add(node.file, keys, said, "malformed expression")
            return ABSENT
        if port.type in DATA:
            return self._data(text_of(raw), port.type, node.file, keys)
        complaint = objection(port, raw)
        if complaint:
            self.problems.add(node.file, keys, complaint, "wrong literal")
        return Value(type=port.type if port.type != ANY else _type_of(raw), literal=text_of(raw))

    def _from_mapping(self, raw: dict[str, Any], port: Port, node: Node, keys: Keys) -> Value:
        kind = str(raw.get("type") or (port.type if port.type in DATA else ANY))
        complaint = mismatch(kind, port.type)
        if complaint:
            self.problems.add(node.file, keys, complaint, "kinds do not fit")
        self._doubt(kind, port, node, keys)
        if raw.get("path") is not None:
            wanted = kind if kind != ANY else port.type if port.type != ANY else "uri_folder"
            return self._resolve(raw["path"], replace(port, type=wanted), node, (*keys, "path"))
        for key in ("value", "default"):
            if raw.get(key) is not None:
                typed = replace(port, type=kind if port.type == ANY else port.type, default=raw[key])
                value = self._resolve(raw[key], typed, node, (*keys, key))
                return replace(value, literal=default_text(typed)) if key == "default" and value.literal else value
        if not (raw.get("optional") or port.optional):
            self.problems.add(node.file, keys, f"input {keys[-1]!r} has no value", "required input missing")
        return replace(ABSENT, type=kind)

    def _bound(self, inside: str, port: Port, node: Node, keys: Keys) -> Value:
        value = self._target(inside, node, keys)
        if value is None:
            return replace(ABSENT, type=port.type)
        if value.absent:
            if port.default is not None and value.type != "lost":
                return Value(type=port.type, literal=default_text(port))
            return replace(ABSENT, type=port.type)
        if value.literal is not None and port.type in DATA and value.type == "string":
            source = node
            while source.parent is not None:
                source = source.parent
            return self._data(value.literal, port.type, source.file, keys)
        complaint = mismatch(value.type, port.type)
        if complaint is None and value.literal is not None and port.type != ANY:
            complaint = objection(port, value.literal)
        if complaint:
            self.problems.add(node.file, keys, complaint, "kinds do not fit")
        self._doubt(value.type, port, node, keys)
        return value

    def _doubt(self, given: str, port: Port, node: Node, keys: Keys) -> None:
        said = doubt(given, port.type)
        if said:
            self.problems.warn(node.file, keys, said, "file and folder")

    def _target(self, inside: str, node: Node, keys: Keys) -> Value | None:
        around = node.parent
        parts = inside.split(".")
        if around is None or parts[0] != "parent":
            hint = f"; write ${{{{parent.{inside}}}}}" if parts[0] in ("inputs", "jobs", "outputs") else ""
            self._nothing(node, keys, f"${{{{{inside}}}}} means nothing here{hint}")
            return None
        if len(parts) == 3 and parts[1] == "inputs":
            known = set(around.component.inputs or {}) | set(around.given)
            if parts[2] not in known:
                self._nothing(node, keys, f"the pipeline has no input {parts[2]!r}{did_you_mean(parts[2], known)}")
                return None
            return self.value(around, parts[2])
        if len(parts) == 5 and parts[1] == "jobs" and parts[3] in ("inputs", "outputs"):
            return self._of_job(around, parts[2], parts[3], parts[4], node, keys)
        self._nothing(node, keys, f"${{{{{inside}}}}} is no binding: use parent.inputs.x or parent.jobs.step.outputs.x")
        return None

    def _of_job(self, around: Node, job: str, group: str, name: str, node: Node, keys: Keys) -> Value | None:
        other = around.children.get(job)
        if other is None:
            jobs = (around.component.body.get("jobs") or {}) if isinstance(around.component.body, dict) else {}
            if job not in jobs:
                self._nothing(node, keys, f"there is no step {job!r}{did_you_mean(job, jobs)}")
            return None
        if group == "inputs":
            known = set(other.component.inputs or {}) | set(other.given)
            if name not in known:
                self._nothing(node, keys, f"step {job!r} has no input {name!r}{did_you_mean(name, known)}")
                return None
            return self.value(other, name)
        return self.output(other, name, node, keys)

    def output(self, other: Node, name: str, node: Node, keys: Keys) -> Value | None:
        """Return which step makes output `name` of `other`; `node` and `keys` say who asks."""
        known = set(other.component.outputs) | set(other.given_outputs if other.component.inline else ())
        if other.component.kind in ("registry", "registered"):
            known = known or {name}
        if name not in known:
            self._nothing(node, keys, f"step {other.name!r} has no output {name!r}{did_you_mean(name, known)}")
            return None
        if other.is_pipeline:
            for child in other.children.values():
                for inner, raw in child.given_outputs.items():
                    if output_binding(raw) == name:
                        return self.output(child, inner, node, keys)
            self._nothing(
                node,
                keys,
                f"no step inside {other.name!r} writes its output {name!r}",
                "output never written",
            )
            return None
        return Value(type=output_type(other, name), step=other.name, output=name)

    def _data(self, text: str, kind: str, file: Path, keys: Keys) -> Value:
        if is_remote(text):
            return self._remote(text, kind, file, keys)
        path = documents.absolute(file.parent / text.removeprefix("file:"))
        if not documents.exists(path):
            self.problems.add(file, keys, f"{documents.shown(path)} does not exist", "data missing")
        elif kind in FOLDERS and path.is_file():
            self.problems.warn(file, keys, f"{documents.shown(path)} is a file, {kind} is a folder", "kinds do not fit")
        elif kind == "uri_file" and path.is_dir():
            self.problems.warn(
                file, keys, f"{documents.shown(path)} is a folder, uri_file is a file", "kinds do not fit"
            )
        return Value(type=kind, path=str(path))

    def _remote(self, address: str, kind: str, file: Path, keys: Keys) -> Value:
        path = self.assets.local_path(address)
        if path is None or not documents.exists(path):
            line = f"{address}: path/on/this/machine"
            said = (
                f"{address} is not on this machine"
                if path is None
                else f"{path}, the stand-in for {address}, is missing"
            )
            self.problems.add(
                file, keys, f"{said}; add to {documents.shown(self.assets.map_file)}:  {line}", "remote data"
            )
        return Value(type=kind, path=str(path) if path else None, address=address)

    def _nothing(self, node: Node, keys: Keys, message: str, category: str = "binding to nothing") -> None:
        self.problems.add(node.file, keys, message, category)


def output_binding(raw: Any) -> str | None:
    """Return `y` if an output was given as `${{parent.outputs.y}}`, plain or under `path`."""
    inside = expressions.whole(raw.get("path") if isinstance(raw, dict) else raw)
    return inside.removeprefix("parent.outputs.") if inside and inside.startswith("parent.outputs.") else None


def output_type(node: Node, name: str) -> str:
    """Return the declared type of an output, here or on the pipeline output it feeds.

    Without one it is a folder.
    """
    raw = node.given_outputs.get(name)
    for declaration in (node.component.outputs.get(name), raw):
        if isinstance(declaration, dict) and declaration.get("type"):
            return str(declaration["type"])
    outer = output_binding(raw)
    if outer is not None and node.parent is not None and outer in node.parent.component.outputs:
        return output_type(node.parent, outer)
    return "uri_folder"


def _type_of(raw: Any) -> str:
    if isinstance(raw, bool):
        return "boolean"
    return "integer" if isinstance(raw, int) else "number" if isinstance(raw, float) else "string"
