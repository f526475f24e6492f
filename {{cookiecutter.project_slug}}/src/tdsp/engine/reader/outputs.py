"""Where the outputs of steps go: their type, the name of a file, and what stands in for an address."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tdsp.engine.plan import FILES, Output
from tdsp.engine.problems import Problems
from tdsp.engine.reader import expressions, kinds
from tdsp.engine.reader.assets import Assets, is_remote
from tdsp.engine.reader.bindings import output_binding, output_type
from tdsp.engine.reader.components import Component
from tdsp.engine.reader.ports import doubt
from tdsp.engine.reader.tree import Node
from tdsp.errors import did_you_mean

_DATASTORE = "workspaceblobstore"  # the service's default
_IN_PATHS = ("name", "output_name", "default_datastore")


def declared(node: Node, assets: Assets, problems: Problems) -> dict[str, Output]:
    """Return a step's outputs; what the job says about one it has not is a mistake."""
    known = node.component.outputs
    for name, raw in node.given_outputs.items():
        keys = (*node.keys, "outputs", name)
        if node.component.kind in kinds.CLOUD_ONLY:
            continue
        if name not in known:
            said = f"{titled(node.component)} has no output {name!r}{did_you_mean(name, known)}"
            problems.add(node.file, keys, said, "unknown output")
        complaint = _objection(raw)
        if complaint:
            problems.add(node.file, keys, complaint, "output bound to nothing")
    return {name: _output(node, name, assets, problems) for name in known}


def examine(root: Node, problems: Problems) -> None:
    """Note pipeline outputs that two steps write, and those that take another type."""
    stack = [root]
    while stack:
        around = stack.pop()
        stack.extend(around.children.values())
        writers: dict[str, str] = {}
        for child in around.children.values():
            for name, raw in child.given_outputs.items():
                keys, outer = (*child.keys, "outputs", name), output_binding(raw)
                here = f"{child.name}.{name}"
                if outer is not None:
                    first = writers.setdefault(outer, here)
                    if first != here:
                        said = f"{first} writes the pipeline's output {outer!r} too; only one can"
                        problems.add(child.file, keys, said, "written twice")
                    _doubt(child, name, around, outer, keys, problems)


def apart(written: Iterable[tuple[Node, str, Output]], problems: Problems) -> None:
    """Note outputs that would lie on or inside each other, nested pipelines' too: the last to end would win."""
    places = sorted(
        (len(Path(place).parts), number, node.name, name, place, node)
        for number, (node, name, output) in enumerate(written)
        for place in output.places
    )
    taken: dict[str, str] = {}
    for *_, name, place, node in places:
        here = f"{node.name}.{name}"
        first = next((taken[around] for around in (place, *map(str, Path(place).parents)) if around in taken), None)
        if first is None:
            taken[place] = here
        else:
            said = f"{first} and {here} write to one datastore address or name; give each its own"
            problems.add(node.file, (*node.keys, "outputs", name), said, "written twice")


def titled(component: Component) -> str:
    """Return a component's name as a message calls it."""
    return f"component {component.body.get('name') or component.file.stem!r}"


def _doubt(child: Node, name: str, around: Node, outer: str, keys: tuple, problems: Problems) -> None:
    wanted = around.component.outputs.get(outer)
    given = child.component.outputs.get(name)
    if isinstance(wanted, dict) and isinstance(given, dict) and wanted.get("type") and given.get("type"):
        said = doubt(str(given["type"]), str(wanted["type"]))
        if said:
            problems.warn(child.file, keys, said, "file and folder")


def _objection(raw: Any) -> str | None:
    """Say why an output cannot be what the job says of it, or return None."""
    text = raw if isinstance(raw, str) else _path(raw)
    if not text:
        return None
    inside = expressions.whole(text)
    if inside is not None and len(inside.split(".")) == 3 and inside.startswith("parent.outputs."):
        return None
    unknown = [found for found in expressions.within(text) if found not in _IN_PATHS]
    if inside is not None or unknown or expressions.NEAR_MISS.search(text) or isinstance(raw, str):
        return f"{text!r} is no place for an output: write ${{{{parent.outputs.x}}}}, or path: azureml://datastores/…"
    return None


def _output(node: Node, name: str, assets: Assets, problems: Problems) -> Output:
    kind = output_type(node, name)
    raw = _settled(node, name, problems)
    address = _path(raw)
    address = _filled(address, node, name) if address and is_remote(address) else None
    file_name = None
    if kind in FILES:
        last = (address or "").rstrip("/").rsplit("/", 1)[-1]
        file_name = last if last and "${{" not in last else name
    places = [assets.standin(address)] if address else []
    if isinstance(raw, dict) and raw.get("name"):
        places.append(assets.named(str(raw["name"]), str(raw.get("version") or "latest")))
    return Output(kind, file_name, address, tuple(str(place) for place in places if place))


def _settled(node: Node, name: str, problems: Problems) -> Any:
    """Follow an output to the outermost pipeline's that it feeds; return what is said there."""
    raw = node.given_outputs.get(name)
    outer = output_binding(raw)
    if outer is None or node.parent is None:
        return raw
    if outer not in node.parent.component.outputs:
        hint = did_you_mean(outer, node.parent.component.outputs)
        keys = (*node.keys, "outputs", name)
        problems.add(node.file, keys, f"the pipeline has no output {outer!r}{hint}", "undeclared pipeline output")
        return None
    return _settled(node.parent, outer, problems)


def _filled(address: str, node: Node, name: str) -> str:
    """Fill in what the service knows only when it runs: here the step's name is the job's."""
    root = node
    while root.parent is not None:
        root = root.parent
    settings = root.component.body.get("settings") or {}
    store = str(settings.get("default_datastore") or _DATASTORE).removeprefix("azureml:")
    values = {"name": node.name, "output_name": name, "default_datastore": Path(store).name}
    return expressions.EXPRESSION.sub(lambda match: values.get(match[1], match[0]), address)


def _path(raw: Any) -> str | None:
    path = raw.get("path") if isinstance(raw, dict) else None
    return str(path) if path else None
