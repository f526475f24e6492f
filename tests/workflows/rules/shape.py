"""How a workflow has to look: time limits, one run at a time, one shell, sensible schedules, known runners."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath

from workflows.rules.reading import Job, Repository, triggers

RUNNERS = {"ubuntu-latest", "macos-latest", "windows-latest"}
BRANCHES = {"dev", "main"}
RESULTS = {"success": True, "failure": False, "cancelled": False}  # which are good; whether `skipped` is differs
TRAINED_ON = ("src/science/train.py", "pipelines/train.yml", "data/schema.yml", "project.yml", "pyproject.toml")
LONGEST = 360  # minutes that GitHub gives a job
EVENTS = {"push", "pull_request", "schedule", "workflow_dispatch", "workflow_call"}
WORKFLOW_KEYS = {"name", "on", "permissions", "concurrency", "defaults", "jobs", "env", "run-name"}


def limits(repository: Repository) -> Iterator[str]:
    """Yield jobs without a sensible time limit, on unknown runners, or that may fail unseen."""
    for job in repository.jobs:
        if job.calls:
            continue
        minutes = job.body.get("timeout-minutes")
        if not isinstance(minutes, int) or not 0 < minutes < LONGEST:
            yield f"{job.where}: timeout-minutes must be a number below {LONGEST}"
        runner = job.body.get("runs-on")
        if str(runner) not in RUNNERS and not str(runner).startswith("${{ matrix."):
            yield f"{job.where}: runs-on {runner}"
    for job in repository.jobs:
        for body in (job.body, *(job.body.get("steps") or [])):
            if body.get("continue-on-error"):
                yield f"{job.where}: continue-on-error hides a failure"
    for step in repository.steps:
        if re.search(r"\|\|\s*(true|:|exit 0)\s*($|[;\n)])", step.script) or re.search(r"\bset \+e\b", step.script):
            yield f"{step.where}: hides a failure"
        if not step.uses and not step.script.strip():
            yield f"{step.where}: does nothing"


def one_at_a_time(repository: Repository) -> Iterator[str]:
    """Yield workflows that may run twice at the same time, and deployments that may be cut off."""
    for file, workflow in repository.workflows.items():
        group = workflow.get("concurrency")
        if not isinstance(group, dict) or not group.get("group"):
            yield f"{file}: has no concurrency group"
            continue
        reaches = any(job.body.get("environment") for job in repository.jobs if job.file == file)
        if reaches and group.get("cancel-in-progress") is not False:
            yield f"{file}: a newer run must not cut off one that changes Azure"
        if {"push", "schedule"} & set(triggers(workflow)) and group.get("cancel-in-progress") is True:
            yield f"{file}: a push would cut off the check of the one before"
        if len(triggers(workflow)) > 1 and "github.ref" not in group["group"] and "schedule" not in triggers(workflow):
            yield f"{file}: branches would wait for each other: name github.ref in the group"
    groups: dict[str, set[str]] = {}
    for job in repository.jobs:
        group = job.body.get("concurrency")
        if isinstance(group, dict):
            if not group.get("group", "").endswith(f"-{job.body.get('environment')}"):
                yield f"{job.where}: one at a time in each environment: name it in the group"
            groups.setdefault(re.sub(r"\$\{\{.*?\}\}", "*", group.get("group", "")), set()).add(job.file)
            if "rollback" not in job.name and group.get("cancel-in-progress") is not False:
                yield f"{job.where}: must not be cut off"
            if group.get("cancel-in-progress") is True and not _agreed(repository, job):
                yield f"{job.where}: cuts off another before the reviewer agreed: a job before it asks"
    live = {job.file for job in repository.jobs if re.search(r"tdsp (deploy|rollback)\b", str(job.body))}
    if live and groups.get("live-*") != live:
        yield f"{', '.join(sorted(live))}: whatever moves traffic belongs to one group, live-*"


def _agreed(repository: Repository, job: Job) -> bool:
    """Tell whether a job in the same environment, and in no group, comes before."""
    return any(
        other.body.get("environment") == job.body.get("environment") and "concurrency" not in other.body
        for other in repository.jobs
        if other.file == job.file and other.name in job.needs
    )


def shells(repository: Repository) -> Iterator[str]:
    """Yield workflows whose scripts would go on after a failure in a pipe."""
    for file, workflow in repository.workflows.items():
        shell = ((workflow.get("defaults") or {}).get("run") or {}).get("shell")
        if shell != "bash" and any(
            "|" in step.script for step in repository.steps if step.where.startswith(f"{file}:")
        ):
            yield f"{file}: defaults.run.shell must be bash: only then does a failure before a pipe count"
        for key in set(workflow) - WORKFLOW_KEYS:
            yield f"{file}: what is {key}?"


def starts(repository: Repository) -> Iterator[str]:
    """Yield triggers that never fire, or not as meant."""
    for file, workflow in repository.workflows.items():
        found = triggers(workflow)
        if not found:
            yield f"{file}: nothing starts it"
        for event, options in found.items():
            if event not in EVENTS:
                yield f"{file}: starts at {event}"
            for key in ("branches", "branches-ignore"):
                named = (options or {}).get(key, []) if isinstance(options, dict) else []
                for branch in set(named) - BRANCHES:
                    yield f"{file}: there is no branch {branch}"
            if event == "push" and not (isinstance(options, dict) and (options.get("branches") or options.get("tags"))):
                yield f"{file}: a push to any branch starts it"
            for key in ("paths", "paths-ignore"):
                for pattern in (options or {}).get(key, []) if isinstance(options, dict) else []:
                    if not _matches(repository, pattern):
                        yield f"{file}: no file matches {pattern}"
                    if key == "paths-ignore" and any(_fits(pattern, name) for name in TRAINED_ON):
                        yield f"{file}: a change in {pattern} starts nothing"
        for line in found.get("schedule") or []:
            minute, hour, *_ = (*str(line.get("cron", "")).split(), "", "")
            if not (minute.isdigit() and hour.isdigit()):
                yield f"{file}: cron {line.get('cron')!r} runs more than once a day"
            elif minute == "0":
                yield f"{file}: cron {line['cron']!r}: at the full hour GitHub is late or skips it"


def _fits(pattern: str, name: str) -> bool:
    return PurePosixPath(name).match(pattern.replace("/**", "/*")) or f"{name}/".startswith(pattern.removesuffix("**"))


def _matches(repository: Repository, pattern: str) -> bool:
    if pattern.startswith("infra/") and not (repository.root / "infra").exists():
        return True  # a repository without that folder, such as the template's own
    plain = pattern.removesuffix("/**").replace("**", "*")
    files = (path.relative_to(repository.root) for path in repository.root.rglob("*"))
    return any(path.as_posix() == plain or PurePosixPath(path).match(plain) for path in files)


def complete(repository: Repository) -> Iterator[str]:
    """Yield gates that do not wait for every job beside them, or let a failure through."""
    for job in repository.jobs:
        if job.name != "passed":
            continue
        others = {other.name for other in repository.jobs if other.file == job.file} - {"passed"}
        if missing := others - set(job.needs):
            yield f"{job.where}: does not wait for {', '.join(sorted(missing))}"
        if "always()" not in str(job.body.get("if")):
            yield f"{job.where}: is skipped, and so passes, when a job fails"
        scripts = [
            (step.script, name)
            for step in job.steps
            for name, value in (step.body.get("env") or {}).items()
            if "needs.*.result" in str(value)
        ]
        if not scripts:
            yield f"{job.where}: does not look at the results"
        for script, name in scripts:
            for result, good in RESULTS.items():
                variables = {"PATH": os.environ["PATH"], name: f"success {result} success"}
                done = subprocess.run(["bash", "-e", "-c", script], env=variables, capture_output=True)
                if (done.returncode == 0) is not good:
                    yield f"{job.where}: a job that ends with {result} {'stops' if good else 'passes'}"


RULES = (limits, one_at_a_time, shells, starts, complete)
