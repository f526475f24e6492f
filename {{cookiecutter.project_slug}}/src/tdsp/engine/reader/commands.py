"""What a command may refer to."""

from __future__ import annotations

from tdsp.engine.plan import Output, Value
from tdsp.engine.problems import Problems
from tdsp.engine.reader import expressions
from tdsp.engine.reader.tree import Node
from tdsp.errors import did_you_mean


def examine(
    node: Node,
    command: str,
    inputs: dict[str, Value],
    outputs: dict[str, Output],
    searched: set[str],
    problems: Problems,
) -> None:
    """Note every expression of `command` that means nothing.

    And optional inputs that are not inside `$[[ ]]`.
    """
    component = node.component
    keys = (*component.keys, "command")
    groups = {
        "inputs": {*inputs, *(component.inputs or {}), *searched},
        "outputs": set(outputs),
        "search_space": searched,
    }

    def complain(message: str, category: str) -> None:
        problems.add(component.file, keys, message, category)

    for inside in dict.fromkeys(expressions.within(command)):
        group, _, name = inside.partition(".")
        if group not in groups:
            complain(
                f"${{{{{inside}}}}} means nothing in a command: use inputs.x or outputs.x",
                "command: unknown expression",
            )
        elif name not in groups[group]:
            word = {"inputs": "input", "outputs": "output"}.get(group, "searched value")
            complain(
                f"no {word} {name!r} is declared{did_you_mean(name, groups[group])}",
                f"command: undefined {word}",
            )
    for wrong in expressions.NEAR_MISS.findall(command):
        complain(f"{wrong!r} is plain text: an expression is ${{{{inputs.x}}}}", "command: malformed expression")
    outside = expressions.OPTIONAL.sub("", command)
    for inside in dict.fromkeys(expressions.within(outside)):
        group, _, name = inside.partition(".")
        port = (component.inputs or {}).get(name)
        if group == "inputs" and port is not None and port.optional and port.default is None:
            complain(f"optional input {name!r} must stand inside $[[ ]]", "optional outside $[[ ]]")
