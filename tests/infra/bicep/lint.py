"""What the compiler's linter would refuse: secrets that leak, places and addresses written by hand, clumsy text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .files import BicepFile
from .functions import ONLY_IN_DEFAULTS
from .tree import Call, Declaration, Index, Member, Name, Node, Object, Property, Text
from .types import Choice, String, Struct

SECRET = re.compile(
    r"(?i)password|passwd|secret(?!s?(officer|user)|name|uri|id)|connectionstring|(access|account|primary|secondary|shared|instrumentation)_?key|sas_?token|^keys$|^token$"
)
SECRET_CALLS = re.compile(r"^(list\w*|getSecret)$")
ADDRESSES = re.compile(
    r"(?i)(core\.windows\.net|vault\.azure\.net|management\.azure\.com|login\.microsoftonline\.com|azurecr\.io"
    r"|database\.windows\.net|batch\.core\.windows|graph\.windows\.net|gallery\.azure\.com|management\.core\.windows)"
)
GUID = re.compile(r"(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def check_lint(file: BicepFile) -> None:
    """Report what a linter would."""
    for item in file.statements:
        check_texts(file, item)
    if file.is_parameters:
        return
    for item in file.of("output"):
        if not item.decorator("secure") and item.value is not None:
            for found in secrets(file, item.value, set()):
                file.report(found, f"output {item.name} tells a secret")
            if SECRET.search(item.name):
                file.report(item, f"output {item.name} is called like a secret")
    for item in file.of("param"):
        check_secure(file, item)
    for item in file.of("resource", "module"):
        check_location(file, item)
        if item.kind == "module":
            check_handed_on(file, item)
    for item in file.of("resource"):
        check_name(file, item)


def check_texts(file: BicepFile, item: Declaration) -> None:
    for root in filter(None, (item.value,)):
        keys = {id(node.key) for node in root.all() if isinstance(node, Property)}  # only a text can be computed there
        for node in root.all():
            if isinstance(node, Text):
                text = "".join(part for part in node.parts if isinstance(part, str))
                if ADDRESSES.search(text):
                    file.report(node, f"{ADDRESSES.search(text)[0]}: ask environment() for this address")
                if len(node.parts) == 1 and not isinstance(node.parts[0], str) and id(node) not in keys:
                    file.report(node, "a text of one expression: write the expression alone")
            place = node.owner if isinstance(node, Member) and node.name == "location" else None
            if isinstance(place, Call) and place.function in ("resourceGroup", "deployment") and item.kind != "param":
                file.report(node, "location: take a parameter, whose default asks for this")
            if isinstance(node, Call) and node.function == "concat" and _joins_texts(node):
                file.report(node, "concat: write one text with ${} instead")


def _joins_texts(node: Call) -> bool:
    return any(isinstance(argument, Text) for argument in node.arguments)


def check_secure(file: BicepFile, item: Declaration) -> None:
    if item.decorator("secure"):
        if item.value is not None and not (isinstance(item.value, Text) and item.value.constant == ""):
            empty = isinstance(item.value, Object) and not item.value.properties
            if not empty and not (isinstance(item.value, Call) and item.value.function == "newGuid"):
                file.report(item.value, f"{item.name}: a secret has no default")
    elif SECRET.search(item.name) and item.type is not None and file.type(item.type).label in ("string", "object"):
        file.report(item, f"param {item.name} is called like a secret: @secure is missing")


def check_location(file: BicepFile, item: Declaration) -> None:
    """Where something lies is a parameter, all the way down."""
    if item.body is None:
        return
    if item.kind == "resource":
        place = item.body.get("location")
        value = text_behind(file, place)
        if place is not None and value is not None and value.lower() != "global":
            file.report(place, f"{item.name}: location is written by hand, take a parameter")
        return
    module, params = file.module(item), item.body.get("params")
    if module is None or not isinstance(params, Object):
        return
    for inner in module.of("param"):
        given = params.get(inner.name)
        asks = inner.value is not None and any(
            isinstance(node, Member) and node.name == "location" for node in inner.value.all()
        )
        if asks and given is None:
            file.report(item, f"{item.name}: say which {inner.name}, the default may be another region")
        if given is not None and inner.name == "location" and text_behind(file, given):
            file.report(given, f"{item.name}: location is written by hand, take a parameter")


def text_behind(file: BicepFile, node: Node | None) -> str | None:
    """Return the text that an expression always is: written there, in a variable, or as a default."""
    if isinstance(node, Text):
        return node.constant
    if isinstance(node, Name) and (item := file.symbols.get(node.name)) and item.kind in ("var", "param"):
        return text_behind(file, item.value)
    return None


def check_name(file: BicepFile, item: Declaration) -> None:
    """A role assignment's name is a GUID that is the same every time; no name changes with the clock."""
    name = item.body.get("name") if item.body else None
    if name is None or item.existing:
        return
    reference = (item.reference.constant or "").split("@")[0]
    is_assignment = reference == "Microsoft.Authorization/roleAssignments"
    if is_assignment and isinstance(name, Text) and not GUID.match(name.constant or ""):
        file.report(name, f"{item.name}: the name of a role assignment is made by guid()")
    for node in name.all():
        param = file.symbols.get(node.name) if isinstance(node, Name) else None
        if param and param.kind == "param" and param.value and calls(param.value) & ONLY_IN_DEFAULTS:
            file.report(name, f"{item.name}: its name would be another one each time")


