"""Find what is wrong with a folder of Azure Pipelines, as far as it can be seen without running them.

Each pipeline is expanded with every choice of its parameters, on each kind of branch; what is found is one line each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines import jobs, known, scripts
from pipelines.expansion import EXPRESSION, Expander, PipelineError, load
from pipelines.expressions import FUNCTIONS, ExpressionError, below, parse, unknown

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))  # minute, hour, day, month, weekday
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
        read |= below(tree, "parameters")
        yield from unknown(tree, {"parameters", "variables", *loops}, set(FUNCTIONS))
    yield from (f"parameter {name} is not declared" for name in sorted(read - declared))
    yield from (f"parameter {name} is never read" for name in sorted(declared - read))
    for script in scripts.of(document):
        yield from scripts.injections(script)
    if _SECRET.search(text):
        yield "holds what looks like a secret"


def _document(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("trigger", "pr"):
        if key not in document:
            yield f"{key} is missing: then every branch starts it"
    rules = [rule for key in ("trigger", "pr") if (rule := document.get(key, "none")) != "none"]
    for rule in [*rules, *document.get("schedules", [])]:
        branches = rule.get("branches", {}).get("include", []) if isinstance(rule, dict) else []
        if not branches:
            yield "a rule that starts it names no branches"
        for branch in branches:
            if branch not in known.ENVIRONMENTS.values():
                yield f"branch {branch} is none of {', '.join(known.ENVIRONMENTS.values())}"
    for schedule in document.get("schedules", []):
        if wrong := _cron_problem(schedule.get("cron", "")):
            yield wrong
    if document.get("pool", {}).get("vmImage") not in known.IMAGES:
        yield f"pool {document.get('pool')} is none of {', '.join(known.IMAGES)}"
    variables = {item["name"] for item in document.get("variables", [])} | known.PREDEFINED
    yield from jobs.problems(document, variables)


def _cron_problem(cron: str) -> str:
    """Return what is wrong with a date of a schedule; only numbers and stars are used here."""
    fields = cron.split()
    if len(fields) != len(_CRON):
        return f"cron {cron!r} has {len(fields)} fields, not {len(_CRON)}"
    for field, (low, high) in zip(fields, _CRON, strict=True):
        if field != "*" and not (field.isdigit() and low <= int(field) <= high):
            return f"cron {cron!r}: {field} is not between {low} and {high}"
    return ""
