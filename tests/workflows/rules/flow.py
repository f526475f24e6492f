"""What one step or job leaves for another: outputs, artifacts, environments, and the order that keeps prod safe."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from workflows.rules.reading import Job, Repository, triggers

# Values that a command gives to the next steps; see `tdsp.automation.tell`.
TOLD = {
    "connected": {"connected", "subscription", "group"},
    "data look": {"here"},
    "report": {"outcome"},
    "submit": {"job"},
}
OUTCOMES = {"registered", "unchanged", "refused", "failed"}
PROD = "github.ref_name == 'main' && 'prod' || 'dev'"


def step_outputs(repository: Repository) -> Iterator[str]:
    """Yield outputs of a script's step that nothing there writes, and references to steps that come later."""
    for owner, text, steps in _rooms(repository):
        given = {body["id"]: (place, _outputs(body)) for place, body in enumerate(steps) if body.get("id")}
        for identity, output in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", text):
            if identity not in given:
                yield f"{owner}: there is no step {identity}"
            elif given[identity][1] is not None and output not in given[identity][1]:
                yield f"{owner}: step {identity} has no output {output}"
        for place, body in enumerate(steps):
            for identity in re.findall(r"steps\.([\w-]+)\.", yaml.safe_dump(body)):
                if identity in given and given[identity][0] >= place:
                    yield f"{owner}: step {place + 1} reads step {identity}, which has not run yet"
        for identity, (_, outputs) in given.items():
            if outputs is not None and not re.search(rf"steps\.{identity}\.", text):
                yield f"{owner}: nobody reads step {identity}"


def _rooms(repository: Repository) -> Iterator[tuple[str, str, list[dict]]]:
    for job in repository.jobs:
        if job.body.get("steps"):
            yield job.where, yaml.safe_dump(job.body), job.body["steps"]
    for name, action in repository.composites.items():
        yield name, yaml.safe_dump(action), action["runs"]["steps"]


def _outputs(body: dict) -> set[str] | None:
    """Return what a script's step gives; None for an action's."""
    if body.get("uses"):
        return None
    script = body.get("run") or ""
    told = {name for command, names in TOLD.items() if re.search(rf"tdsp {command}\b", script) for name in names}
    if "tdsp report" in script and "--summary" not in script:
        told -= TOLD["report"]
    return told | set(re.findall(r"[\"']?\b([\w-]+)=[^\n]*>>\s*\"?\$\{?GITHUB_OUTPUT", script))


def needed_outputs(repository: Repository) -> Iterator[str]:
    """Yield outputs of other jobs that are read without waiting for the job, or that it does not have."""
    by_file: dict[str, dict[str, Job]] = {}
    for job in repository.jobs:
        by_file.setdefault(job.file, {})[job.name] = job
    for job in repository.jobs:
        for name, output in re.findall(r"needs\.([\w-]+)\.outputs\.([\w-]+)", yaml.safe_dump(job.body)):
            other = by_file[job.file].get(name)
            if name not in job.needs or other is None:
                yield f"{job.where}: reads job {name} and does not wait for it"
            elif not other.calls and output not in (other.body.get("outputs") or {}):
                yield f"{job.where}: job {name} has no output {output}"
        for word in re.findall(r"needs\.[\w-]+\.outputs\.outcome\s*==\s*'(\w+)'", yaml.safe_dump(job.body)):
            if word not in OUTCOMES:
                yield f"{job.where}: no outcome is called {word}"


def artifacts(repository: Repository) -> Iterator[str]:
    """Yield artifacts that are fetched and that no earlier job left, and uploads that may leave nothing."""
    for job in repository.jobs:
        before = [
            other for other in repository.jobs if other.file == job.file and other.name in _before(repository, job)
        ]
        left = {name for other in before for name in _uploads(other)}
        names = []
        for step in job.steps:
            given = step.body.get("with") or {}
            uploads = step.uses.startswith("actions/upload-artifact@")
            if uploads and given.get("if-no-files-found") != "error":
                yield f"{step.where}: an upload without files must fail"
            if step.uses.startswith("actions/download-artifact@"):
                names.append(given.get("name"))
        if job.calls.endswith("/comment.yml"):
            names.append((job.body.get("with") or {}).get("artifact"))
        for name in names:
            if not str(name).startswith("${{") and name not in left:
                yield f"{job.where}: no job before it leaves the artifact {name}"


