"""Resources and modules: type and version, parent, scope, and everything in the body."""

from __future__ import annotations

from .files import BicepFile
from .judge import Judge, Locals
from .statements import only_in_defaults
from .tree import Array, Call, Declaration, For, Index, Name, Object, Text, names_in, thing
from .types import ANY, BOOL, TEXT, Field, List, Resource, Struct

SCOPE_CALLS = {
    "resourceGroup": "resourceGroup",
    "subscription": "subscription",
    "managementGroup": "managementGroup",
    "tenant": "tenant",
}
RESOURCE_ONLY = ("parent", "scope", "dependsOn")
MODULE = ("name", "params", "scope", "dependsOn")


def check_bodies(file: BicepFile, judge: Judge) -> None:
    """Report what is wrong with the resources and modules of a file."""
    for item in file.of("resource", "module"):
        only_in_defaults(file, item.value)
        if item.body is None:
            file.report(item, f"{item.name} has no body")
            continue
        names: Locals = {}
        if isinstance(item.value, For):
            names = judge.loop(item.value, names)
        if item.condition is not None:
            judge.check(item.condition, BOOL, "condition", names)
        if item.kind == "resource":
            check_resource(file, judge, item, names)
        else:
            check_module(file, judge, item, names)
        check_depends(file, judge, item, names)
        check_loop_names(file, item)


def check_loop_names(file: BicepFile, item: Declaration) -> None:
    """In a loop, name or place changes from one to the next."""
    if item.loop is None:
        return
    places = [item.body.get(key) for key in ("name", "parent", "scope")]
    used = {name.name for place in places if place is not None for name in names_in(place)}
    if not used & {item.loop.item, item.loop.index}:
        file.report(item, f"{item.name}: in a loop, each name has to be another")


def check_resource(file: BicepFile, judge: Judge, item: Declaration, names: Locals) -> None:
    reference = item.reference.constant or ""
    if reference.count("@") != 1 or "/" not in reference:
        file.report(item.reference, f"{reference}: Provider/type@version expected")
        judge.infer(item.body, names)
        return
    name, version = reference.split("@")
    known = file.resource(item)
    if known is None or known.name != name:
        near = next((one for one in file.template.library.names if one.lower() == reference.lower()), "")
        file.report(item.reference, f"{name}: no type of that name was taken from Microsoft {near}".rstrip())
        judge.infer(item.body, names)
        return
    if known.version != version:
        file.report(item.reference, f"{name}: version {version} was not checked, {known.version} was")
    check_parent(file, item, known)
    check_resource_scope(file, judge, item, known, names)
    special = tuple(prop for prop in item.body.properties if prop.key.constant in RESOURCE_ONLY)
    plain = tuple(prop for prop in item.body.properties if prop not in special)
    body, expected = Object(item.body.at, plain), known.body
    if item.existing:
        expected = Struct(known.body.name, {"name": Field(lambda: TEXT, required=True)})
        if item.loop is None and item.body.get("location"):
            file.report(item, "an existing resource has a name and perhaps a parent or scope, nothing else")
    judge.check_object(body, expected, item.name, names)


def check_parent(file: BicepFile, item: Declaration, known: Resource) -> None:
    """A child names its parent, and its type says the same."""
    parent = item.body.get("parent")
    segments = known.name.count("/")
    name = item.body.get("name")
    if parent is None:
        if segments > 1 and not (
            isinstance(name, Text) and "/" in "".join(p for p in name.parts if isinstance(p, str))
        ):
            file.report(item, f"{item.name}: parent is missing, a {known.name} is part of something")
        elif segments > 1:
            file.report(name, f"{item.name}: use parent instead of a name with slashes")
        if segments == 1 and isinstance(name, Text) and "/" in (name.constant or ""):
            file.report(name, f"{item.name}: a name with a slash needs a type with as many")
        return
    target = file.symbols.get(thing(parent))
    if target is None or target.kind != "resource":
        file.report(parent, f"{item.name}: parent is no resource of this file")
        return
    file.used.add(target.name)
    if isinstance(parent, Index) != (target.loop is not None):
        file.report(parent, f"{item.name}: parent is {'a loop: give an index' if target.loop else 'no loop'}")
    outer = (target.reference.constant or "").split("@")[0]
    if known.name.rsplit("/", 1)[0].lower() != outer.lower():
        file.report(parent, f"{item.name}: a {known.name} cannot be part of a {outer}")
    if isinstance(name, Text) and "/" in (name.constant or ""):
        file.report(name, f"{item.name}: with a parent, the name has no slash")


