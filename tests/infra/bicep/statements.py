"""Each declaration of a file: its name, its decorators, whether it is used, what it may refer to."""

from __future__ import annotations

from .files import BicepFile
from .fitting import misfit
from .functions import ONLY_IN_DEFAULTS
from .judge import Judge
from .tree import Call, Declaration, Node, Text, Value, names_in
from .types import Integer, List, Type

SCOPES = {"resourceGroup", "subscription", "managementGroup", "tenant"}
# Decorator -> fewest and most arguments, what it may stand before.
DECORATORS = {
    "description": (1, 1, {"param", "var", "resource", "module", "output", "type"}),
    "metadata": (1, 1, {"param", "output", "type"}),
    "allowed": (1, 1, {"param"}),
    "secure": (0, 0, {"param", "output", "type"}),
    "minLength": (1, 1, {"param", "output", "type"}),
    "maxLength": (1, 1, {"param", "output", "type"}),
    "minValue": (1, 1, {"param", "output", "type"}),
    "maxValue": (1, 1, {"param", "output", "type"}),
    "sealed": (0, 0, {"param", "output", "type"}),
    "export": (0, 0, {"var", "type"}),
    "batchSize": (1, 1, {"resource", "module"}),
    "onlyIfNotExists": (0, 0, {"resource"}),
}
SIZED = {"minLength", "maxLength"}
BOUNDED = {"minValue", "maxValue"}
MOST = {"param": 256, "var": 512, "output": 64}


def check_statements(file: BicepFile, judge: Judge) -> None:
    """Report what is wrong with the declarations as such."""
    names: dict[str, set[str]] = {}
    for item in file.statements:
        if item.name:
            room = "output" if item.kind == "output" else "symbol"
            if item.name in names.setdefault(room, set()):
                file.report(item, f"{item.name} is declared twice")
            names[room].add(item.name)
        for decorator in item.decorators:
            check_decorator(file, judge, item, decorator)
    for kind, most in MOST.items():
        if len(file.of(kind)) > most:
            file.report(0, f"more than {most} of {kind}")
    for kind in ("targetScope", "using"):
        if len(file.of(kind)) > 1:
            file.report(file.of(kind)[1], f"{kind} is given twice")
    for item in file.of("targetScope"):
        if not isinstance(item.value, Text) or item.value.constant not in SCOPES:
            file.report(item, f"targetScope: one of {', '.join(sorted(SCOPES))} expected")
    for item in file.of("param"):
        check_parameter(file, judge, item)
    for item in file.of("var"):
        judge.symbol(item.name)
        only_in_defaults(file, item.value)
    for item in file.of("output"):
        check_output(file, judge, item)
    for item in file.of("type"):
        file.type(item.type)


def check_decorator(file: BicepFile, judge: Judge, item: Declaration, call: Call) -> None:
    known = DECORATORS.get(call.function)
    if known is None:
        file.report(call, f"there is no decorator {call.function}")
        return
    fewest, most, places = known
    if item.kind not in places:
        file.report(call, f"@{call.function} cannot stand before {item.kind}")
    if not fewest <= len(call.arguments) <= most:
        file.report(call, f"@{call.function} takes {most} arguments, {len(call.arguments)} given")
        return
    if call.function == "batchSize":
        if item.loop is None:
            file.report(call, "@batchSize is for loops")
        if not _at_least(call, 1):
            file.report(call, "@batchSize takes a number from 1")
    if call.function in SIZED | BOUNDED:
        low = 0 if call.function in SIZED else -(2**63)
        if not _at_least(call, low):
            file.report(call, f"@{call.function} takes a whole number")
    if call.function == "description" and not isinstance(call.arguments[0], Text):
        file.report(call, "@description takes a text")
    if item.type is not None:
        check_limit(file, judge, item, call)


def check_limit(file: BicepFile, judge: Judge, item: Declaration, call: Call) -> None:
    """A limit has to make sense for the type that it limits."""
    kind = file.type(item.type)
    if call.function in SIZED and kind.label not in ("string", "array") and not _is_choice_of(kind, "string"):
        file.report(call, f"@{call.function} is for string and array, not for {kind.label}")
    if call.function in BOUNDED and not isinstance(kind, Integer):
        file.report(call, f"@{call.function} is for int, not for {kind.label}")
    if call.function == "secure" and kind.label not in ("string", "object"):
        file.report(call, f"@secure is for string and object, not for {kind.label}")
    if call.function == "allowed":
        values = list(call.arguments[0].children())
        if not values:
            file.report(call, "@allowed names no value")
        for value in values:
            if problem := misfit(judge.infer(value, {}), kind.item if isinstance(kind, List) else kind):
                file.report(value, f"@allowed: {problem}")


def _is_choice_of(kind: Type, label: str) -> bool:
    return all(option.label in (label, "null") for option in getattr(kind, "options", (kind,)))


def _at_least(call: Call, low: int) -> bool:
    value = call.arguments[0].value if isinstance(call.arguments[0], Value) else None
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def check_parameter(file: BicepFile, judge: Judge, item: Declaration) -> None:
    if file.is_parameters:
        return
    if item.type is None:
        file.report(item, f"param {item.name} has no type")
        return
    kind = file.declared(item)
    low, high = (item.decorator(name) for name in ("minLength", "maxLength"))
    if isinstance(kind, Integer):
        low, high = (item.decorator(name) for name in ("minValue", "maxValue"))
    if low and high and low.arguments and high.arguments:
        values = [getattr(call.arguments[0], "value", None) for call in (low, high)]
        if all(isinstance(value, int) for value in values) and values[0] > values[1]:
            file.report(low, f"the lower limit of {item.name} is above the upper one")
    if item.value is None:
        return
    judge.check(item.value, kind, f"default of {item.name}", {})
    for name in names_in(item.value):
        if name.name in file.symbols and file.symbols[name.name].kind != "param":
            file.report(name, f"default of {item.name}: only other parameters may be used here")


def check_output(file: BicepFile, judge: Judge, item: Declaration) -> None:
    if item.type is None or item.value is None:
        file.report(item, f"output {item.name} needs a type and a value")
        return
    judge.check(item.value, file.declared(item), f"output {item.name}", {})
    only_in_defaults(file, item.value)


def only_in_defaults(file: BicepFile, value: Node | None) -> None:
    """Some functions give another value each time, and are for defaults of parameters only."""
    for node in value.all() if value else ():
        if isinstance(node, Call) and node.function in ONLY_IN_DEFAULTS and not file.is_parameters:
            file.report(node, f"{node.function} is for defaults of parameters only")


def check_use(file: BicepFile) -> None:
    """Report what is declared and never used."""
    for item in [*file.of("param", "var", "type"), *(found for found in file.of("resource") if found.existing)]:
        if (
            item.name not in file.used
            and not (file.is_parameters and item.kind == "param")
            and not item.decorator("export")
        ):
            file.report(item, f"{item.name} is never used")
