"""The project's repository on GitHub: environments, variables, the subject of its tokens, and protection of `main`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tdsp import automation, shell
from tdsp.azure import client, rest
from tdsp.errors import TdspError

ISSUER = "https://token.actions.githubusercontent.com"
BRANCHES = {"dev": "dev", "prod": "main"}  # environment -> the branch that deploys to it
RULESET = "tdsp: main"
CHECK = "All checks passed"  # the last job of ci.yml
_REMOTE = re.compile(r"github\.com[:/](?P<owner>[^/]+)/(?P<name>[^/]+?)(\.git)?/?$")


class NotOfferedError(TdspError):
    """GitHub has no such feature for this repository: it is private, and the plan too small."""


class Repository:
    """One repository.

    Attributes:
        owner: user or organisation.
        name: of the repository.
    """

    host = "GitHub"

    def __init__(self, owner: str, name: str, create: bool = False, unprotected: bool = False):
        """Name it; nothing is sent yet.

        Args:
            owner: user or organisation.
            name: of the repository.
            create: whether it may be created.
            unprotected: whether it may go without the rules of environments that the plan has not, if it is private.
        """
        self.owner, self.name, self.create, self.unprotected = owner, name, create, unprotected

    @property
    def path(self) -> str:
        """Owner and name, as GitHub writes them."""
        return f"{self.owner}/{self.name}"

    def look(self) -> str:
        """Say whether it is there."""
        return "" if self._get("") else "missing, or not visible to you"

    def look_at_rights(self) -> str:
        """Say whether its settings may be changed, which who creates it may."""
        found = self._get("")
        return "" if not found or found["permissions"]["admin"] else "you are not an admin of it"

    def make(self) -> None:
        """Create it, private and empty."""
        me = rest.github()("GET", "/user")["login"]
        place = "/user/repos" if me.lower() == self.owner.lower() else f"/orgs/{self.owner}/repos"
        rest.github()("POST", place, {"name": self.name, "private": True})

    def issuer(self, _env: str) -> str:
        """Return who signs the tokens that a workflow gets: the same for every environment."""
        return ISSUER

    def subject(self, env: str) -> str:
        """Return the subject of the tokens that a workflow gets in an environment, as GitHub says it today.

        Repositories made since July 2026 have their numeric ids in it. The prefix is believed, not the flag
        beside it.

        Raises:
            TdspError: the repository has a subject of its own form, which no rule can foresee.
        """
        found = self._get("/actions/oidc/customization/sub") or {}
        if found.get("use_default") is False or found.get("include_claim_keys"):
            raise TdspError(
                f"{self.path} has a customised OIDC subject: set it back to the default "
                "(DELETE is not offered; PUT use_default=true), or create the federated credential by hand"
            )
        return f"{found.get('sub_claim_prefix') or f'repo:{self.path}'}:environment:{env}"

    def why(self, env: str) -> str:
        """Say what an environment is good for."""
        review = ", after a reviewer agreed" if env == "prod" else ""
        return f"only branch {BRANCHES[env]} deploys there{review}"

    def look_at_environment(self, env: str) -> str:
        """Say whether an environment lets its branch deploy and no other, and prod asks a reviewer.

        Raises:
            NotOfferedError: it cannot, on this plan, and nobody agreed to go without.
        """
        branch, reviewed = self._rules(env)
        lax = self._laxity(env, branch, reviewed)
        if lax and (found := self._get("")) and found["private"]:
            if branch and self._on_free_plan():
                raise NotOfferedError(f"{lax}; the free plan has no rules for environments of a private repository")
            if reviewed and found["owner"]["type"] == "User":
                raise NotOfferedError(f"{lax}; reviewers of a private repository are for organisations on Enterprise")
        return lax

    def has_environment(self, env: str) -> bool:
        """Tell whether an environment is there."""
        return bool(self._get(f"/environments/{env}"))

    def _rules(self, env: str) -> tuple[str, bool]:
        """Return which branch alone may deploy to an environment (empty: any), and whether somebody has to agree."""
        found = self._get("") if self.unprotected else None
        if found and found["private"]:
            return "" if self._on_free_plan() else BRANCHES[env], False
        return BRANCHES[env], env == "prod"

    def _on_free_plan(self) -> bool:
        """Tell whether a private repository has no rules at all: of branches neither."""
        try:
            self._ruleset()
        except NotOfferedError:
            return True
        return False

    def look_at_infrastructure(self, env: str) -> str:
        """Say the same of the environment that changes resources, whose maker is a person; nothing if there is none."""
        lax = self._laxity(f"{env}-infra", BRANCHES[env], reviewed=True)
        return "" if lax == "missing" else lax

    def _laxity(self, name: str, branch: str, reviewed: bool) -> str:
        found = self._get(f"/environments/{name}")
        if not found:
            return "missing"
        if branch and not (found.get("deployment_branch_policy") or {}).get("custom_branch_policies"):
            return "any branch may deploy"
        if branch and self._policies(name) != {branch}:
            return f"branches {', '.join(sorted(self._policies(name))) or 'none'} may deploy"
        return "no reviewer" if reviewed and not _reviewers(found) else ""

    def make_environment(self, env: str) -> None:
        """Create or correct an environment; reviewers and the wait that are there stay: a PUT resets what it omits.

        Raises:
            NotOfferedError: the plan has no such rules for a private repository.
        """
        found, (branch, reviewed) = self._get(f"/environments/{env}") or {}, self._rules(env)
        body: dict[str, Any] = {}
        if branch:
            body["deployment_branch_policy"] = {"protected_branches": False, "custom_branch_policies": True}
        if reviewed:
            body["reviewers"] = _reviewers(found) or [{"type": "User", "id": rest.github()("GET", "/user")["id"]}]
        elif _reviewers(found):
            body["reviewers"] = _reviewers(found)
        for rule in found.get("protection_rules", []):
            if rule.get("prevent_self_review"):
                body["prevent_self_review"] = True
            if rule.get("wait_timer"):
                body["wait_timer"] = rule["wait_timer"]
        try:
            self._send("PUT", f"/environments/{env}", body)
        except client.RefusedError as error:
            if "billing plan" in str(error):
                raise NotOfferedError("GitHub's plan has no such rules for a private repository") from None
            raise
        if not branch:
            return
        policies = (self._get(f"/environments/{env}/deployment-branch-policies") or {}).get("branch_policies", [])
        for policy in policies:
            if policy["name"] != branch:
                self._send("DELETE", f"/environments/{env}/deployment-branch-policies/{policy['id']}")
        if branch not in {policy["name"] for policy in policies}:
            self._send("POST", f"/environments/{env}/deployment-branch-policies", {"name": branch})

    def look_at_variable(self, env: str, name: str, value: str) -> str:
        """Say whether a variable of an environment has the right value."""
        found = self._get(f"/environments/{env}/variables/{name}")
        if not found:
            return "missing"
        return "" if found["value"] == value else "names another identity"

    def make_variable(self, env: str, name: str, value: str) -> None:
        """Create or change a variable of an environment."""
        body = {"name": name, "value": value}
        if self._get(f"/environments/{env}/variables/{name}"):
            self._send("PATCH", f"/environments/{env}/variables/{name}", body)
        else:
            self._send("POST", f"/environments/{env}/variables", body)

    def look_at_ruleset(self) -> str:
        """Say whether `main` is protected.

        Raises:
            NotOfferedError: it cannot be, on this plan.
        """
        mine = self._ruleset()
        return "missing" if not mine else "" if mine["enforcement"] == "active" else "switched off"

    def make_ruleset(self) -> None:
        """Protect `main`: pull requests whose checks passed, no rewriting, no deletion."""
        reviews = {
            "required_approving_review_count": 0,
            "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": False,
            "require_last_push_approval": False,
            "required_review_thread_resolution": False,
        }
        checks = {
            "required_status_checks": [{"context": CHECK}],
            "strict_required_status_checks_policy": False,
            "do_not_enforce_on_create": True,  # the first push brings main itself
        }
        body = {
            "name": RULESET,
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
            "rules": [
                {"type": "deletion"},
                {"type": "non_fast_forward"},
                {"type": "pull_request", "parameters": reviews},
                {"type": "required_status_checks", "parameters": checks},
            ],
        }
        if mine := self._ruleset():
            self._send("PUT", f"/rulesets/{mine['id']}", body)
        else:
            self._send("POST", "/rulesets", body)

    def others_in(self, env: str) -> list[str]:
        """Return what an environment holds that is not ours: rules that `connect` does not make, variables, secrets."""
        rules = (self._get(f"/environments/{env}") or {}).get("protection_rules", [])
        ours = {"branch_policy", "required_reviewers"} if env == "prod" else {"branch_policy"}
        found = [rule["type"].replace("_", " ") for rule in rules if rule["type"] not in ours]
        found += ["no review by who deploys" for rule in rules if rule.get("prevent_self_review")]
        found += [f"branch {name}" for name in sorted(self._policies(env) - {BRANCHES[env]})]
        for kind in ("variables", "secrets"):
            items = (self._get(f"/environments/{env}/{kind}?per_page=100") or {}).get(kind, [])
            found += [item["name"] for item in items if item["name"] not in automation.IDENTITY]
        return found

    def remove_environment(self, env: str) -> None:
        """Delete an environment with its variables; only our variables where it holds anything else."""
        if not self.others_in(env):
            self._send("DELETE", f"/environments/{env}")
            return
        for name in automation.IDENTITY:
            self._send("DELETE", f"/environments/{env}/variables/{name}")

    def has_ours(self, env: str) -> bool:
        """Tell whether an environment holds a variable that `connect` set."""
        return any(self._get(f"/environments/{env}/variables/{name}") for name in automation.IDENTITY)

    def _ruleset(self) -> dict[str, Any] | None:
        try:
            found = rest.github()("GET", f"/repos/{self.path}/rulesets") or []
        except client.RefusedError as error:
            if error.status == 403 and "Upgrade" in str(error):
                raise NotOfferedError("not offered for a private repository on the free plan") from None
            raise
        return next((item for item in found if item["name"] == RULESET), None)

    def _policies(self, env: str) -> set[str]:
        found = self._get(f"/environments/{env}/deployment-branch-policies") or {}
        return {policy["name"] for policy in found.get("branch_policies", [])}

    def _get(self, path: str) -> Any:
        return rest.github()("GET", f"/repos/{self.path}{path}")

    def _send(self, method: str, path: str, body: Any = None) -> Any:
        return rest.github()(method, f"/repos/{self.path}{path}", body)


def _reviewers(environment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return who must agree, in the form in which GitHub takes it back."""
    rules = environment.get("protection_rules", [])
    required = next((rule for rule in rules if rule["type"] == "required_reviewers"), {"reviewers": []})
    return [{"type": item["type"], "id": item["reviewer"]["id"]} for item in required["reviewers"]]


def of(root: Path, owner: str, slug: str, create: bool = False, unprotected: bool = False) -> Repository:
    """Return the repository that `origin` names, else the one that the project would have."""
    try:
        found = _REMOTE.search(shell.run("git", "remote", "get-url", "origin", cwd=root).strip())
    except TdspError:
        found = None
    owner, name = (found["owner"], found["name"]) if found else (owner, slug)
    return Repository(owner, name, create, unprotected)
