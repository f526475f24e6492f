"""Everything that is demanded of the folder `infra/` of a generated project, as one list of findings."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import demands, deployers, policy
from infra.bicep.check import check
from infra.bicep.engine import deploy, given_by
from infra.bicep.files import Finding, Template
from infra.bicep.limits import PUBLIC, check_plan
from infra.bicep.plan import Plan
from infra.bicep.standins import PLACE, Place, UndoableError
from infra.bicep.types import Library

LIBRARY = Library()
ENVIRONMENTS = ("dev", "prod")
GIVEN = ("slug", "env", "location", "owner", "workspaceName", "budgetStart")
RULES = {
    "adminusername-should-not-be-literal",
    "artifacts-parameters",
    "max-outputs",
    "max-params",
    "no-hardcoded-env-urls",
    "no-hardcoded-location",
    "no-unnecessary-dependson",
    "no-unused-existing-resources",
    "no-unused-params",
    "no-unused-vars",
    "outputs-should-not-contain-secrets",
    "prefer-interpolation",
    "secure-parameter-default",
    "secure-params-in-nested-deploy",
    "secure-secrets-in-params",
    "simplify-interpolation",
    "use-parent-property",
    "use-stable-resource-identifiers",
}
SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
TRUST = {
    "name": "github-dev",
    "issuer": "https://token.actions.githubusercontent.com",
    "subject": "repo:o/r:environment:dev",
}
# Deployments of deployers.bicep: for the first environment, and for the second.
DEPLOYERS = {
    "first": {"deploySubject": "repo:o/r:environment:dev-infra", "planSubject": "repo:o/r:pull_request"},
    "second": {
        "deploySubject": "repo:o/r:environment:prod-infra",
        "planPrincipalId": "there-plan.properties.principalId",
    },
}
LONGEST, SHORTEST = "a" + "-bc" * 13, "k"
# Named deployments: what is given beside the parameter file.
SCENARIOS: dict[str, dict[str, Any]] = {
    "as generated": {},
    "everything": {
        "slug": LONGEST,
        "workspaceName": "",
        "isolated": True,
        "approvedHosts": demands.HOSTS,
        "subnetId": SUBNET,
        "createModelRegistry": True,
        "trusts": [TRUST],
        "budgetContacts": ["a@example.org"],
    },
    "as little as possible": {
        "slug": SHORTEST,
        "workspaceName": "mlw-there",
        "createCluster": False,
        "monthlyBudget": 0,
    },
    "a workspace that is there": {"workspaceName": "mlw-there"},
    "a new workspace, isolated": {"workspaceName": "", "isolated": True, "approvedHosts": demands.HOSTS},
    "a new workspace in a network": {"workspaceName": "", "subnetId": SUBNET, "approvedHosts": demands.HOSTS},
    "a new workspace, no cluster": {"workspaceName": "", "isolated": True, "createCluster": False},
}


def parameters(infra: Path, env: str, **changes: Any) -> dict[str, Any]:
    """Return what an environment's file gives, with some of it changed."""
    file = Template(infra, LIBRARY).open(infra / f"{env}.bicepparam")
    assert file is not None, f"infra/{env}.bicepparam is gone"
    return {**given_by(file), **changes}


def plan(infra: Path, env: str, place: Place = PLACE, **changes: Any) -> Plan:
    """Return what a deployment of an environment would make, with some parameters changed."""
    main = Template(infra, LIBRARY).open(infra / "main.bicep")
    assert main is not None, "infra/main.bicep is gone"
    return deploy(main, parameters(infra, env, **changes), place)


def verdict(infra: Path) -> list[Finding]:
    """Return what is wrong, whoever would be the first to notice: the compiler, its linter, Azure, or our own rules."""
    found = [*check(infra, LIBRARY), *judge_settings(infra), *judge_guards(infra)]
    return found or sorted({*judge_plans(infra), *judge_uniqueness(infra), *judge_deployers(infra)})


