"""Calls: whether a function exists, takes these arguments, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fitting import from_data
from .functions import FUNCTIONS, KINDS, ONLY_IN_PARAMETER_FILES, PLACES, RESULTS
from .tree import Call, Lambda, Name, Node, thing
from .types import ANY, INT, TEXT, Choice, List, Type

if TYPE_CHECKING:
    from .judge import Judge, Locals

LOADS = {"loadJsonContent", "loadYamlContent", "loadTextContent"}


def infer_call(judge: Judge, node: Call, names: Locals) -> Type:
    if node.owner is not None and not (isinstance(node.owner, Name) and node.owner.name in ("az", "sys")):
        return infer_method(judge, node, names)
    kinds = [judge.infer(argument, names) for argument in node.arguments]
    if node.function in PLACES:
        fewest, most, result = PLACES[node.function]
        count(judge, node, fewest, most)
        return result
    function = FUNCTIONS.get(node.function)
    if function is None:
        if not node.function.startswith("list"):
            judge.report(node, f"there is no function {node.function}")
        return ANY
    if node.function in ONLY_IN_PARAMETER_FILES and not judge.file.is_parameters:
        judge.report(node, f"{node.function} is for parameter files only")
    count(judge, node, function.fewest, function.most)
    for position, (argument, kind) in enumerate(zip(node.arguments, kinds, strict=True)):
        check_argument(judge, node, argument, kind, function.kind(position) if function.kinds else "x")
    if node.function in LOADS:
        data = judge.file.data(node)
        return ANY if data is None else TEXT if isinstance(data, str) else from_data(data)
    if node.function in ("map", "range", "split", "objectKeys"):
        inner = {"map": kinds[1] if len(kinds) > 1 else ANY, "range": INT}.get(node.function, TEXT)
        return List(inner)
    return (kinds[0] if kinds else ANY) if function.result == "1" else RESULTS[function.result]


def count(judge: Judge, node: Call, fewest: int, most: int | None) -> None:
    given = len(node.arguments)
    if given < fewest or (most is not None and given > most):
        wanted = f"{fewest}" if fewest == most else f"{fewest} to {most if most is not None else 'any number'}"
        judge.report(node, f"{node.function} takes {wanted} arguments, {given} given")


def check_argument(judge: Judge, node: Call, argument: Node, kind: Type, letters: str) -> None:
    if isinstance(argument, Lambda) != (letters == "f"):
        if letters != "x":
            judge.report(argument, f"{node.function}: {'a function' if letters == 'f' else 'a value'} expected here")
        return
    if letters in ("x", "f") or type(kind) is Type:
        return
    wanted = {KINDS[letter] for letter in letters}
    given = {option.label for option in kind.options} if isinstance(kind, Choice) else {kind.label}
    given -= {"null"} | ({"any"} if isinstance(kind, Choice) else set())
    if not given <= wanted:
        judge.report(
            argument, f"{node.function}: {' | '.join(sorted(given))} given, {' or '.join(sorted(wanted))} expected"
        )


def infer_method(judge: Judge, node: Call, names: Locals) -> Type:
    judge.infer(node.owner, names)
    for argument in node.arguments:
        judge.infer(argument, names)
    item = judge.file.symbols.get(thing(node.owner))
    is_resource = item is not None and item.kind == "resource"
    if not is_resource or not (node.function.startswith("list") or node.function == "getSecret"):
        judge.report(node, f"there is no method {node.function} here")
    return ANY
