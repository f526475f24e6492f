"""GitHub's environments with reviewers and branch policies, and the variables of both levels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.forms import form
from emulator.github import PAGES, REPO, GitHubError, Repository
from emulator.routing import Call, Routes
from emulator.wire import Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"api\.github\.com", open=True)
ENVIRONMENT = REPO + "/environments/{environment}"
POLICIES = ENVIRONMENT + "/deployment-branch-policies"
NAME = re.compile(r"(?!GITHUB_)[A-Za-z_][A-Za-z0-9_]*")
MOST_REVIEWERS = 6


def _find(repository: Repository, call: Call) -> dict[str, Any]:
    found = repository.environments.get(call["environment"].lower())
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


def _document(environment: dict[str, Any]) -> dict[str, Any]:
    """Return an environment as the API shows it; reviewers are a protection rule there."""
    rules: list[dict[str, Any]] = []
    if environment["reviewers"]:
        reviewers = [{"type": item["type"], "reviewer": {"id": item["id"]}} for item in environment["reviewers"]]
        own = {"prevent_self_review": environment["prevent_self_review"]}
        rules.append({"id": 1, "type": "required_reviewers", "reviewers": reviewers, **own})
    if environment["wait_timer"]:
        rules.append({"id": 2, "type": "wait_timer", "wait_timer": environment["wait_timer"]})
    policy = environment["deployment_branch_policy"]
    if policy:
        rules.append({"id": 3, "type": "branch_policy"})
    return {
        "id": 1,
        "name": environment["name"],
        "protection_rules": rules,
        "deployment_branch_policy": policy,
    }


@routes("GET", REPO + "/environments", query=PAGES)
def listing(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the environments."""
    found = [_document(item) for item in cloud.github.find(call).environments.values()]
    return {"total_count": len(found), "environments": found}


@routes("GET", ENVIRONMENT)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show an environment."""
    return _document(_find(cloud.github.find(call), call))


SETTINGS = form(
    {
        "wait_timer?": int,
        "prevent_self_review?": bool,
        "reviewers?": [{"type": {"User", "Team"}, "id": int}],
        "deployment_branch_policy?": {"protected_branches": bool, "custom_branch_policies": bool},
    }
)


@routes("PUT", ENVIRONMENT, shape=SETTINGS)
def put(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Make an environment, or replace its settings: what the request leaves out is reset, as on GitHub."""
    repository, wanted = cloud.github.find(call, need="admin"), call.body
    reviewers, policy = wanted.get("reviewers") or [], wanted.get("deployment_branch_policy")
    _check_plan(repository, reviewers, policy, wanted.get("wait_timer"))
    if len(reviewers) > MOST_REVIEWERS or any(item["id"] not in cloud.github.users.values() for item in reviewers):
        raise GitHubError(422, "Validation Failed: reviewers")
    if policy and policy["protected_branches"] == policy["custom_branch_policies"]:
        raise GitHubError(422, "protected_branches and custom_branch_policies cannot have the same value")
    name = call["environment"]
    old = repository.environments.get(name.lower(), {"name": name, "variables": {}, "policies": {}})
    repository.environments[name.lower()] = {
        **old,
        "wait_timer": wanted.get("wait_timer") or 0,
        "prevent_self_review": wanted.get("prevent_self_review") or False,
        "reviewers": reviewers,
        "deployment_branch_policy": policy,
    }
    return _document(repository.environments[name.lower()])


def _check_plan(repository: Repository, reviewers: list, policy: dict | None, wait: int | None) -> None:
    """Raise GitHub's 422 for a rule that a private repository of this owner has not."""
    if not repository.private:
        return
    if policy and repository.plan == "free":
        raise GitHubError(
            422, "Fail to create protected rule, please ensure billing plan include protected branch gate."
        )
    if (reviewers or wait) and (repository.plan != "enterprise" or not repository.organization):
        rule = "required reviewers" if reviewers else "wait timer"
        text = f"Please ensure the billing plan supports the {rule} protection rule."
        raise GitHubError(422, f"Failed to create the environment protection rule. {text}")


