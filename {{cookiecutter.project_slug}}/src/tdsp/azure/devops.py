"""The project in Azure DevOps: service connections that identities trust, environments, and the approval of prod.

A token of `az login` is enough; no personal access token is used. Pipelines and branch policies are made by a person:
docs/azure-devops.md says how.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from tdsp import shell
from tdsp.azure import client, github, rest
from tdsp.errors import TdspError, WrongInput

DEVOPS = "https://dev.azure.com"
RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"  # Azure DevOps, as Entra knows it
VERSION, CHECKS_VERSION = "7.1", "7.1-preview.1"
APPROVAL = {"id": "8c6f20a7-a545-4486-9777-f762fafe0d4d", "name": "Approval"}
BRANCH_CONTROL = {
    "id": "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b",
    "name": "evaluatebranchProtection",
    "version": "0.0.1",
}
DAYS_TO_APPROVE = 7
_REMOTES = (
    re.compile(r"https://(?:[^@/]+@)?dev\.azure\.com/(?P<organisation>[^/]+)/(?P<project>[^/]+)/_git/"),
    re.compile(r"git@ssh\.dev\.azure\.com:v3/(?P<organisation>[^/]+)/(?P<project>[^/]+)/"),
    re.compile(r"https://(?:[^@/]+@)?(?P<organisation>[^./]+)\.visualstudio\.com/(?P<project>[^/]+)/_git/"),
)


@functools.cache
def api() -> rest.Api:
    """Return Azure DevOps, as the user."""
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy

    return rest.Api(DEVOPS, BearerTokenCredentialPolicy(client.credential(), f"{RESOURCE}/.default"))


def connection(env: str) -> str:
    """Return the name by which the pipelines ask for the service connection of an environment."""
    return f"azureml-{env}"


class Project:
    """One project of one organisation.

    Attributes:
        organisation: its name in the address.
        name: of the project.
    """

    host = "Azure DevOps"

    def __init__(self, organisation: str, name: str):
        """Name it; nothing is sent yet."""
        self.organisation, self.name = organisation, name

    @property
    def path(self) -> str:
        """Organisation and project, as Azure DevOps writes them."""
        return f"{self.organisation}/{self.name}"

    def look(self) -> str:
        """Say whether it can be seen."""
        return "" if self._project() else "missing, or not visible to you"

    def issuer(self, env: str) -> str:
        """Return who signs the tokens of the environment's service connection."""
        return self._trusted(env).get("workloadIdentityFederationIssuer", "")

    def subject(self, env: str) -> str:
        """Return the subject of the tokens of the environment's service connection, as Azure DevOps says it today."""
        return self._trusted(env).get("workloadIdentityFederationSubject", "")

    def look_at_connection(self, env: str, identity: dict[str, str]) -> str:
        """Say whether the service connection is there and becomes the right identity."""
        found = self._connection(env)
        if not found:
            return "missing"
        if found["authorization"]["scheme"] != "WorkloadIdentityFederation":
            return "signs in with a secret: delete it"
        has = found["authorization"]["parameters"]
        return "" if [has.get(key) for key in identity] == list(identity.values()) else "becomes another identity"

    def make_connection(self, env: str, identity: dict[str, str], where: client.Target) -> None:
        """Create or correct the service connection; Azure DevOps then says whom the identity has to trust."""
        found, project = self._connection(env), self._project() or {}
        place = {"subscriptionId": where.place.subscription_id, "subscriptionName": where.place.subscription_id}
        name = connection(env)
        body = {
            "name": name,
            "type": "azurerm",
            "url": f"{rest.MANAGEMENT}/",
            "description": f"Deploys {where.slug} to {env}; made by `tdsp connect`",
            "authorization": {"scheme": "WorkloadIdentityFederation", "parameters": identity},
            "data": {**place, "environment": "AzureCloud", "scopeLevel": "Subscription", "creationMode": "Manual"},
            "isShared": False,
            "isReady": True,
            "serviceEndpointProjectReferences": [
                {"name": name, "projectReference": {"id": project.get("id"), "name": project.get("name")}}
            ],
        }
        path = f"/{quote(self.organisation)}/_apis/serviceendpoint/endpoints"
        if found:
            self._send("PUT", f"{path}/{found['id']}", {**body, "id": found["id"]})
        else:
            self._send("POST", path, body)

    def look_at_branches(self, env: str) -> str:
        """Say whether only the right branch may use the service connection: a pipeline's file is in every branch."""
        control = self._branch_control(self._connection(env))
        if not control:
            return "any branch may use it"
        allowed = control["settings"]["inputs"]["allowedBranches"]
        return "" if allowed == _reference(env) else f"{allowed} may use it"

    def make_branches(self, env: str) -> None:
        """Let only the right branch use the service connection."""
        found = self._connection(env)
        if not found:
            raise TdspError(f"service connection {connection(env)} is missing")
        inputs = {"allowedBranches": _reference(env), "ensureProtectionOfBranch": "false"}
        body = {
            "type": {"name": "Task Check"},
            "settings": {"definitionRef": BRANCH_CONTROL, "displayName": "Branch control", "inputs": inputs},
            "resource": {"type": "endpoint", "id": found["id"], "name": found["name"]},
            "timeout": 30,
        }
        path, control = self._of("pipelines/checks/configurations"), self._branch_control(found)
        if control:
            self._send("PATCH", f"{path}/{control['id']}", {**body, "id": control["id"]}, CHECKS_VERSION)
        else:
            self._send("POST", path, body, CHECKS_VERSION)

    def look_at_environment(self, env: str) -> str:
        """Say whether an environment is there, and whether prod asks somebody."""
        found = self._environment(env)
        if not found:
            return "missing"
        return "nobody has to approve" if env == "prod" and not self._approvals(found) else ""

    def make_environment(self, env: str) -> None:
        """Create an environment; prod gets an approval, by you until you name others."""
        found = self._environment(env)
        if not found:
            found = self._send("POST", self._of("distributedtask/environments"), {"name": env, "description": ""})
        if env != "prod" or self._approvals(found):
            return
        me = self._get(f"/{quote(self.organisation)}/_apis/connectionData", version="7.1-preview")["authenticatedUser"]
        body = {
            "type": APPROVAL,
            "settings": {"approvers": [{"id": me["id"]}], "minRequiredApprovers": 1, "executionOrder": "anyOrder"},
            "resource": {"type": "environment", "id": str(found["id"]), "name": env},
            "timeout": DAYS_TO_APPROVE * 24 * 60,
        }
        self._send("POST", self._of("pipelines/checks/configurations"), body, CHECKS_VERSION)

    def remove_connection(self, env: str) -> None:
        """Delete the service connection of an environment."""
        found, project = self._connection(env), self._project()
        if found and project:
            path = f"/{quote(self.organisation)}/_apis/serviceendpoint/endpoints/{found['id']}"
            api()("DELETE", path, projectIds=project["id"], **{"api-version": VERSION})

    def _project(self) -> dict[str, Any] | None:
        return self._get(f"/{quote(self.organisation)}/_apis/projects/{quote(self.name)}")

    def _connection(self, env: str) -> dict[str, Any] | None:
        found = self._get(self._of("serviceendpoint/endpoints"), endpointNames=connection(env))
        return next(iter((found or {}).get("value", [])), None)

    def _trusted(self, env: str) -> dict[str, str]:
        return (self._connection(env) or {"authorization": {"parameters": {}}})["authorization"]["parameters"]

    def _environment(self, env: str) -> dict[str, Any] | None:
        found = self._get(self._of("distributedtask/environments"), name=env)
        return next((item for item in (found or {}).get("value", []) if item["name"] == env), None)

    def _approvals(self, environment: dict[str, Any]) -> list[dict[str, Any]]:
        found = self._checks("environment", str(environment["id"]))
        return [item for item in found if item["type"].get("id", "").lower() == APPROVAL["id"]]

    def _branch_control(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        checks = self._checks("endpoint", found["id"]) if found else []
        definitions = {item["settings"].get("definitionRef", {}).get("id", "").lower(): item for item in checks}
        return definitions.get(BRANCH_CONTROL["id"])

    def _checks(self, kind: str, key: str) -> list[dict[str, Any]]:
        about = {"resourceType": kind, "resourceId": key, "$expand": "settings"}
        found = self._get(self._of("pipelines/checks/configurations"), version=CHECKS_VERSION, **about)
        return (found or {}).get("value", [])

    def _of(self, path: str) -> str:
        return f"/{quote(self.organisation)}/{quote(self.name)}/_apis/{path}"

    def _get(self, path: str, version: str = VERSION, **query: str) -> Any:
        return api()("GET", path, **query, **{"api-version": version})

    def _send(self, method: str, path: str, body: Any, version: str = VERSION) -> Any:
        return api()(method, path, body, **{"api-version": version})


def _reference(env: str) -> str:
    return f"refs/heads/{github.BRANCHES[env]}"


def of(root: Path) -> Project:
    """Return the project that `origin` names.

    Raises:
        WrongInput: it names none.
    """
    try:
        address = shell.run("git", "remote", "get-url", "origin", cwd=root).strip()
    except TdspError:
        address = ""
    found = next((match for remote in _REMOTES if (match := remote.match(address))), None)
    if found is None:
        raise WrongInput(
            "git has no remote `origin` in Azure DevOps, and project.yml says `ci: azure-pipelines`: "
            "git remote add origin https://dev.azure.com/ORGANISATION/PROJECT/_git/REPOSITORY"
        )
    return Project(found["organisation"], unquote(found["project"]))