def calls(node: Node) -> set[str]:
    """Return the functions that an expression calls."""
    return {inner.function for inner in node.all() if isinstance(inner, Call)}


def check_handed_on(file: BicepFile, item: Declaration) -> None:
    """A secret that is handed to a module stays one there."""
    module, params = file.module(item), item.body.get("params") if item.body else None
    if module is None or not isinstance(params, Object):
        return
    for prop in params.properties:
        field = module.parameters.fields.get(prop.key.constant or "")
        kind = field.type if field else None
        if isinstance(kind, String) and kind.secure:
            continue
        for found in secrets(file, prop.value, set()):
            file.report(found, f"{item.name}: {prop.key.constant} takes a secret, but is not @secure there")


def secrets(file: BicepFile, node: Node, seen: set[str]) -> Iterator[Node]:
    """Yield the parts of an expression that nobody may see."""
    item = file.symbols.get(node.name) if isinstance(node, Name) else None
    if (isinstance(node, Call) and SECRET_CALLS.match(node.function)) or (
        isinstance(node, Member) and tells(file, node)
    ):
        yield node
    elif isinstance(node, Name):
        inner = item.value if item and item.kind == "var" and node.name not in seen else None
        hidden = inner is not None and next(secrets(file, inner, seen | {node.name}), None)
        if hidden or (item and item.kind == "param" and item.decorator("secure")):
            yield node
    else:
        for child in node.children():
            yield from secrets(file, child, seen)


def tells(file: BicepFile, node: Node) -> bool:
    """Whether a call or property is a secret: by name, by Microsoft's description, or as a secure output."""
    if isinstance(node, Call):
        return bool(SECRET_CALLS.match(node.function))
    if not isinstance(node, Member):
        return False
    return bool(SECRET.search(node.name)) or _sensitive(file, node) or _secure_output(file, node)


def _path(node: Node) -> tuple[Name | None, list[str]]:
    names: list[str] = []
    while isinstance(node, Member | Index):
        if isinstance(node, Member):
            names.insert(0, node.name)
        node = node.owner
    return (node if isinstance(node, Name) else None), names


def _sensitive(file: BicepFile, node: Member) -> bool:
    """Whether Microsoft's description of a resource calls a property sensitive."""
    root, names = _path(node)
    item = file.symbols.get(root.name) if root else None
    resource = file.resource(item) if item and item.kind == "resource" else None
    kind = resource.body if resource else None
    for name in names:
        if not isinstance(kind, Struct) or name not in kind.fields:
            return False
        kind = kind.fields[name].type
    options = kind.options if isinstance(kind, Choice) else (kind,)
    return any(isinstance(option, String) and option.secure for option in options)


def _secure_output(file: BicepFile, node: Member) -> bool:
    root, names = _path(node)
    item = file.symbols.get(root.name) if root else None
    if item is None or item.kind != "module" or len(names) < 2 or names[0] != "outputs":
        return False
    module = file.module(item)
    found = next((one for one in module.of("output") if one.name == names[1]), None) if module else None
    return bool(found and found.decorator("secure"))
