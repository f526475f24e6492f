"""Who may do what: least permissions, tokens only where they are used, no secret and no expression in a script."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workflows.rules.reading import Job, Repository, triggers

SECRETS = {"TEAMS_WEBHOOK_URL", "GITHUB_TOKEN"}
DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion_comment"}
# What a script does -> the permission that it takes.
NEEDS = (
    (r"gh api\b[^\n]*--method (POST|PATCH)[^\n]*(comments|\$comments)", "pull-requests"),
    (r"gh pr (create|comment)\b", "pull-requests"),
    (r"git (-c \S+ |-c \"[^\"]*\" )*push\b", "contents"),
)


def permissions(repository: Repository) -> Iterator[str]:
    """Yield jobs with more or fewer permissions than their steps take."""
    for file, workflow in repository.workflows.items():
        if workflow.get("permissions") != {}:
            yield f"{file}: permissions must be {{}} at the top and granted job by job"
    for job in repository.jobs:
        if not isinstance(job.body.get("permissions"), dict):
            yield f"{job.where}: says no permissions"
            continue
        needed = _needed(repository, job)
        for scope, level in sorted(needed.items()):
            if job.permissions.get(scope) not in (level, "write"):
                yield f"{job.where}: needs the permission {scope}: {level}"
        for scope, level in job.permissions.items():
            if scope not in needed or (level == "write" and needed[scope] != "write"):
                yield f"{job.where}: does not need the permission {scope}: {level}"


def _needed(repository: Repository, job: Job, seen: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the permissions that a job's steps, or the jobs it calls, take."""
    needed: dict[str, str] = {}
    if job.calls.startswith("./.github/workflows/") and job.calls not in seen:
        called = job.calls.rsplit("/", 1)[-1]
        for inner in (other for other in repository.jobs if other.file == called):
            for scope, level in _needed(repository, inner, (*seen, job.calls)).items():
                needed[scope] = "write" if "write" in (level, needed.get(scope)) else level
        return needed
    for step in (inner for outer in job.steps for inner in repository.inside(outer)):
        if step.uses.startswith("actions/checkout@"):
            needed.setdefault("contents", "read")
        if step.uses.startswith("azure/login@"):
            needed["id-token"] = "write"
        for pattern, scope in NEEDS:
            if re.search(pattern, step.script.replace("\\\n", " ")):
                needed[scope] = "write"
    return needed


def identities(repository: Repository) -> Iterator[str]:
    """Yield sign-ins by anything but OpenID Connect, outside an environment, or open to a stranger's pull request."""
    for job in repository.jobs:
        steps = [inner for outer in job.steps for inner in repository.inside(outer)]
        signs_in = [step for step in steps if step.uses.startswith("azure/login@")]
        for step in signs_in:
            given = step.body.get("with") or {}
            if "creds" in given or not {"client-id", "tenant-id", "subscription-id"} <= set(given):
                yield f"{step.where}: sign in by client-id, tenant-id and subscription-id, without a stored secret"
        if not signs_in:
            if "id-token" in job.permissions and not job.calls:
                yield f"{job.where}: has id-token and signs in nowhere"
            continue
        on_pull_requests = "pull_request" in triggers(job.workflow) and not re.search(
            r"github\.event_name != 'pull_request'", str(job.body.get("if"))
        )
        guarded = "github.event.pull_request.head.repo.full_name == github.repository" in str(job.body.get("if"))
        if on_pull_requests and not guarded:
            yield f"{job.where}: signs in for pull requests of forks, too"
        if on_pull_requests and job.body.get("environment"):
            yield f"{job.where}: a pull request must not get the identity of an environment"
        if not on_pull_requests and not job.body.get("environment"):
            yield f"{job.where}: signs in outside an environment: no credential trusts it, and no reviewer is asked"
        if re.search(r"(always|failure)\(\)", str(job.body.get("if"))):
            yield f"{job.where}: changes Azure even after a failure"
        for step in job.steps:
            if step.uses.endswith("/sign-in"):
                client, env = str((step.body.get("with") or {}).get("client-id")), job.body.get("environment")
                if not re.search(r"\bvars[.[]", client):
                    yield f"{step.where}: the identity is a variable of the environment"
                if env and not _same(job, (step.body["with"]).get("environment"), str(env).removesuffix("-infra")):
                    yield f"{step.where}: the environment of the sign-in is not the job's"