@routes("DELETE", ENVIRONMENT)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete an environment with its variables."""
    repository = cloud.github.find(call, need="admin")
    _find(repository, call)
    del repository.environments[call["environment"].lower()]
    return Response(204)


@routes("GET", POLICIES, query=PAGES)
def policies(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the branches that may deploy to an environment."""
    found = _find(cloud.github.find(call), call)["policies"]
    return {
        "total_count": len(found),
        "branch_policies": [{"id": key, "name": name} for key, name in found.items()],
    }


@routes("POST", POLICIES, shape=form({"name": str, "type?": {"branch", "tag"}}))
def add_policy(cloud: Cloud, call: Call) -> Response:
    """Let a branch deploy to an environment whose policy is custom."""
    environment = _find(cloud.github.find(call, need="admin"), call)
    if not (environment["deployment_branch_policy"] or {}).get("custom_branch_policies"):
        raise GitHubError(404, "Not Found")
    if call.body["name"] in environment["policies"].values():
        raise GitHubError(303, "See Other")
    number = 1 + max(environment["policies"], default=0)
    environment["policies"][number] = call.body["name"]
    return Response(200, {"id": number, "name": call.body["name"]})


@routes("DELETE", POLICIES + "/{number}")
def delete_policy(cloud: Cloud, call: Call) -> Response:
    """Let a branch no longer deploy."""
    if _find(cloud.github.find(call, need="admin"), call)["policies"].pop(int(call["number"]), None) is None:
        raise GitHubError(404, "Not Found")
    return Response(204)


@routes("GET", ENVIRONMENT + "/secrets", query=PAGES)
def secrets(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the names of the secrets; nobody is shown their values."""
    found = _find(cloud.github.find(call, need="write"), call).get("secrets", [])
    return {"total_count": len(found), "secrets": [{"name": name} for name in found]}


def _variables(cloud: Cloud, call: Call, need: str) -> dict[str, str]:
    """Return the variables that a call is about: those of an environment or of the repository."""
    repository = cloud.github.find(call, need=need)
    return _find(repository, call)["variables"] if "environment" in call.parameters else repository.variables


ENTRY = {"name": str, "value": str}
for _base in (REPO + "/actions", ENVIRONMENT):

    @routes("GET", _base + "/variables", query=PAGES)
    def variables(cloud: Cloud, call: Call) -> dict[str, Any]:
        """List the variables."""
        found = _variables(cloud, call, "write")
        listed = [{"name": name, "value": value} for name, value in found.items()]
        return {"total_count": len(listed), "variables": listed}

    @routes("POST", _base + "/variables", shape=form(ENTRY))
    def add_variable(cloud: Cloud, call: Call) -> Response:
        """Make a variable; its name must be free."""
        found, name = _variables(cloud, call, "write"), call.body["name"].upper()
        if not NAME.fullmatch(name):
            raise GitHubError(422, "Variable names can only contain alphanumeric characters and underscores.")
        if name in found:
            raise GitHubError(409, "Already exists - Variable already exists")
        found[name] = call.body["value"]
        return Response(201, {})

    @routes("GET", _base + "/variables/{name}")
    def variable(cloud: Cloud, call: Call) -> dict[str, Any]:
        """Show a variable."""
        found = _variables(cloud, call, "write")
        if call["name"].upper() not in found:
            raise GitHubError(404, "Not Found")
        return {"name": call["name"].upper(), "value": found[call["name"].upper()]}

    @routes("PATCH", _base + "/variables/{name}", shape=form({f"{key}?": kind for key, kind in ENTRY.items()}))
    def change_variable(cloud: Cloud, call: Call) -> Response:
        """Change a variable's value."""
        found = _variables(cloud, call, "write")
        if call["name"].upper() not in found:
            raise GitHubError(404, "Not Found")
        found[call["name"].upper()] = call.body["value"]
        return Response(204)

    @routes("DELETE", _base + "/variables/{name}")
    def delete_variable(cloud: Cloud, call: Call) -> Response:
        """Delete a variable."""
        if _variables(cloud, call, "write").pop(call["name"].upper(), None) is None:
            raise GitHubError(404, "Not Found")
        return Response(204)
