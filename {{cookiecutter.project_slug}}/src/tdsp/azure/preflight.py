"""What must hold before anything can work: the workspace is there, providers are registered, cores are left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from tdsp import project
from tdsp.azure import client, names, rest
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

PROVIDERS = {
    "Microsoft.MachineLearningServices": "the service itself",
    "Microsoft.ManagedIdentity": "the workflows' identity",
    "Microsoft.Insights": "scales the endpoint's slots by their load",
}
_VERSION = "2021-04-01"
_NAMED = {  # provider -> API version in which it tells about names
    "Microsoft.ContainerRegistry": "2023-07-01",
    "Microsoft.KeyVault": "2023-07-01",
    "Microsoft.Storage": "2023-05-01",
}
_UPGRADES = 1.2  # managed endpoints keep a fifth more cores than they use, for upgrades


def workspace(ml: MLClient, where: client.Target) -> str:
    """Say whether the workspace can be read, and lies where `project.yml` says."""
    from azure.core.exceptions import ResourceNotFoundError

    with client.speaking("workspace"):
        try:
            found = ml.workspaces.get(where.place.workspace)
        except ResourceNotFoundError:
            return f"missing; {_names(where)}"
    if found.location != where.place.region:
        return f"lies in {found.location}, project.yml says {where.place.region}"
    return ""


def apart(where: client.Target) -> str:
    """Say which other environment shares the resource group: the roles of each one's identity hold for all of it."""
    facts = project.load(project.find_root() / project.FILE)
    for env, place in facts.environments.items():
        other = client.Target(env, where.slug, place)
        if env != where.env and other.group_id.lower() == where.group_id.lower():
            return f"{where.place.resource_group} is also that of {env}, whose workspace the identity could change"
    return ""


def _names(where: client.Target) -> str:
    """Say whether the names that `infra/` would give to a new workspace's storage, vault and registry can be had."""
    subscription, wanted = f"/subscriptions/{where.place.subscription_id}/providers", names.of(where)
    try:
        path = f"{subscription}/Microsoft.KeyVault/deletedVaults"
        found = rest.management()("GET", path, **{"api-version": _NAMED["Microsoft.KeyVault"]}) or {"value": []}
        deleted = {item["name"] for item in found["value"]} & set(wanted.values())
        taken = []
        for kind, name in wanted.items():
            provider = kind.split("/")[0]
            path, body = f"{subscription}/{provider}/checkNameAvailability", {"name": name, "type": kind}
            answer = rest.management()("POST", path, body, **{"api-version": _NAMED[provider]})
            if not answer["nameAvailable"] and name not in deleted:
                taken.append(name)
    except TdspError as error:  # who may not look at vaults still wants to know about the workspace
        return f"whether its names are free cannot be seen ({str(error).splitlines()[0]})"
    # infra/ protects its vaults from being purged, and goes on with one that was taken back.
    held = [f"a deleted vault holds the name {name}: az keyvault recover --name {name}" for name in sorted(deleted)]
    held += [f"the name {name} is taken: infra/ takes another for another resource group" for name in taken]
    return "; ".join(held) or "the names that infra/ would give are free"


def provider(where: client.Target, name: str) -> str:
    """Say whether a resource provider is registered in the subscription."""
    found = rest.management()("GET", _provider(where, name), **{"api-version": _VERSION})
    state = found["registrationState"] if found else "missing"
    # "Registering" is as good: it takes some minutes and needs nobody.
    return "" if state in {"Registered", "Registering"} else state


def register(where: client.Target, name: str) -> None:
    """Register a resource provider."""
    rest.management()("POST", f"{_provider(where, name)}/register", **{"api-version": _VERSION})


def _provider(where: client.Target, name: str) -> str:
    return f"/subscriptions/{where.place.subscription_id}/providers/{name}"


def quota(ml: MLClient, where: client.Target) -> str:
    """Say whether the cores for one more deployment are left."""
    described = yaml.safe_load((project.find_root() / "scoring" / "deployment.yml").read_text(encoding="utf-8"))
    return cores_missing(ml, where, described["instance_type"], int(described.get("instance_count", 1)))


def cores_missing(ml: MLClient, where: client.Target, size: str, instances: int) -> str:
    """Say which cores are missing for some instances of a size; nothing when there are enough."""
    with client.speaking("quota"):
        sizes = {item.name.lower(): item for item in ml.compute.list_sizes(location=where.place.region)}
        found = sizes.get(size.lower())
        if found is None:
            return f"{where.place.region} has no size {size}"
        family = found.family.lower()
        usage = next(
            (item for item in ml.compute.list_usage(location=where.place.region) if _family(item) == family),
            None,
        )
    if usage is None:
        return ""
    needed, free = math.ceil(found.v_cp_us * instances * _UPGRADES), usage.limit - usage.current_value
    return "" if free >= needed else f"{size} needs {needed} cores of {found.family}, {free} of {usage.limit} are free"


def _family(usage: Any) -> str:
    """Return the family that a usage counts; the SDK hands the service's name over as a dictionary."""
    name = usage.name
    return str((name.get("value") if isinstance(name, dict) else getattr(name, "value", "")) or "").lower()
