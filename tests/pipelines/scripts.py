"""The shell lines of pipelines: their form, what comes into them, and whether `tdsp` knows the commands."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import click
import typer
from pipelines import known

KEYS = ("bash", "inlineScript", "run", "script")  # under which a script stands
_SETS = re.compile(r"task\.setvariable variable=(\w+);isOutput=true\]")
_COMMAND = re.compile(r"\buv run (?:--group \w+ )?(?P<program>[\w-]+)(?P<rest>[^\n|;&)]*)")


def of(node: Any) -> Iterator[str]:
    """Yield every script below a node of a file, as it was written."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in KEYS and isinstance(value, str):
                yield value
            else:
                yield from of(value)
    elif isinstance(node, list):
        for item in node:
            yield from of(item)


def text(step: Mapping[str, Any]) -> str:
    """Return the script of a step, nothing if it has none."""
    return step.get("bash") or step.get("inputs", {}).get("inlineScript", "")


def injections(script: str) -> Iterator[str]:
    """Look for values that would be put into a script as text: whoever names a branch could write commands."""
    line = " ".join(script.split())[:60]
    if "${{" in script and not re.fullmatch(r"\s*\$\{\{\s*parameters\.run\s*\}\}\s*", script):
        yield f"script `{line}`: an expression in it; map it with env"
    for macro in re.findall(r"\$\(([A-Za-z][\w.]*)\)", script):
        yield f"script `{line}`: $({macro}) is put in as text; map it with env"


def told(script: str) -> set[str]:
    """Return the values that a script gives to later steps."""
    values = set(_SETS.findall(script))
    for command, names in known.TOLD.items():
        if f"tdsp {command}" in script:
            values |= names
    return values


def problems(step: Mapping[str, Any], variables: set[str]) -> Iterator[str]:
    """Look at the script of one step, which has these variables beside its own."""
    script = text(step)
    if not script:
        return
    lines = [line for line in script.strip().splitlines() if line.strip()]
    if len(lines) > 1 and not re.match(r"set -e\w*( -?o? ?pipefail)?", lines[0].strip()):
        yield "goes on after a line that failed: begin with set -euo pipefail"
    if wrong := shell_problem(script):
        yield wrong
    for word in re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", script):
        if word not in _variables(step, script) | variables:
            yield f"${word} comes from nowhere"
    for program, words in commands(script):
        if program not in known.PROGRAMS:
            yield f"uv run {program} is none of {', '.join(sorted(known.PROGRAMS))}"
        elif program == "tdsp" and (wrong := tdsp_problem(tuple(words))):
            yield f"tdsp {' '.join(words)}: {wrong}"


def _variables(step: Mapping[str, Any], script: str) -> set[str]:
    """Return the variables that a script has: its own, those that its step maps, and Azure Pipelines' own."""
    own = set(re.findall(r"\b([A-Z][A-Z0-9_]+)=", script))
    of_the_shell = {"PWD", "HOME", "PATH"}
    predefined = set(re.findall(r"\$\{?((?:BUILD|SYSTEM|AGENT)_[A-Z_]+)", script))
    return own | of_the_shell | predefined | set(step.get("env", {}))


@functools.cache
def shell_problem(script: str) -> str:
    """Return what bash says about a script, nothing if it can read it."""
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    return done.stderr.strip().splitlines()[0] if done.returncode else ""


def commands(script: str) -> list[tuple[str, list[str]]]:
    """Return what `uv run` starts in a script, with its arguments."""
    found = []
    for match in _COMMAND.finditer(script.replace("\\\n", " ")):
        rest = re.sub(r"\$\{(\w+):\+(.*?)\}", r"\2", match["rest"])  # an option that is there if a variable is
        found.append((match["program"], shlex.split(rest)))
    return found


@functools.cache
def tdsp_problem(words: tuple[str, ...]) -> str:
    """Return why `tdsp` would refuse a command line, nothing if it takes it."""
    from tdsp.cli import app

    command: Any = typer.main.get_command(app)
    context = click.Context(command, info_name="tdsp")
    rest = list(words)
    try:
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(context, rest)
            if isinstance(command, click.Group):
                context = click.Context(command, info_name=name, parent=context)
            else:
                command.make_context(name, rest, parent=context)
    except click.ClickException as error:
        return error.format_message()
    return ""
