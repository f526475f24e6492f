"""The identity that workflows act as: managed, trusting one environment of the CI system, with few roles."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from tdsp import automation
from tdsp.azure import client, rest, slots
from tdsp.errors import TdspError

AUDIENCE = "api://AzureADTokenExchange"
IDENTITY_VERSION, ROLE_VERSION = "2024-11-30", "2022-04-01"
_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")  # of Bicep's guid(): infra/ gives the same names

# What the workflows do, and nothing else: no role creates resources outside the workspace or gives roles away.
ROLES = {
    "AzureML Data Scientist": "submit jobs, register models, deploy and score; cannot change the workspace",
    "Storage Blob Data Contributor": "upload code and data to the workspace's own storage",
}
_ROLE_IDS = {
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
VARIABLES = automation.IDENTITY


class Trusted(Protocol):
    """Whose tokens an identity trusts: a repository on GitHub, or a project in Azure DevOps."""

    host: str

    def issuer(self, env: str) -> str:
        """Return who signs the tokens for an environment."""

    def subject(self, env: str) -> str:
        """Return whom the tokens for an environment are about."""


def assignment_name(group_id: str, principal: str, role: str) -> str:
    """Return the name of a role assignment on a resource group: infra/modules/group-role.bicep gives it the same."""
    return str(uuid.uuid5(_GUIDS, "-".join((group_id.lower(), principal, _ROLE_IDS[role]))))


class Identity:
    """The managed identity of one environment."""

    def __init__(self, where: client.Target, trusted: Trusted):
        """Derive its name; nothing is sent yet."""
        self.where, self.trusted = where, trusted
        self.name = f"id-{where.slug}-{where.env}"
        self.id = f"{where.group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"

    def look(self) -> str:
        """Say whether it is there."""
        return "" if self._get() else "missing"

    def make(self) -> None:
        """Create it."""
        body = {"location": self.where.place.region, "tags": {slots.OWNER: self.where.slug}}
        rest.management()("PUT", self.id, body, **{"api-version": IDENTITY_VERSION})

    def look_at_trust(self) -> str:
        """Say whether it trusts the environment under the subject that the CI system uses today."""
        found = rest.management()("GET", self._trust_id, **{"api-version": IDENTITY_VERSION})
        if not found:
            return "missing"
        has, wants = found["properties"], self._trust()
        return (
            ""
            if has["subject"] == wants["subject"] and has["issuer"] == wants["issuer"]
            else f"trusts {has['subject']}"
        )

    def make_trust(self) -> None:
        """Create or correct the federated credential.

        Raises:
            TdspError: the CI system does not say whom to trust.
        """
        trust = self._trust()
        if not trust["issuer"] or not trust["subject"]:
            raise TdspError(f"{self.trusted.host} does not say whom to trust")
        rest.management()("PUT", self._trust_id, {"properties": trust}, **{"api-version": IDENTITY_VERSION})

    def look_at_role(self, role: str) -> str:
        """Say whether it has a role on the resource group or above."""
        return "" if self._get() and self._assignment(role) else "missing"

    def make_role(self, role: str) -> None:
        """Assign a role on the resource group; the assignment's name follows from its content, so it is made once."""
        principal = self._principal()
        name = assignment_name(self.where.group_id, principal, role)
        properties = {
            "roleDefinitionId": self._definition(role),
            "principalId": principal,
            "principalType": "ServicePrincipal",  # without it a new identity may not be found yet
        }
        path = f"{self.where.group_id}/providers/Microsoft.Authorization/roleAssignments/{name}"
        rest.management()("PUT", path, {"properties": properties}, **{"api-version": ROLE_VERSION})

    def variables(self) -> dict[str, str]:
        """Return the ids by which a workflow names it."""
        properties = (self._get() or {}).get("properties", {})
        return dict(zip(VARIABLES, (properties.get("clientId", ""), properties.get("tenantId", "")), strict=True))

    def parameters(self) -> dict[str, str]:
        """Return the ids by which a service connection of Azure DevOps names it."""
        client_id, tenant_id = self.variables().values()
        return {"tenantid": tenant_id, "serviceprincipalid": client_id}

    def assignments(self) -> list[dict[str, Any]]:
        """Return its role assignments on the resource group and above; a role on one thing in the group is none."""
        if not self._get():
            return []
        path = f"{self.where.group_id}/providers/Microsoft.Authorization/roleAssignments"
        wanted = {"api-version": ROLE_VERSION, "$filter": f"principalId eq '{self._principal()}'"}
        found, group = rest.management().all(path, **wanted), self.where.group_id.lower() + "/"
        return [item for item in found if group.startswith(_scope(item) + "/")]

    def is_ours(self) -> bool:
        """Tell whether this project made it, and not somebody who gave theirs the same name."""
        return ((self._get() or {}).get("tags") or {}).get(slots.OWNER) == self.where.slug

    def is_wired(self) -> bool:
        """Tell whether it has a trust or a role that `connect` gave it."""
        trust = rest.management()("GET", self._trust_id, **{"api-version": IDENTITY_VERSION})
        return bool(trust) or any(map(self._is_given, self.assignments()))

    def remove(self) -> None:
        """Take its roles on the resource group away, and delete it with its trust; other roles are not ours to take.

        Of an identity that somebody else made, only what `connect` gave it goes.
        """
        ours = self.is_ours()
        for assignment in self.assignments():
            if _scope(assignment) == self.where.group_id.lower() and (ours or self._is_given(assignment)):
                rest.management()("DELETE", assignment["id"], **{"api-version": ROLE_VERSION})
        gone = self.id if ours else self._trust_id
        rest.management()("DELETE", gone, **{"api-version": IDENTITY_VERSION})

    def _is_given(self, assignment: dict[str, Any]) -> bool:
        """Tell whether `connect` made a role assignment: it follows from its name."""
        principal = assignment["properties"]["principalId"]
        names = {assignment_name(self.where.group_id, principal, role) for role in ROLES}
        return assignment["id"].rsplit("/", 1)[-1] in names

    def _get(self) -> dict[str, Any] | None:
        return rest.management()("GET", self.id, **{"api-version": IDENTITY_VERSION})

    def _principal(self) -> str:
        return (self._get() or {"properties": {"principalId": ""}})["properties"]["principalId"]

    @property
    def _trust_id(self) -> str:
        return f"{self.id}/federatedIdentityCredentials/{self.trusted.host.lower().replace(' ', '-')}-{self.where.env}"

    def _trust(self) -> dict[str, Any]:
        env = self.where.env
        return {"issuer": self.trusted.issuer(env), "subject": self.trusted.subject(env), "audiences": [AUDIENCE]}

    def _definition(self, role: str) -> str:
        scope = f"/subscriptions/{self.where.place.subscription_id}"
        return f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{_ROLE_IDS[role]}"

    def _assignment(self, role: str) -> dict[str, Any] | None:
        return next(
            (item for item in self.assignments() if item["properties"]["roleDefinitionId"].endswith(_ROLE_IDS[role])),
            None,
        )


def _scope(assignment: dict[str, Any]) -> str:
    return assignment["properties"]["scope"].lower().rstrip("/")