def _before(repository: Repository, job: Job) -> set[str]:
    found: set[str] = set()
    waiting = list(job.needs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [
                n for other in repository.jobs if other.file == job.file and other.name == name for n in other.needs
            ]
    return found


def _uploads(job: Job) -> list[str]:
    return [
        (step.body.get("with") or {}).get("name", "artifact")
        for step in job.steps
        if step.uses.startswith("actions/upload-artifact@")
    ]


def places(repository: Repository) -> Iterator[str]:
    """Yield choices of an environment that could reach prod from a branch other than main, or dev from main."""
    for job in repository.jobs:
        text = yaml.safe_dump(job.body, width=1000)
        for choice in re.findall(r"'main'[^}]*?'(?:prod|dev)'[^}]*?\}\}", text):
            if "&& ''prod'' || ''dev''" not in choice and "&& 'prod' || 'dev'" not in choice:
                yield f"{job.where}: main means prod, every other branch dev"
        for branch in re.findall(r"(?:ref_name|base_ref\)?)\s*[!=]=\s*'+(\w+)'+", text):
            if branch != "main":
                yield f"{job.where}: {branch} is not the branch of prod"
        if re.search(r"(?:ref_name|ref|base_ref\)?)\s*!=\s*'+(refs/heads/)?main", text):
            yield f"{job.where}: main means prod, not the contrary"
        on_pull_requests = "pull_request" in triggers(job.workflow) and "!= 'pull_request'" not in str(
            job.body.get("if")
        )
        if on_pull_requests and re.search(r"(?<!base_ref \|\| )github\.ref_name\s*==", text):
            yield f"{job.where}: in a pull request the branch is github.base_ref"
        env = job.body.get("environment")
        if isinstance(env, str) and "${{" not in env:
            yield f"{job.where}: the environment follows from the branch"
    for file, workflow in repository.workflows.items():
        named = [job for job in repository.jobs if job.file == file and job.body.get("environment")]
        if named and "push" in triggers(workflow):
            branches = set((triggers(workflow)["push"] or {}).get("branches") or [])
            if branches != {"dev", "main"}:
                yield f"{file}: dev and main must both start it"


def order(repository: Repository) -> Iterator[str]:
    """Yield orders in which something untested or refused could go on."""
    for job in repository.jobs:
        text = yaml.safe_dump(job.body)
        if re.search(r"tdsp submit\b", text) and "--wait" not in text:
            yield f"{job.where}: does not wait for the job, so nobody knows what came of it"
        changes = job.body.get("environment") or job.calls.endswith("/deploy.yml")
        condition = str(job.body.get("if", ""))
        if changes and job.file != "rollback.yml" and not re.search(r"connected == 'true'|outcome", condition):
            yield f"{job.where}: must not run until the project is connected"
        if job.calls.endswith("/deploy.yml"):
            said = set(re.findall(r"registered|unchanged|refused|failed", condition))
            if said != {"registered", "unchanged"} or "train" not in job.needs or "!=" in condition:
                yield f"{job.where}: deploys only what the gate let in"
        told = re.search(r"needs\.([\w-]+)\.result", str((job.body.get("with") or {}).get("state")))
        changing = {other.name for other in repository.jobs if other.file == job.file and other.body.get("environment")}
        if told and told[1] not in changing:
            yield f"{job.where}: tells how {told[1]} ended, which changes nothing"
        if re.search(r"\bstate: .*\.result", text) and "cancelled()" not in condition and "always()" not in condition:
            yield f"{job.where}: would not tell a failure"
        if re.search(r"tdsp run\b", text) and not {"lint", "test"} <= set(job.needs):
            yield f"{job.where}: the model is trained before lint and tests are good"
        if re.search(r"tdsp run\b", text) and "--strict" not in text:
            yield f"{job.where}: a refused model would pass"


RULES = (step_outputs, needed_outputs, artifacts, places, order)
