"""A parameter file against the template that it is for."""

from __future__ import annotations

from .files import BicepFile
from .judge import Judge


def check_parameters(file: BicepFile, judge: Judge) -> None:
    """Report parameters that are missing, unknown or of a wrong type."""
    using = file.of("using")
    if not using:
        file.report(0, "there is no `using`")
        return
    target = file.module(using[0])
    if target is None or target.is_parameters:
        file.report(using[0], f"there is no file {using[0].reference.constant}")
        return
    for item in file.statements:
        if item.kind not in ("using", "param", "var", "type"):
            file.report(item, f"{item.kind} has no place in a parameter file")
    given = file.of("param")
    for item in given:
        known = target.parameters.fields.get(item.name)
        if item.type is not None or item.value is None:
            file.report(item, f"param {item.name}: a name, an equals sign and a value")
        elif known is None:
            file.report(item, f"{target.path.name} has no parameter {item.name}")
        else:
            judge.check(item.value, known.type, f"param {item.name}", {})
    for name, known in target.parameters.fields.items():
        if known.required and name not in {item.name for item in given}:
            file.report(0, f"param {name} of {target.path.name} has no default and is not given")
