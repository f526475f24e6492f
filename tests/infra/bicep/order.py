"""What has to be known before what: cycles, and values that a deployment must know when it starts."""

from __future__ import annotations

from collections.abc import Iterator

from .files import BicepFile, Finding
from .plan import Made, Plan
from .tree import Call, Declaration, Member, Name, Node, binds, names_in, thing
from .types import Struct

KNOWN_AT_START = {"id", "name", "type", "apiVersion"}


def check_order(file: BicepFile) -> None:
    """Report cycles, and runtime values where only what is known at the start may stand."""
    for item in file.of("var", "param", "resource", "module"):
        path = cycle(file, item.name, [])
        if path:
            file.report(item, f"{' needs '.join(path)}: a circle")
    for item in file.of("resource", "module"):
        early = [item.condition, item.loop.items if item.loop else None]
        if item.body is not None:
            early += [prop.value for prop in item.body.properties if is_early(file, item, prop.key.constant)]
        for node in filter(None, early):
            for found in runtime(file, node, set()):
                file.report(found, f"{item.name}: this is known only while the deployment runs")


def is_early(file: BicepFile, item: Declaration, key: str | None) -> bool:
    if item.kind == "module":
        return key in ("name", "scope")
    resource = file.resource(item)
    fields = resource.body.fields if resource and isinstance(resource.body, Struct) else {}
    return key in fields and fields[key].constant


def runtime(file: BicepFile, node: Node, hidden: set[str]) -> Iterator[Node]:
    """Yield the parts of an expression whose value exists only once something was deployed."""
    if isinstance(node, Call) and (node.function.startswith("list") or node.function == "reference"):
        yield node
        return
    item = file.symbols.get(thing(node.owner)) if isinstance(node, Member) else None
    if item and item.name not in hidden:
        known = KNOWN_AT_START if item.kind == "resource" else {"name"}
        if item.kind in ("resource", "module") and node.name not in known:
            yield node
            return
    if isinstance(node, Name) and node.name not in hidden:
        inner = file.symbols.get(node.name)
        if inner and inner.kind == "var" and next(runtime(file, inner.value, hidden | {node.name}), None):
            yield node
        return
    for child in node.children():
        yield from runtime(file, child, hidden | binds(node))


def cycle(file: BicepFile, name: str, path: list[str]) -> list[str]:
    """Return a path from a symbol back to itself; nothing if there is none."""
    if name in path:
        return [*path, name] if name == path[0] else []
    item = file.symbols.get(name)
    if item is None or item.value is None:
        return []
    for inner in {found.name for found in names_in(item.value)}:
        if inner in file.symbols and (found := cycle(file, inner, [*path, name])):
            return found
    return []


def needs(file: BicepFile, name: str, seen: set[str] | None = None) -> set[str]:
    """Return every symbol that has to be there before one is, directly or not."""
    seen = set() if seen is None else seen
    item = file.symbols.get(name)
    if item is not None and item.value is not None:
        for inner in {found.name for found in names_in(item.value)} - seen:
            if inner in file.symbols:
                seen.add(inner)
                needs(file, inner, seen)
    return seen


def check_waits(plan: Plan) -> Iterator[Finding]:
    """Report resources that would be made before what they lie in, or name by its id."""
    ids = {made.id: made for made in plan.made}
    for made in plan.made:
        wanted = [other for identity, other in ids.items() if made.id.startswith(f"{identity}/")]
        wanted += [ids[text] for text in texts(made.body) if text in ids]
        for other in wanted:
            if other is not made and not waits(made, other):
                name = made.file.path.relative_to(made.file.template.root.resolve()).as_posix()
                line = made.file.text.count("\n", 0, made.item.at) + 1
                yield Finding(name, line, f"{made.item.name} does not wait for {other.item.name}: dependsOn is missing")


def waits(made: Made, other: Made) -> bool:
    """Whether the one is made after the other: where their ways part, one needs the other."""
    for (file, ours), (_, theirs) in zip(made.way, other.way, strict=False):
        if ours != theirs:
            return theirs in needs(file, ours)
    return True


def texts(value: object) -> Iterator[str]:
    """Yield every text inside a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
