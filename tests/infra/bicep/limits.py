"""What Azure demands of names, and of the ids of roles: checked on what a deployment would make."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from .files import Finding
from .fitting import wrong_text
from .order import check_waits
from .plan import Made, Plan
from .types import Choice, Library, Literal, String

# Rules that Microsoft's types do not hold: type -> shortest, longest, pattern.
NAMES = {
    "Microsoft.Authorization/roleDefinitions": String(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
    "Microsoft.Authorization/roleAssignments": String(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
    "Microsoft.Consumption/budgets": String(r"^[A-Za-z0-9_-]+$", 1, 63),
    "Microsoft.Insights/components": String(r"^[^%&\\?/]*[^%&\\?/. ]$", 1, 260),
    "Microsoft.Insights/diagnosticSettings": String(r"^[^*#&+:<>?\\/|]+$", 1, 256),
    "Microsoft.KeyVault/vaults": String(r"^[A-Za-z](-?[A-Za-z0-9])*$", 3, 24),
    "Microsoft.MachineLearningServices/workspaces/computes": String(r"^[A-Za-z](-?[A-Za-z0-9])*$", 2, 16),
    "Microsoft.ManagedIdentity/userAssignedIdentities": String(r"^[A-Za-z0-9][A-Za-z0-9_-]*$", 3, 128),
    "Microsoft.Network/privateDnsZones": String(r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", 1, 63 * 4),
    "Microsoft.Network/privateEndpoints": String(r"^[A-Za-z0-9]([\w.-]*\w)?$", 2, 64),
    "Microsoft.Storage/storageAccounts": String(r"^[a-z0-9]+$", 3, 24),
}
# Resources that answer under their own name.
PUBLIC = {
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.KeyVault/vaults",
    "Microsoft.MachineLearningServices/registries",
    "Microsoft.MachineLearningServices/workspaces",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Storage/storageAccounts",
}
RESERVED = re.compile(r"(?i)microsoft|windows|^login|^xbox")
# Azure's own roles: they have these ids in every tenant.
ROLES = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
    "AzureML Compute Operator": "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Registry User": "1823dd4f-9b8c-4ab6-ab4e-7397a3684615",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Role Based Access Control Administrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage File Data Privileged Contributor": "69566ab7-960f-475b-8e7c-b3118f30c6bd",
}


def check_plan(plan: Plan, library: Library) -> list[Finding]:
    """Return what Azure would refuse."""
    roles = {*ROLES.values(), *(made.name for made in plan.of("Microsoft.Authorization/roleDefinitions"))}
    found = [finding for made in plan.made for finding in check_made(made, library, roles)]
    found += check_waits(plan)
    for identity, count in Counter(made.id.lower() for made in plan.made).items():
        if count > 1:
            found.append(Finding("main.bicep", 1, f"{count} resources have the id {identity}"))
    for name, count in Counter(name.lower() for name in plan.deployments).items():
        if count > 1 or len(name) > 64 or not re.fullmatch(r"[\w.()-]+", name):
            found.append(Finding("main.bicep", 1, f"module name {name}: 1 to 64 characters, and each once"))
    return found


def check_made(made: Made, library: Library, roles: set[str]) -> Iterator[Finding]:
    name = made.file.path.relative_to(made.file.template.root.resolve()).as_posix()
    line = made.file.text.count("\n", 0, made.item.at) + 1
    known = library.get(made.type)
    kind = known.body.fields["name"].type if known else None
    for rule in (kind, NAMES.get(made.type)):
        if isinstance(rule, String) and (problem := wrong_text(made.name, rule)):
            yield Finding(name, line, f"{made.item.name}: the name {problem}")
        allowed = rule.options if isinstance(rule, Choice) and not rule.open else (rule,)
        if all(isinstance(one, Literal) for one in allowed) and Literal(made.name) not in allowed:
            yield Finding(name, line, f"{made.item.name}: the name {made.name} is not one of {rule.label}")
    if made.type in PUBLIC and RESERVED.search(made.name):
        yield Finding(name, line, f"{made.item.name}: Azure keeps the word in the name {made.name} for itself")
    if made.type == "Microsoft.Authorization/roleAssignments":
        role = str(made.body.get("properties", {}).get("roleDefinitionId", "")).rsplit("/", 1)[-1]
        if role not in roles:
            yield Finding(name, line, f"{made.item.name}: {role or 'nothing'} is no role that is known here")