def check_resource_scope(file: BicepFile, judge: Judge, item: Declaration, known: Resource, names: Locals) -> None:
    scope = item.body.get("scope")
    permitted = {one[0].lower() + one[1:] for one in known.scopes}
    if scope is None:
        if file.scope not in permitted and not item.existing and item.body.get("parent") is None:
            file.report(
                item, f"{known.name} cannot be deployed to a {file.scope}, only to {', '.join(sorted(permitted))}"
            )
        return
    judge.infer(scope, names)
    if target := file.symbols.get(thing(scope)):
        if target.kind != "resource":
            file.report(scope, f"{item.name}: scope is no resource")
        elif "extension" not in permitted:
            file.report(scope, f"{item.name}: a {known.name} cannot be put on another resource")
    elif isinstance(scope, Call) and scope.function in SCOPE_CALLS:
        if SCOPE_CALLS[scope.function] not in permitted:
            file.report(scope, f"{item.name}: a {known.name} cannot be deployed to a {scope.function}")
        elif not item.existing and SCOPE_CALLS[scope.function] != file.scope:
            file.report(scope, f"{item.name}: another scope than the file's needs a module")
    else:
        file.report(scope, f"{item.name}: scope has to be a resource, or a call such as resourceGroup()")


def check_module(file: BicepFile, judge: Judge, item: Declaration, names: Locals) -> None:
    reference = item.reference.constant
    module = file.module(item)
    if module is None or module.is_parameters:
        file.report(item.reference, f"{item.name}: there is no file {reference}")
        judge.infer(item.body, names)
        return
    if module is file:
        file.report(item.reference, f"{item.name}: a file cannot be its own module")
        return
    for prop in item.body.properties:
        if prop.key.constant not in MODULE:
            file.report(prop, f"{item.name}: a module has {', '.join(MODULE)}, not {prop.key.constant}")
    name, params = item.body.get("name"), item.body.get("params")
    if name is None:
        file.report(item, f"{item.name}: name is missing")
    else:
        judge.check(name, TEXT, f"{item.name}.name", names)
    if isinstance(params, Object):
        judge.check_object(params, module.parameters, item.name, names)
    elif params is not None:
        judge.check(params, module.parameters, item.name, names)
    elif missing := [key for key, value in module.parameters.fields.items() if value.required]:
        file.report(item, f"{item.name}: params with {', '.join(missing)} are missing")
    check_module_scope(file, judge, item, module, names)


def check_module_scope(file: BicepFile, judge: Judge, item: Declaration, module: BicepFile, names: Locals) -> None:
    scope = item.body.get("scope")
    target = file.scope
    if scope is not None:
        judge.infer(scope, names)
        if isinstance(scope, Call) and scope.function in SCOPE_CALLS:
            target = SCOPE_CALLS[scope.function]
        elif isinstance(scope, Name) and (found := file.symbols.get(scope.name)) and found.kind == "resource":
            kind = (found.reference.constant or "").split("@")[0]
            target = {"Microsoft.Resources/resourceGroups": "resourceGroup"}.get(kind, kind)
        else:
            file.report(scope, f"{item.name}: scope has to be a resource group, or a call such as resourceGroup()")
            return
    if target != module.scope:
        file.report(scope or item, f"{item.name}: {module.path.name} is for a {module.scope}, not for a {target}")


def check_depends(file: BicepFile, judge: Judge, item: Declaration, names: Locals) -> None:
    """What is named in `dependsOn` is there, and is not used in the body anyway."""
    listed = item.body.get("dependsOn")
    if listed is None:
        return
    if not isinstance(listed, Array):
        judge.check(listed, List(ANY), f"{item.name}.dependsOn", names)
        return
    rest = [prop for prop in item.body.properties if prop.key.constant != "dependsOn"]
    used = {name.name for prop in rest for name in names_in(prop)}
    for node in listed.items:
        target = file.symbols.get(thing(node))
        if target is None or target.kind not in ("resource", "module"):
            file.report(node, f"{item.name}: dependsOn takes resources and modules")
            continue
        file.used.add(target.name)
        if target is item:
            file.report(node, f"{item.name} depends on itself")
        elif target.name in used:
            file.report(node, f"{item.name}: dependsOn {target.name} is there already, by its use")