def _same(job: Job, given: object, env: object) -> bool:
    variables = {f"${{{{ env.{key} }}}}": value for key, value in (job.body.get("env") or {}).items()}
    return variables.get(str(given), given) == env


def scripts(repository: Repository) -> Iterator[str]:
    """Yield scripts with an expression in them, and those that could show a secret."""
    for step in repository.steps:
        if "${{" in step.script:
            yield f"{step.where}: an expression in a script: give it by env"
        if re.search(r"\bset -[a-z]*x|\bxtrace\b|\bprintenv\b|^\s*env\s*($|\|)", step.script, re.MULTILINE):
            yield f"{step.where}: prints what it is given"
        hidden = [key for key, value in (step.body.get("env") or {}).items() if _secret(value)]
        for name in hidden:
            if re.search(rf"\b(echo|printf|cat|tee)\b[^\n]*\$\{{?{name}\b", step.script):
                yield f"{step.where}: prints the secret {name}"
            if re.search(rf"\$\{{?{name}\b[^\n]*(GITHUB_OUTPUT|GITHUB_ENV|GITHUB_STEP_SUMMARY)", step.script):
                yield f"{step.where}: hands the secret {name} on"
    for file, text in repository.texts.items():
        for name in re.findall(r"secrets\.([\w-]+)", text):
            if name not in SECRETS:
                yield f"{file}: there is no secret {name}"
        if re.search(r"toJSON\(\s*(secrets|env|vars)\s*\)|secrets:\s*inherit|secrets\[", text, re.IGNORECASE):
            yield f"{file}: hands all secrets on"
        if re.search(r"(AZURE_(CLIENT_SECRET|CREDENTIALS)|BEGIN [A-Z ]*PRIVATE KEY|AccountKey=)", text):
            yield f"{file}: a stored secret"
    for job in repository.jobs:
        called = repository.workflows.get(job.calls.rsplit("/", 1)[-1], {})
        for name in ((triggers(called).get("workflow_call") or {}).get("secrets") or {}) if job.calls else ():
            if name not in (job.body.get("secrets") or {}):
                yield f"{job.where}: keeps {name} from what it calls"
        for where, body in ((job.where, job.body), (job.file, job.workflow)):
            for key, value in (body.get("env") or {}).items():
                if _secret(value) and "!=" not in str(value):
                    yield f"{where}: {key} gives a secret to every step"
        for key, value in (job.body.get("outputs") or {}).items():
            if "secrets." in str(value):
                yield f"{job.where}: the output {key} is a secret"


def _secret(value: object) -> bool:
    return bool(re.search(r"secrets\.|github\.token", str(value)))


def strangers(repository: Repository) -> Iterator[str]:
    """Yield whatever lets code of a stranger run with more than a stranger's rights."""
    for file, workflow in repository.workflows.items():
        for event in set(triggers(workflow)) & DANGEROUS:
            yield f"{file}: {event} runs with the repository's own rights for anybody"
    for job in repository.jobs:
        for step in job.steps:
            given = step.body.get("with") or {}
            if not step.uses.startswith("actions/checkout@"):
                continue
            if given.get("persist-credentials") is not False:
                yield f"{step.where}: persist-credentials must be false"
            if "allow-unsafe-pr-checkout" in given or re.search(r"pull_request|head_ref", str(given.get("ref", ""))):
                yield f"{step.where}: checks out a stranger's commit"
            if given.get("token") or given.get("ssh-key"):
                yield f"{step.where}: leaves a token in the checkout"
    for job in repository.jobs:
        writes = any(level == "write" for level in job.permissions.values())
        if (
            writes
            and "pull_request" in triggers(job.workflow)
            and not re.search(
                r"head\.repo\.full_name == github\.repository|event_name != 'pull_request'",
                str(_guard(repository, job)),
            )
        ):
            yield f"{job.where}: writes for pull requests of forks, too"


def _guard(repository: Repository, job: Job) -> str:
    """Return the conditions of a job and of those without which it is skipped."""
    own = str(job.body.get("if", ""))
    before = [other for other in repository.jobs if other.file == job.file and other.name in job.needs]
    return " ".join([own, *(_guard(repository, other) for other in before)])


RULES = (permissions, identities, scripts, strangers)
