"""Roles: who may do what, where. An assignment gives a role's actions at a scope and everything below it."""

from __future__ import annotations

import fnmatch
import re
import uuid
from dataclasses import dataclass

from emulator.directory import Principal
from emulator.resources import Resources, scopes
from emulator.wire import ServiceError

ML = "Microsoft.MachineLearningServices"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"


@dataclass(frozen=True)
class Role:
    """A built-in role: its published id and the part of its definition that the emulator's services have."""

    name: str
    id: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        """Say whether the role gives an action."""
        wanted = self.data_actions if data else self.actions
        refused = () if data else self.not_actions
        return _any(wanted, action) and not _any(refused, action)


def _any(patterns: tuple[str, ...], action: str) -> bool:
    """Match as Azure does: `x/*/read` holds `x/read` too."""
    wide = [form for pattern in patterns for form in (pattern.lower(), pattern.lower().replace("/*/", "/"))]
    return any(fnmatch.fnmatchcase(action.lower(), form) for form in wide)


ASSIGN = ("Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete")
ELEVATED = (
    "Microsoft.Authorization/*/Delete",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/elevateAccess/Action",
)
BUILT_IN = (
    Role("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ("*",)),
    Role("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c", ("*",), ELEVATED),
    Role("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7", ("*/read",)),
    Role(
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        ("*/read", "Microsoft.Authorization/*"),
    ),
    Role("Role Based Access Control Administrator", "f58310d9-a9f6-439a-9e8d-f62e7b41a168", ("*/read", *ASSIGN)),
    Role(
        "AzureML Data Scientist",
        "f6c7c914-8db3-469d-8ca1-694a8f32e121",
        (
            f"{ML}/workspaces/*/read",
            f"{ML}/workspaces/*/action",
            f"{ML}/workspaces/*/delete",
            f"{ML}/workspaces/*/write",
        ),
        (
            f"{ML}/workspaces/delete",
            f"{ML}/workspaces/write",
            f"{ML}/workspaces/computes/*/write",
            f"{ML}/workspaces/computes/*/delete",
            f"{ML}/workspaces/computes/listKeys/action",
            f"{ML}/workspaces/listKeys/action",
            f"{ML}/workspaces/hubs/write",
            f"{ML}/workspaces/hubs/delete",
        ),
    ),
    Role("AzureML Compute Operator", "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815", (f"{ML}/workspaces/computes/*",)),
    Role(
        "AzureML Registry User",
        "1823dd4f-9b8c-4ab6-ab4e-7397a3684615",
        (f"{ML}/registries/read", f"{ML}/registries/assets/*"),
    ),
    Role(
        "Managed Identity Contributor",
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ),
    ),
    Role(
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/action",
        ),
    ),
    Role(
        "Storage Blob Data Reader",
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        (f"{BLOBS}/read",),
        (),
        (f"{BLOBS}/blobs/read",),
    ),
    Role(
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        (f"{BLOBS}/*",),
        (),
        (f"{BLOBS}/blobs/*",),
    ),
    Role(
        "AcrPull",
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        ("Microsoft.ContainerRegistry/registries/pull/read",),
    ),
    Role("AcrPush", "8311e382-0749-4cb8-b61a-304f252e45ec", ("Microsoft.ContainerRegistry/registries/*/read",)),
    Role("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
)
BY_ID = {role.id: role for role in BUILT_IN}
BY_NAME = {role.name: role for role in BUILT_IN}


class Access:
    """Answers whether a principal may do something, from the role assignments among the resources."""

    def __init__(self, resources: Resources):
        self._resources = resources

    def grant(self, principal: Principal, role: str, scope: str) -> str:
        """Assign a role by its name; return the assignment's id."""
        name = f"{scope.rstrip('/')}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        definition = f"/providers/Microsoft.Authorization/roleDefinitions/{BY_NAME[role].id}"
        properties = {"roleDefinitionId": definition, "principalId": principal.object_id, "scope": scope}
        self._resources.put(name, {"properties": {**properties, "principalType": principal.kind}})
        return name

    def roles(self, principal: Principal, scope: str) -> list[Role]:
        """Return the roles that a principal has at a scope, by assignments there or above."""
        above = {item.lower() for item in scopes(scope)}
        assignments = [
            item["properties"] for item in self._resources.of_type("Microsoft.Authorization/roleAssignments")
        ]
        mine = [item for item in assignments if item["principalId"] == principal.object_id]
        return [BY_ID[item["roleDefinitionId"].rsplit("/", 1)[-1]] for item in mine if item["scope"].lower() in above]

    def allows(self, principal: Principal, action: str, scope: str, *, data: bool = False) -> bool:
        """Say whether one of the principal's roles gives an action at a scope."""
        return any(role.allows(action, data=data) for role in self.roles(principal, scope))

    def demand(self, principal: Principal, action: str, scope: str) -> None:
        """Raise Azure's 403, with the roles that would help in its details."""
        if self.allows(principal, action, scope):
            return
        helping = [role.name for role in BUILT_IN if role.allows(action, data=False)]
        raise ServiceError(
            403,
            "AuthorizationFailed",
            f"The client '{principal.name}' with object id '{principal.object_id}' does not have "
            f"authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. "
            "If access was recently granted, please refresh your credentials.",
            details=[{"code": "RoleMissing", "message": f"One of these roles gives it: {', '.join(helping)}."}],
        )


VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


def action_of(method: str, path: str) -> str:
    """Return the action that a request to Azure Resource Manager needs, such as `Microsoft.X/ys/zs/write`."""
    match = re.match(r"/subscriptions(/[^/]+)?(/resourceGroups/[^/]+)?(/providers/.+)?$", path, re.IGNORECASE)
    provider = path.rpartition("/providers/")[2] if "/providers/" in path else ""
    if provider:
        namespace, *segments = provider.split("/")
        if method == "POST":
            *segments, verb = segments
            return "/".join([namespace, *segments[::2], verb, "action"])
        return "/".join([namespace, *segments[::2], VERBS[method]])
    groups = "/resourceGroups" if (match and match[2]) or path.lower().endswith("/resourcegroups") else ""
    return f"Microsoft.Resources/subscriptions{groups}/{VERBS.get(method, 'action')}"
