"""Our own rules for what is deployed: no keys, no public data, nothing that costs while idle, few roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from infra.bicep.limits import ROLES
from infra.bicep.plan import Made, Plan
from infra.bicep.types import Library
from infra.demands import (
    DEFINITIONS,
    FIXED,
    GRANTED,
    HIDDEN,
    IDENTITY,
    INSIGHTS,
    KINDS,
    LOGS,
    MACHINE_LEARNING,
    ONE_BY_ONE,
    OUTPUTS,
    PLACES,
    PLATFORM,
    RANGES,
    REGION,
    REGISTRY,
    SKUS,
    STORAGE,
    TAGS,
    VAULT,
    WATCHED,
    WAYS,
    ZONES,
)

LIBRARY = Library()


def granted(plan: Plan, env: str) -> dict[str, dict[str, set[str]]]:
    """Return who gets which role where."""
    names = {value: key for key, value in ROLES.items()}
    found: dict[str, dict[str, set[str]]] = {}
    for made in plan.of("Microsoft.Authorization/roleAssignments"):
        properties = made.body["properties"]
        holder = re.split(r"\.(?:properties|identity)\b", str(properties["principalId"]))[0].rsplit("/", 1)[-1]
        who = {"cpu-cluster": "cluster"}.get(holder, "workflows" if holder.endswith(f"-{env}") else "workspace")
        scope = made.id.split("/providers/Microsoft.Authorization")[0]
        where = "resource group" if "/providers/" not in scope else PLACES["/".join(scope.split("/")[-3:-1])]
        role = properties["roleDefinitionId"].rsplit("/", 1)[-1]
        found.setdefault(who, {}).setdefault(where, set()).add(names.get(role, role))
    return found


def value_at(made: Made, path: str) -> Any:
    """Return a property by its path below `properties`; None if it is not there."""
    value: Any = made.body.get("properties", {})
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def broken(plan: Plan, env: str, given: dict[str, Any]) -> Iterator[str]:
    """Yield the rules that a deployment breaks; `given` are its parameters."""
    for made in plan.made:
        for path, wanted in FIXED.get(made.type, {}).items():
            if value_at(made, path) != wanted or type(value_at(made, path)) is not type(wanted):
                yield f"{made.item.name}: {path} is {value_at(made, path)}, has to be {wanted}"
        for path, (low, high) in RANGES.get(made.type, {}).items():
            if not low <= (value_at(made, path) or 0) <= high:
                yield f"{made.item.name}: {path} is {value_at(made, path)}, has to be from {low} to {high}"
        if made.type in KINDS and made.body.get("kind") != KINDS[made.type]:
            yield f"{made.item.name}: kind is {made.body.get('kind')}, has to be {KINDS[made.type]}"
        if made.type in SKUS and made.body.get("sku") != SKUS[made.type]:
            yield f"{made.item.name}: sku is {made.body.get('sku')}, has to be {SKUS[made.type]}"
        yield from misplaced(made, env)
        if made.type == "Microsoft.Authorization/roleAssignments":
            if made.body["properties"].get("principalType") != "ServicePrincipal":
                yield f"{made.item.name}: without principalType ServicePrincipal a new identity may not be found yet"
            if not str(made.body["properties"].get("roleDefinitionId")).startswith(DEFINITIONS):
                yield f"{made.item.name}: Azure's own roles are named by subscriptionResourceId()"
            if not str(made.body["properties"].get("principalId")).endswith(".principalId"):
                yield f"{made.item.name}: its principalId is none"
        if made.type.endswith("/federatedIdentityCredentials"):
            trusted = {"name": made.name, "issuer": value_at(made, "issuer"), "subject": value_at(made, "subject")}
            if trusted not in given.get("trusts", []):
                yield f"{made.item.name}: trusts {trusted}, which nobody asked for"
    yield from links(plan)
    yield from ways(plan)
    yield from optional(plan, given)
    if plan.outputs.keys() != OUTPUTS or not all(plan.outputs.values()):
        yield f"outputs are {', '.join(plan.outputs)}, have to be {', '.join(OUTPUTS)}"
    for key in ("clientId", "tenantId"):
        if not str(plan.outputs.get(key)).endswith(f"-{env}.properties.{key}"):
            yield f"the output {key} is {plan.outputs.get(key)}"
    for made in plan.of(f"{MACHINE_LEARNING}/computes"):
        if made.id.split("/")[-3] != plan.outputs.get("workspaceName"):
            yield f"the cluster belongs to {made.id.split('/')[-3]}"
    for made in plan.of(MACHINE_LEARNING):
        if plan.outputs.get("workspaceName") != made.name:
            yield "the output workspaceName names another workspace"
    for who, places in granted(plan, env).items():
        for where, roles in places.items():
            if roles != GRANTED.get(who, {}).get(where):
                yield f"{who} has {', '.join(sorted(roles))} on {where}"
    for who in ("workflows", *(["workspace"] if plan.of(STORAGE) else [])):
        missing = GRANTED[who].keys() - granted(plan, env).get(who, {}).keys() - {"model registry"}
        if missing:
            yield f"{who} has no role on {', '.join(sorted(missing))}"


def misplaced(made: Made, env: str) -> Iterator[str]:
    """Everything lies in the given region and says whose it is."""
    known = LIBRARY.get(made.type)
    fields = known.body.fields if known else {}
    if "location" in fields and made.body.get("location") not in (REGION, "global"):
        yield f"{made.item.name}: location is {made.body.get('location')}"
    tags = made.body.get("tags", {})
    if (
        "tags" in fields
        and "virtualNetworkLinks" not in made.type
        and (tags.keys() != TAGS or tags["tdsp.environment"] != env)
    ):
        yield f"{made.item.name}: has no tags, or wrong ones"
    if made.type in ONE_BY_ONE and not made.item.decorator("batchSize"):
        yield f"{made.item.name}: Azure refuses two at a time, @batchSize(1) is missing"
    if made.type.endswith("/diagnosticSettings") and value_at(made, "logs.0.categoryGroup") not in ("audit", "allLogs"):
        yield f"{made.item.name}: no group of logs is named"


def links(plan: Plan) -> Iterator[str]:
    """What belongs together names each other."""
    ids = {made.type: made.id for made in plan.made if made.type in PLATFORM}
    for made in plan.of(MACHINE_LEARNING):
        wanted = {
            "storageAccount": STORAGE,
            "keyVault": VAULT,
            "containerRegistry": REGISTRY,
            "applicationInsights": INSIGHTS,
        }
        for key, kind in wanted.items():
            if value_at(made, key) != ids.get(kind):
                yield f"workspace: {key} is {value_at(made, key)}"
        own = value_at(made, "primaryUserAssignedIdentity")
        if (
            own not in made.body.get("identity", {}).get("userAssignedIdentities", {})
            or made.body["identity"].get("type") != "UserAssigned"
        ):
            yield "workspace: its identity is another one than its primary identity"
    for made in plan.of(INSIGHTS):
        if value_at(made, "WorkspaceResourceId") != ids.get(LOGS):
            yield "Application Insights do not write to the logs"
    watched = {
        made.id.split("/providers/Microsoft.Insights")[0] for made in plan.of("Microsoft.Insights/diagnosticSettings")
    }
    for kind in WATCHED:
        # The account itself has no log of who reads what, only its services have one.
        place = f"{ids.get(kind)}/blobServices/default" if kind == STORAGE else ids.get(kind)
        if kind in ids and place not in watched:
            yield f"{kind} writes no audit log"
    for made in plan.of("Microsoft.Insights/diagnosticSettings"):
        if value_at(made, "workspaceId") != ids.get(LOGS):
            yield f"{made.item.name} does not write to the logs"


def ways(plan: Plan) -> Iterator[str]:
    """Each private endpoint leads to its service, and its name is found."""
    endpoints, zones = plan.of("Microsoft.Network/privateEndpoints"), plan.of("Microsoft.Network/privateDnsZones")
    ids = {one.id: one for one in plan.made}
    if not endpoints and not zones:
        return
    groups = {value_at(made, "privateLinkServiceConnections.0.properties.groupIds.0") for made in endpoints}
    if (
        groups != WAYS.keys()
        or {made.name for made in zones} != ZONES
        or {made.body.get("location") for made in zones} != {"global"}
    ):
        yield "private endpoints and their zones are not those that the services need"
    subnets = {value_at(made, "subnet.id") for made in endpoints}
    networks = {value_at(made, "virtualNetwork.id") for made in plan.made if made.type.endswith("/virtualNetworkLinks")}
    if {str(subnet).rsplit("/subnets/", 1)[0] for subnet in subnets} != networks or len(subnets) != 1:
        yield "private endpoints and links of zones are in different networks"
    for made in endpoints:
        if not value_at(made, "privateLinkServiceConnections.0.name"):
            yield f"{made.name}: its connection has no name"
        group = value_at(made, "privateLinkServiceConnections.0.properties.groupIds.0")
        target = ids.get(value_at(made, "privateLinkServiceConnections.0.properties.privateLinkServiceId"))
        if target is None or target.type != WAYS.get(group):
            yield f"{made.name} leads elsewhere, or nowhere"
    recorded = {
        value_at(made, f"privateDnsZoneConfigs.{i}.properties.privateDnsZoneId")
        for made in plan.of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
        for i in range(len(value_at(made, "privateDnsZoneConfigs")))
    }
    unnamed = [
        config
        for made in plan.of("Microsoft.Network/privateEndpoints/privateDnsZoneGroups")
        for config in value_at(made, "privateDnsZoneConfigs")
        if not config.get("name")
    ]
    if unnamed or recorded != {made.id for made in zones}:
        yield "a zone is not written to, or does not exist"


def optional(plan: Plan, given: dict[str, Any]) -> Iterator[str]:
    """What was asked for is there, and nothing else."""
    hidden, isolated, there = (bool(given.get(key)) for key in ("subnetId", "isolated", "workspaceName"))
    cluster = given.get("createCluster", True)
    access = {value_at(made, "publicNetworkAccess") for made in plan.made if made.type in HIDDEN}
    if access - {"Disabled" if hidden else "Enabled"}:
        yield f"publicNetworkAccess: {access}"
    for made in plan.of(MACHINE_LEARNING):
        mode = "AllowOnlyApprovedOutbound" if isolated else "Disabled"
        if value_at(made, "managedNetwork.isolationMode") != mode or value_at(made, "provisionNetworkNow") != isolated:
            yield "workspace: managed network is not as asked for"
        if value_at(made, "imageBuildCompute") != ("cpu-cluster" if isolated and cluster else None):
            yield "workspace: images are not built where they can be"
    for made in plan.of(REGISTRY):
        if made.body["sku"]["name"] != ("Premium" if hidden or isolated else "Basic"):
            yield "container registry: wrong tier"
    rules = {value_at(made, "networkAcls.defaultAction") for made in (*plan.of(STORAGE), *plan.of(VAULT))}
    if rules - {"Deny" if hidden else "Allow"}:
        yield "networkAcls.defaultAction does not go with publicNetworkAccess"
    for made in plan.of("Microsoft.Consumption/budgets"):
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-01T00:00:00Z", str(value_at(made, "timePeriod.startDate"))):
            yield f"the budget begins on {value_at(made, 'timePeriod.startDate')}, has to be a first of a month"
    hosts = [value_at(made, "destination") for made in plan.of(f"{MACHINE_LEARNING}/outboundRules")]
    wanted = given.get("approvedHosts", []) if isolated else []
    if hosts != wanted:
        yield f"approved hosts are {hosts}"
    counts = {
        "Microsoft.MachineLearningServices/workspaces/outboundRules": len(wanted),
        "Microsoft.Network/privateEndpoints": 5 * hidden,
        "Microsoft.Network/privateDnsZones": 6 * hidden,
        "Microsoft.MachineLearningServices/registries": int(given.get("createModelRegistry", False)),
        "Microsoft.Consumption/budgets": int(given.get("monthlyBudget") != 0),
        f"{MACHINE_LEARNING}/computes": int(cluster and not there),
        f"{IDENTITY}/federatedIdentityCredentials": len(given.get("trusts", [])),
    }
    for kind, count in counts.items():
        if len(plan.of(kind)) != count:
            yield f"{len(plan.of(kind))} of {kind}, {count} asked for"
    if there:
        for kind in PLATFORM & {made.type for made in plan.made}:
            yield f"{kind} is made beside a workspace that was there"
    elif hidden and PLATFORM - {made.type for made in plan.made}:
        yield f"missing: {PLATFORM - {made.type for made in plan.made}}"
