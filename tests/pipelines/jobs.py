"""Look at the stages, jobs and steps of an expanded pipeline: names, order, conditions, tasks, who is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines import known, scripts
from pipelines.expressions import FUNCTIONS, STATUS, ExpressionError, below, parse, unknown, walk

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_MACRO = re.compile(r"\$\(([\w.]+)\)")


def problems(document: Mapping[str, Any], variables: set[str]) -> Iterator[str]:
    """Return one line for each problem in the stages of a pipeline that has these variables."""
    stages = document.get("stages", [])
    yield from _graph(stages, "stage", [stage.get("stage", "") for stage in stages], first=True)
    for stage in stages:
        yield from _condition(stage, {}, variables)
        yield from _stage(stage, variables)


def _graph(things: list[Any], kind: str, names: list[str], first: bool = False) -> Iterator[str]:
    """Look at names and dependencies; with `first`, a thing depends on the one before it unless it says otherwise."""
    for place, (thing, name) in enumerate(zip(things, names, strict=True)):
        if not _IDENTIFIER.fullmatch(name):
            yield f"{kind} {name!r}: not a name"
        if names.count(name) > 1:
            yield f"{kind} {name} is there twice"
        default = names[place - 1 : place] if first and place else []
        for need in _needs(thing, default):
            if need not in names[:place]:
                yield f"{kind} {name}: depends on {need}, which is not before it"


def _needs(thing: Mapping[str, Any], default: list[str]) -> list[str]:
    value = thing.get("dependsOn", default)
    return [value] if isinstance(value, str) and value else list(value)


def _stage(stage: Mapping[str, Any], variables: set[str]) -> Iterator[str]:
    jobs = stage.get("jobs", [])
    names = [job.get("job") or job.get("deployment", "") for job in jobs]
    yield from _graph(jobs, "job", names)
    told = {name: set(_outputs(job, name)) for job, name in zip(jobs, names, strict=True)}
    environments = {job["environment"] for job in jobs if "environment" in job}
    for job, name in zip(jobs, names, strict=True):
        where = f"job {name}"
        minutes = job.get("timeoutInMinutes", "0")
        if not 0 < int(minutes) <= known.HOURS * 60:
            yield f"{where}: timeoutInMinutes is {minutes}, not 1 to {known.HOURS * 60}"
        if "deployment" in job and job.get("environment") not in known.ENVIRONMENTS:
            yield f"{where}: environment {job.get('environment')} is none of {', '.join(known.ENVIRONMENTS)}"
        yield from (
            f"{where}: {line}"
            for line in _condition(job, {need: told.get(need, set()) for need in _needs(job, [])}, variables)
        )
        yield from (f"{where}: {line}" for line in _steps(steps_of(job), variables, environments))
        yield from (f"{where}: {line}" for line in _order(job))


def steps_of(job: Mapping[str, Any]) -> list[Any]:
    """Return the steps of a job, of either kind."""
    if "deployment" not in job:
        return job.get("steps", [])
    return job.get("strategy", {}).get("runOnce", {}).get("deploy", {}).get("steps", [])


def _order(job: Mapping[str, Any]) -> Iterator[str]:
    """Look at what has to come first: the project before its scripts, its packages before what needs them."""
    steps = steps_of(job)
    here = "job" in job and not any("checkout" in step for step in steps)
    installed = False
    for step in steps:
        here = here or step.get("checkout") == "self"
        script, title = scripts.text(step), step.get("displayName", "a script")
        installed = installed or "uv sync" in script
        if script and not here:
            yield f"{title}: runs before the project is checked out"
        if "uv run" in script and not installed:
            yield f"{title}: runs before uv sync"


def _outputs(job: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what a job tells to others, as they have to ask for it."""
    prefix = f"{name}." if "deployment" in job else ""
    for step in steps_of(job):
        yield from (f"{prefix}{step['name']}.{value}" for value in scripts.told(scripts.text(step)) if "name" in step)


def _condition(thing: Mapping[str, Any], told: Mapping[str, set[str]], variables: set[str]) -> Iterator[str]:
    if "condition" not in thing:
        return
    try:
        tree = parse(thing["condition"])
    except ExpressionError as error:
        yield f"condition {error}"
        return
    names = {"variables", "dependencies"} if told else {"variables"}
    yield from (f"condition: {line}" for line in unknown(tree, names, {*FUNCTIONS, *STATUS}))
    yield from (f"condition: no variable {name}" for name in sorted(below(tree, "variables") - variables))
    for job in sorted(below(tree, "dependencies")):
        if job not in told:
            yield f"condition: {job} is not in dependsOn"
    for node in walk(tree):
        if node.kind != "index" or node.parts[0].kind != "index" or node.parts[0].parts[1].value != "outputs":
            continue
        job, value = str(node.parts[0].parts[0].parts[1].value), str(node.parts[1].value)
        if value not in told.get(job, set()):
            yield f"condition: job {job} tells no {value}"


def _steps(steps: list[Any], variables: set[str], environments: set[str]) -> Iterator[str]:
    names = [step["name"] for step in steps if "name" in step]
    for name in names:
        if names.count(name) > 1 or not _IDENTIFIER.fullmatch(name):
            yield f"step {name}: there twice, or not a name"
    if not steps:
        yield "has no steps"
    seen = set(variables)
    for step in steps:
        title = step.get("displayName") or step.get("task") or next(iter(step))
        yield from (f"{title}: {line}" for line in _condition(step, {}, seen))
        yield from (f"{title}: {line}" for line in _task(step, environments))
        yield from (f"{title}: {line}" for line in scripts.problems(step, variables))
        for text in (*step.get("env", {}).values(), *step.get("inputs", {}).values()):
            for macro in _MACRO.findall(text if text != scripts.text(step) else ""):
                if macro not in seen | known.SECRETS:
                    yield f"{title}: no variable {macro}"
        if "name" in step:
            seen |= {f"{step['name']}.{value}" for value in scripts.told(scripts.text(step))}
        if step.get("persistCredentials", "false") != "false":
            yield f"{title}: leaves its token on the machine"


def _task(step: Mapping[str, Any], environments: set[str]) -> Iterator[str]:
    task = step.get("task")
    if task is None:
        if not {"bash", "checkout", "publish"} & set(step):
            yield f"{next(iter(step))} is not a kind of step that is used here"
        return
    if task not in known.TASKS:
        yield f"{task} is none of {', '.join(known.TASKS)}"
        return
    needed, more = known.TASKS[task]
    given = set(step.get("inputs", {}))
    yield from (f"{task} has no input {name}" for name in sorted(given - needed - more))
    yield from (f"{task} needs the input {name}" for name in sorted(needed - given))
    if task.startswith("AzureCLI@"):
        connection = step.get("inputs", {}).get("azureSubscription")
        environment = known.CONNECTIONS.get(connection)
        if environment is None:
            yield f"service connection {connection} is none of {', '.join(known.CONNECTIONS)}"
        elif environment not in environments and not connection.endswith("-plan"):
            yield f"{connection} is used in a stage without the environment {environment}: nobody is asked"
