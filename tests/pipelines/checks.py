"""Find what is wrong with a folder of Azure Pipelines, as far as it can be seen without running them.

Each pipeline is expanded with every choice of its parameters, on each kind of branch; what is found is one line each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines import known, scripts
from pipelines.expansion import EXPRESSION, Expander, PipelineError, load
from pipelines.expressions import FUNCTIONS, STATUS, ExpressionError, Node, parse, walk

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_MACRO = re.compile(r"\$\(([\w.]+)\)")
_SECRET = re.compile(r"(?i)(password|passwd|secret|key|token)\w*[\"']?\s*[:=]\s*[\"']?(?=[\w+/~.-]*\d)[\w+/~.-]{16,}")


def problems(folder: Path) -> list[str]:
    """Return one line for each problem in the pipelines of a folder."""
    found: list[str] = []
    used: set[str] = set()
    for path in sorted(folder.rglob("*.yml")):
        found += [f"{path.relative_to(folder).as_posix()}: {line}" for line in _source(path)]
    for path in sorted(folder.glob("*.yml")):
        used.add(path.name)
        try:
            declared = load(path.read_text(encoding="utf-8")).get("parameters", [])
            for values, branch in itertools.product(choices(declared), known.BRANCHES):
                expander = Expander(folder)
                document = expander.pipeline(path.name, values, {"Build.SourceBranch": branch})
                used |= expander.used
                found += [f"{path.name}: {line}" for line in _document(document)]
        except PipelineError as error:
            found.append(f"{path.name}: {error}")
    every = {path.relative_to(folder).as_posix() for path in folder.rglob("*.yml")}
    found += [f"{name}: no pipeline uses it" for name in sorted(every - used)]
    return list(dict.fromkeys(found))


def choices(declared: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield every combination of the values that a pipeline's parameters may have."""
    names = [item["name"] for item in declared]
    values = [
        item.get("values") or (["true", "false"] if item.get("type") == "boolean" else [item.get("default", "x")])
        for item in declared
    ]
    for combination in itertools.product(*values):
        yield dict(zip(names, combination, strict=True))


def _source(path: Path) -> Iterator[str]:
    """Look at one file as it was written, also at branches that no pipeline takes."""
    text = path.read_text(encoding="utf-8")
    try:
        document = load(text)
    except PipelineError as error:
        yield str(error)
        return
    declared = {item["name"] for item in document.get("parameters", [])}
    loops = set(re.findall(r"\beach\s+(\w+)\s+in\b", text))
    read: set[str] = set()
    for match in EXPRESSION.finditer(text):
        inside = re.sub(r"^\s*(if|elseif|each\s+\w+\s+in)\b|^\s*(else|insert)\s*$", "", match[1])
        if not inside.strip():
            continue
        try:
            tree = parse(inside)
        except ExpressionError as error:
            yield str(error)
            continue
        read |= _below(tree, "parameters")
        yield from _unknown(tree, {"parameters", "variables", *loops}, set(FUNCTIONS))
    yield from (f"parameter {name} is not declared" for name in sorted(read - declared))
    yield from (f"parameter {name} is never read" for name in sorted(declared - read))
    for script in scripts.of(document):
        yield from scripts.injections(script)
    if _SECRET.search(text):
        yield "holds what looks like a secret"


def _unknown(tree: Node, names: set[str], functions: set[str]) -> Iterator[str]:
    for node in walk(tree):
        if node.kind == "name" and node.value not in names:
            yield f"{node.value}: there is no such thing here"
        if node.kind == "call" and node.value not in functions:
            yield f"{node.value}(): there is no such function here"


def _below(tree: Node, name: str) -> set[str]:
    """Return what is read of a name: `parameters.x` and `variables['x']` give x."""
    return {
        str(node.parts[1].value)
        for node in walk(tree)
        if node.kind == "index" and node.parts[0] == Node("name", name) and node.parts[1].kind == "literal"
    }


def _document(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("trigger", "pr"):
        if key not in document:
            yield f"{key} is missing: then every branch starts it"
    rules = [document.get(key, "none") for key in ("trigger", "pr")] + document.get("schedules", [])
    for rule in rules:
        for branch in [] if isinstance(rule, str) else rule["branches"]["include"]:
            if branch not in known.ENVIRONMENTS.values():
                yield f"branch {branch} is none of {', '.join(known.ENVIRONMENTS.values())}"
    if document.get("pool", {}).get("vmImage") not in known.IMAGES:
        yield f"pool {document.get('pool')} is none of {', '.join(known.IMAGES)}"
    variables = {item["name"] for item in document.get("variables", [])} | known.PREDEFINED
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


def steps_of(job: Mapping[str, Any]) -> list[Any]:
    """Return the steps of a job, of either kind."""
    if "deployment" not in job:
        return job.get("steps", [])
    return job.get("strategy", {}).get("runOnce", {}).get("deploy", {}).get("steps", [])


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
    yield from (f"condition: {line}" for line in _unknown(tree, names, {*FUNCTIONS, *STATUS}))
    yield from (f"condition: no variable {name}" for name in sorted(_below(tree, "variables") - variables))
    for job in sorted(_below(tree, "dependencies")):
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
        elif environment not in environments and "what-if" not in scripts.text(step):
            yield f"{connection} is used in a stage without the environment {environment}: nobody is asked"
