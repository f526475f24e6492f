"""GitHub's branches and rulesets."""

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


@routes("GET", REPO + "/branches/{branch+}")
def branch(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a branch."""
    found = cloud.github.find(call)
    if call["branch"] not in found.branches:
        raise GitHubError(404, "Branch not found")
    return {"name": call["branch"], "commit": {"sha": "0" * 40}, "protected": False}


@routes("GET", REPO + "/git/ref/heads/{branch+}")
def reference(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show where a branch points."""
    if call["branch"] not in cloud.github.find(call).branches:
        raise GitHubError(404, "Not Found")
    return {"ref": f"refs/heads/{call['branch']}", "object": {"sha": "0" * 40, "type": "commit"}}


@routes(
    "POST",
    REPO + "/git/refs",
    shape=form({"ref": re.compile("refs/heads/.+"), "sha": re.compile("[0-9a-f]{40}")}),
)
def new_branch(cloud: Cloud, call: Call) -> Response:
    """Make a branch."""
    found, name = cloud.github.find(call, need="write"), call.body["ref"].removeprefix("refs/heads/")
    if name in found.branches:
        raise GitHubError(422, "Reference already exists")
    found.branches.add(name)
    return Response(201, {"ref": call.body["ref"], "object": {"sha": call.body["sha"]}})


_RULESET = form(
    {
        "name": str,
        "target?": {"branch", "tag", "push"},
        "enforcement": {"active", "disabled", "evaluate"},
        "bypass_actors?": [
            {"actor_id?": int, "actor_type": str, "bypass_mode?": {"always", "pull_request", "exempt"}},
        ],
        "conditions?": {"ref_name": {"include": [str], "exclude": [str]}},
        "rules?": [{"type": str, "parameters?": {"*?": object}}],
    }
)
# Those that are used here.
_PARAMETERS: dict[str, dict[str, Any]] = {
    "deletion": {},
    "non_fast_forward": {},
    "pull_request": {
        "required_approving_review_count": int,
        "dismiss_stale_reviews_on_push": bool,
        "require_code_owner_review": bool,
        "require_last_push_approval": bool,
        "required_review_thread_resolution": bool,
    },
    "required_status_checks": {
        "required_status_checks": [{"context": str, "integration_id?": int}],
        "strict_required_status_checks_policy": bool,
        "do_not_enforce_on_create?": bool,
    },
}


def ruleset_shape(body: Any, version: str) -> list[str]:
    """Return what is wrong with a ruleset."""
    wrong = _RULESET(body, version)
    if wrong:
        return wrong
    for rule in body.get("rules") or []:
        if rule["type"] not in _PARAMETERS:
            wrong.append(f"rules: unknown type {rule['type']}")
        else:
            wrong += form(_PARAMETERS[rule["type"]])(rule.get("parameters") or {}, version)
    return wrong


def _rulesets(cloud: Cloud, call: Call, need: str) -> Repository:
    found = cloud.github.find(call, need=need)
    if found.private and found.plan == "free":
        raise GitHubError(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.")
    return found


@routes("GET", REPO + "/rulesets", query=PAGES)
def rulesets(cloud: Cloud, call: Call) -> Response:
    """List the rulesets, without their rules."""
    found = _rulesets(cloud, call, "read").rulesets.values()
    short = ("id", "name", "target", "enforcement")
    return Response(200, [{key: item[key] for key in short if key in item} for item in found])


@routes("POST", REPO + "/rulesets", shape=ruleset_shape)
def new_ruleset(cloud: Cloud, call: Call) -> Response:
    """Make a ruleset; its name must be free."""
    found = _rulesets(cloud, call, "admin")
    if any(item["name"] == call.body["name"] for item in found.rulesets.values()):
        raise GitHubError(422, "Validation Failed: Name must be unique")
    number = 1 + max(found.rulesets, default=0)
    found.rulesets[number] = {"target": "branch", **call.body, "id": number}
    return Response(201, found.rulesets[number])


@routes("GET", REPO + "/rulesets/{number}", query=PAGES)
def ruleset(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a ruleset."""
    found = _rulesets(cloud, call, "read").rulesets.get(int(call["number"]))
    if found is None:
        raise GitHubError(404, "Not Found")
    return found


@routes("PUT", REPO + "/rulesets/{number}", shape=ruleset_shape)
def change_ruleset(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Change a ruleset."""
    found, number = _rulesets(cloud, call, "admin"), int(call["number"])
    if number not in found.rulesets:
        raise GitHubError(404, "Not Found")
    found.rulesets[number] = {**found.rulesets[number], **call.body}
    return found.rulesets[number]


@routes("DELETE", REPO + "/rulesets/{number}")
def delete_ruleset(cloud: Cloud, call: Call) -> Response:
    """Delete a ruleset."""
    if _rulesets(cloud, call, "admin").rulesets.pop(int(call["number"]), None) is None:
        raise GitHubError(404, "Not Found")
    return Response(204)
