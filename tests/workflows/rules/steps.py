"""The steps of a job: what each of them takes for granted must have come before it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from workflows.rules.flow import PROD
from workflows.rules.reading import Repository, triggers

IN_AZURE = re.compile(r"\btdsp (submit|deploy|rollback|status|promote|destroy|doctor)\b|\baz deployment\b")
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
LONGEST_KEPT = 90  # days
# What a change has to pass before it may be merged.
CHECKS = (
    "uv run ruff check",
    "uv run ruff format --check",
    "uv run mypy",
    "uv run tdsp notebooks",
    "uv run tdsp check",
    "uv run pytest",
    "uv run tdsp run",
    "uv run tdsp report --summary",
    "uv run detect-secrets-hook",
    "uv run --group workflows actionlint",
    "uv run --group workflows zizmor",
    "actions/dependency-review-action@",
)


def ready(repository: Repository) -> Iterator[str]:
    """Yield steps that need a checkout, the project's packages, a sign-in or a token that they do not have."""
    for job in repository.jobs:
        if not any(step.uses.startswith("./") for step in job.steps):
            continue  # a job without the project's own code
        done: set[str] = set()
        for step in job.steps:
            if step.uses.startswith("actions/checkout@"):
                done.add("checkout")
            if step.uses.startswith("./") and "checkout" not in done:
                yield f"{step.where}: the repository is not checked out yet"
            if step.uses.endswith("/setup"):
                done |= {"setup"} | ({"azure"} if (step.body.get("with") or {}).get("azure") is True else set())
            if step.uses.endswith("/sign-in"):
                if "setup" not in done:
                    yield f"{step.where}: signs in before uv is there"
                if "azure" not in done:
                    yield f"{step.where}: signs in without the packages that talk to Azure: setup with azure: true"
                done.add("sign-in")
            if re.search(r"\buv (run|sync)\b", step.script) and "setup" not in done:
                yield f"{step.where}: uv is not there yet"
            if IN_AZURE.search(step.script) and "sign-in" not in done:
                yield f"{step.where}: nobody has signed in yet"
            if re.search(r"--execute changed|\borigin/", step.script) and not _whole_history(job.steps):
                yield f"{step.where}: other branches and what changed take the whole history: fetch-depth 0"
    for step in repository.steps:
        environment = step.body.get("env") or {}
        if re.search(r"(^|[\s(!])gh (api|pr)\b", step.script) and "GH_TOKEN" not in environment:
            yield f"{step.where}: gh has no token"
        folder = step.body.get("working-directory", ".")
        if not (repository.root / str(folder)).is_dir():
            yield f"{step.where}: there is no folder {folder}"


def _whole_history(steps: list) -> bool:
    checkouts = [step.body.get("with") or {} for step in steps if step.uses.startswith("actions/checkout@")]
    return any(given.get("fetch-depth") == 0 for given in checkouts)


def values(repository: Repository) -> Iterator[str]:
    """Yield values in the wrong place: a tenant for a client, an id in the text, an environment from nowhere."""
    for file, text in repository.texts.items():
        for found in ID.findall(text):
            yield f"{file}: {found} belongs in project.yml or in a variable"
    bodies = [(step.where, step.body) for step in repository.steps] + [(job.where, job.body) for job in repository.jobs]
    for where, body in bodies:
        for name, value in (body.get("env") or {}).items():
            if name == "AZURE_TOKEN_CREDENTIALS" and value != "AzureCliCredential":
                yield f"{where}: nobody is signed in but the Azure CLI"
            if name == "TDSP_ENV" and not re.search(r"\.environment\b", _plain(value)) and PROD not in _plain(value):
                yield f"{where}: TDSP_ENV must be the environment"
        for name, value in (body.get("with") or {}).items():
            for kind in ("client-id", "tenant-id", "subscription-id"):
                word = kind.removesuffix("-id")
                if name == kind and "${{" in str(value) and word not in str(value).lower():
                    yield f"{where}: {kind} is given something else: {value}"
            if name == "retention-days" and not (isinstance(value, int) and 0 < value <= LONGEST_KEPT):
                yield f"{where}: artifacts are kept for at most {LONGEST_KEPT} days"


def _plain(value: object) -> str:
    return (
        str(value)
        .replace("inputs.environment || ", "")
        .replace("(github.base_ref || github.ref_name)", "github.ref_name")
    )


def files(repository: Repository) -> Iterator[str]:
    """Yield files that are handed on though nothing makes them."""
    for job in repository.jobs:
        scripts = "\n".join(step.script for step in job.steps)
        for step in job.steps:
            if not step.uses.startswith("actions/upload-artifact@"):
                continue
            for path in str((step.body.get("with") or {}).get("path", "")).split():
                if path not in scripts and not (repository.root / path).exists():
                    yield f"{step.where}: nothing makes {path}"
        given = job.body.get("with") or {}
        if job.calls.endswith("/comment.yml"):
            named = [step for other in repository.jobs if other.file == job.file for step in other.steps]
            paths = " ".join(
                str((step.body.get("with") or {}).get("path"))
                for step in named
                if (step.body.get("with") or {}).get("name") == given.get("artifact")
            )
            if str(given.get("file")) not in paths.split():
                yield f"{job.where}: the artifact {given.get('artifact')} has no {given.get('file')}"


def groups(repository: Repository) -> Iterator[str]:
    """Yield concurrency groups that two workflows share: one that calls the other would wait for itself."""
    seen: dict[str, str] = {}
    for file, workflow in repository.workflows.items():
        group = str((workflow.get("concurrency") or {}).get("group"))
        if "github.workflow" in group and "workflow_call" not in triggers(workflow):
            continue  # its own name is in it; one that is called would have its caller's there
        if group in seen:
            yield f"{file}: has the concurrency group of {seen[group]}"
        seen[group] = file


def checks(repository: Repository) -> Iterator[str]:
    """Yield what a pull request has to pass and that `ci` of a generated project does not ask."""
    if not (repository.root / "project.yml").exists() or "ci.yml" not in repository.workflows:
        return
    text = yaml.safe_dump(repository.workflows["ci.yml"], width=10_000)
    for command in CHECKS:
        if command not in text:
            yield f"ci.yml: does not ask {command}"


RULES = (ready, values, files, groups, checks)