def judge_settings(infra: Path) -> Iterator[Finding]:
    """The linter's settings are settings, and each parameter file reads its own environment's facts."""
    try:
        rules = json.loads((infra / "bicepconfig.json").read_text(encoding="utf-8"))["analyzers"]["core"]["rules"]
        wrong = [name for name, rule in rules.items() if name not in RULES or rule != {"level": "error"}]
    except (OSError, ValueError, KeyError, TypeError) as error:
        wrong = [f"it cannot be read: {error}"]
    if wrong:
        yield Finding("bicepconfig.json", 1, f"no rule of the linter at level error: {', '.join(wrong)}")
    for path in sorted(infra.rglob("*.bicep")):
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"\b(utcNow|newGuid)\(", text):
            line = text.count("\n", 0, found.start()) + 1
            yield Finding(path.relative_to(infra).as_posix(), line, f"{found[1]}: another value in each deployment")
    for env in ENVIRONMENTS:
        text = (infra / f"{env}.bicepparam").read_text(encoding="utf-8")
        missing = [name for name in GIVEN if not re.search(rf"(?m)^param {name} = ", text)]
        if missing:
            yield Finding(f"{env}.bicepparam", 1, f"{', '.join(missing)} would silently be a default")
        for found in re.finditer(r"environments\.(\w+)", text):
            if found[1] != env:
                yield Finding(
                    f"{env}.bicepparam", text.count("\n", 0, found.start()) + 1, f"reads a fact of {found[1]}"
                )


def judge_guards(infra: Path) -> Iterator[Finding]:
    """What is given is held to limits: texts that become names, and every number."""
    template = Template(infra, LIBRARY)
    for path in sorted(infra.rglob("*.bicep")):
        file = template.open(path)
        for item in file.of("param") if file else ():
            limits = (
                ("maxLength",) if item.name == "workspaceName" and path.parent == infra else ("minLength", "maxLength")
            )
            wanted = limits if re.search(r"(^|[a-z])([Nn]ame|slug)$", item.name) else ()
            if path.parent == infra and file.declared(item).label == "int":
                wanted = ("minValue",)
            for decorator in ("allowed",) if item.name == "env" else wanted:
                if not item.decorator(decorator):
                    line = file.text.count("\n", 0, item.at) + 1
                    yield Finding(
                        path.relative_to(infra).as_posix(), line, f"param {item.name}: @{decorator} is missing"
                    )


def judge_deployers(infra: Path) -> Iterator[Finding]:
    """Those who deploy from a workflow can do what main.bicep does, and no more."""
    template = Template(infra, LIBRARY)
    for env in ENVIRONMENTS:
        for slug, subjects in itertools.product((LONGEST, SHORTEST), DEPLOYERS.values()):
            given = {"slug": slug, "env": env, "location": demands.REGION, **subjects}
            try:
                made = deploy(template.open(infra / "deployers.bicep"), given)
            except UndoableError as error:
                yield Finding("deployers.bicep", 1, str(error))
                continue
            yield from check_plan(made, LIBRARY)
            allowed = json.loads((infra / "roles.json").read_text(encoding="utf-8")).values()
            for problem in deployers.broken(made, f"{slug}-{env}", set(allowed), subjects):
                yield Finding("deployers.bicep", 1, problem)


def judge_uniqueness(infra: Path) -> Iterator[Finding]:
    """No two projects, environments or resource groups share a name that has to be unique in the world."""
    try:
        plans = [
            plan(infra, "dev"),
            plan(infra, "prod"),
            plan(infra, "dev", slug="disease-progressions"),
            plan(infra, "dev", Place(group="rg-other")),
            plan(infra, "dev", Place(subscription="22222222-2222-3333-4444-555555555555")),
        ]
    except UndoableError:  # said already
        return
    template = Template(infra, LIBRARY)
    given = {"slug": SHORTEST, "env": "dev", "location": demands.REGION, **DEPLOYERS["first"]}
    here, elsewhere = (
        {made.name for made in deploy(template.open(infra / "deployers.bicep"), given, place).of(deployers.CUSTOM)}
        for place in (PLACE, Place(group="rg-other"))
    )
    if here & elsewhere:
        yield Finding("deployers.bicep", 1, "a role of its own has the same id in another resource group")
    for kind in PUBLIC:
        names = [made.name for one in plans for made in one.of(kind)]
        if kind != demands.LOGS and len(set(names)) < len(names):
            yield Finding("main.bicep", 1, f"{kind}: {names[0]} would be taken twice")


def judge_plans(infra: Path) -> Iterator[Finding]:
    for env in ENVIRONMENTS:
        for name, changes in SCENARIOS.items():
            try:
                made = plan(infra, env, **{"location": demands.REGION, **changes})
            except UndoableError as error:
                yield Finding(f"{env}.bicepparam", 1, f"{name}: {error}")
                continue
            yield from check_plan(made, LIBRARY)
            for problem in policy.broken(made, env, parameters(infra, env, **changes)):
                yield Finding(f"{env}.bicepparam", 1, f"{name}: {problem}")
