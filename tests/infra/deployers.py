"""Our own rules for those who deploy the infrastructure from a workflow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infra.bicep.limits import ROLES
from infra.bicep.plan import Made, Plan
from infra.bicep.standins import PLACE
from infra.demands import FIXED, IDENTITY, REGION, TAGS
from infra.policy import value_at

ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"
ENDS = {  # of each output's value
    "deployClientId": "-deploy.properties.clientId",
    "planClientId": "-plan.properties.clientId",
    "planPrincipalId": "-plan.properties.principalId",
    "tenantId": "-deploy.properties.tenantId",
}
OUTPUTS = ENDS.keys()
CUSTOM = "Microsoft.Authorization/roleDefinitions"
GIVES = ROLES["Role Based Access Control Administrator"]
LOOKS = {
    "*/read",
    "Microsoft.Resources/deployments/validate/action",
    "Microsoft.Resources/deployments/whatIf/action",
    "Microsoft.Resources/deployments/write",
}
ISSUER = "https://token.actions.githubusercontent.com"


def broken(plan: Plan, stem: str, givable: set[str], subjects: dict[str, str]) -> Iterator[str]:
    """Yield the rules that a deployment of deployers.bicep breaks.

    Args:
        plan: what it makes.
        stem: slug and environment, as they are in names.
        givable: the roles that main.bicep gives.
        subjects: its parameters of this name; the second environment has no subject of who looks ahead.
    """
    first = "planSubject" in subjects
    names = {made.name for made in plan.of(IDENTITY)}
    if names != {f"id-{stem}-deploy", *([f"id-{stem}-plan"] if first else [])}:
        yield f"the identities are {', '.join(sorted(names))}"
    empty = {key for key, value in plan.outputs.items() if not value}
    if plan.outputs.keys() != OUTPUTS or empty != (set() if first else {"planClientId"}):
        yield f"the outputs are {plan.outputs}"
    for key, end in ENDS.items():
        if plan.outputs.get(key) and not str(plan.outputs[key]).endswith(end):
            yield f"the output {key} is {plan.outputs[key]}"
    for made in plan.of(IDENTITY):
        if made.body.get("tags", {}).keys() != TAGS - {"tdsp.owner"} or made.body.get("location") != REGION:
            yield f"{made.name}: wrong tags, or in the wrong region"
    for made in plan.of(f"{IDENTITY}/federatedIdentityCredentials"):
        audiences = FIXED[made.type]["audiences"]
        if value_at(made, "audiences") != audiences or value_at(made, "issuer") != ISSUER:
            yield f"{made.name}: trusts {value_at(made, 'issuer')}"
        who = made.id.split("/")[-3].rsplit("-", 1)[-1]
        if value_at(made, "subject") != subjects.get(f"{who}Subject"):
            yield f"{made.name} of {who}: trusts {value_at(made, 'subject')}"
    (custom,) = plan.of(CUSTOM) or (None,)
    permissions = value_at(custom, "permissions") if custom else []
    if [{key: set(value) for key, value in one.items()} for one in permissions] != [{"actions": LOOKS}]:
        yield "who looks ahead may do something else than that"
    elif not value_at(custom, "roleName"):
        yield "the role of who looks ahead has no name"
    elif value_at(custom, "assignableScopes") != [PLACE.group_id] or value_at(custom, "type") != "CustomRole":
        yield "the role of who looks ahead holds in other places"
    held = {
        (re.split(r"\.properties\b", made.body["properties"]["principalId"])[0].rsplit("-", 1)[-1], role(made)): made
        for made in plan.of("Microsoft.Authorization/roleAssignments")
    }
    if held.keys() != {("deploy", ROLES["Contributor"]), ("deploy", GIVES), ("plan", custom.name if custom else "")}:
        yield f"roles are {sorted(held)}"
    for (_, kind), made in held.items():
        if not str(value_at(made, "principalId")).endswith(".principalId"):
            yield f"{made.item.name}: its principalId is none"
        condition = value_at(made, "condition") or ""
        if kind == GIVES and (condition, value_at(made, "conditionVersion")) != (limit(givable), "2.0"):
            yield "who deploys may give other roles than those of main.bicep"
        if kind != GIVES and condition:
            yield f"{made.item.name}: a condition where none belongs"


def role(made: Made) -> str:
    """Return the id of the role that an assignment gives."""
    return made.body["properties"]["roleDefinitionId"].rsplit("/", 1)[-1]


def limit(givable: set[str]) -> str:
    """Return the condition under which these roles may be given and taken, to and from identities, and no others."""
    ids = ", ".join(ROLES[name] for name in sorted(ROLES) if ROLES[name] in givable)
    given, kind = (
        f"ForAnyOfAnyValues:GuidEquals {{{ids}}}",
        "ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}",
    )
    return " AND ".join(
        f"((!(ActionMatches{{'{ASSIGNMENTS}/{action}'}})) OR "
        f"({source}[{ASSIGNMENTS}:RoleDefinitionId] {given} AND {source}[{ASSIGNMENTS}:PrincipalType] {kind}))"
        for action, source in (("write", "@Request"), ("delete", "@Resource"))
    )
