"""What a careful client asks first: resource providers, cores left, sizes, and names that are free."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.forms import form
from emulator.quota import FAMILIES, SIZES
from emulator.resources import now
from emulator.routing import Call, Routes
from emulator.wire import Response, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
PROVIDERS = ("2021-04-01", "2022-09-01", "2024-03-01", "2024-11-01", "2025-04-01")
KNOWN = (
    "Microsoft.MachineLearningServices",
    "Microsoft.ManagedIdentity",
    "Microsoft.Authorization",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.ContainerRegistry",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
    "Microsoft.Compute",
    "Microsoft.Network",
    "Microsoft.PolicyInsights",
    "Microsoft.Cdn",
    "Microsoft.Consumption",
    "Microsoft.EventGrid",
    "Microsoft.AlertsManagement",
)
SUBSCRIPTION = "/subscriptions/{subscription}/providers"


@routes("GET", SUBSCRIPTION + "/{namespace}", *PROVIDERS, query=("$expand",))
def provider(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show whether a resource provider is registered."""
    names = {name.lower(): name for name in KNOWN}
    if call["namespace"].lower() not in names:
        raise not_found(call["namespace"])
    name = names[call["namespace"].lower()]
    state = cloud.providers.get(name, "Registered")
    if state == "Registering":
        cloud.providers[name] = "Registered"
    base = f"/subscriptions/{cloud.subscription}/providers/{name}"
    return {"id": base, "namespace": name, "registrationState": state, "resourceTypes": []}


@routes("GET", SUBSCRIPTION, *PROVIDERS, query=("$top", "$expand"))
def providers(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the resource providers."""
    return {
        "value": [
            {
                "namespace": name,
                "registrationState": cloud.providers.get(name, "Registered"),
                "resourceTypes": [],
            }
            for name in KNOWN
        ]
    }


@routes("POST", SUBSCRIPTION + "/{namespace}/register", *PROVIDERS)
def register(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Begin to register a resource provider."""
    name = next((name for name in KNOWN if name.lower() == call["namespace"].lower()), None)
    if name is None:
        raise not_found(call["namespace"])
    if cloud.providers.get(name, "Registered") != "Registered":
        cloud.providers[name] = "Registering"
    return {"namespace": name, "registrationState": cloud.providers.get(name, "Registered")}


ML_LOCATION = SUBSCRIPTION + "/Microsoft.MachineLearningServices/locations/{region}"
ML_VERSIONS = ("2023-08-01-preview", "2024-04-01", "2024-10-01", "2025-06-01")


@routes("GET", ML_LOCATION + "/usages", *ML_VERSIONS)
def usages(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the cores in use and the limits, by family: the quota that endpoints and clusters share."""
    return {
        "value": [
            {
                "id": f"{call.id}/{family}",
                "type": "Microsoft.MachineLearningServices/vmFamily/dedicatedCores/usages",
                "unit": "Count",
                "currentValue": cloud.quota.used(family),
                "limit": cloud.quota.limits[family],
                "name": {"value": family, "localizedValue": f"{family} Cluster Dedicated vCPUs"},
            }
            for family in FAMILIES
        ]
    }


@routes("GET", ML_LOCATION + "/vmSizes", *ML_VERSIONS)
def sizes(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the virtual machine sizes of the region."""
    return {
        "value": [
            {
                "name": name,
                "family": family,
                "vCPUs": cores,
                "gpus": 0,
                "osVhdSizeMB": 1047552,
                "maxResourceVolumeMB": 1024 * 8 * cores,
                "memoryGB": cores * 3.5,
                "lowPriorityCapable": True,
                "premiumIO": True,
                "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
            }
            for name, (family, cores) in SIZES.items()
        ]
    }


# Provider -> (type that a request names, form of a name, API versions).
NAMED = {
    "Microsoft.Storage": (
        "Microsoft.Storage/storageAccounts",
        re.compile(r"[a-z0-9]{3,24}"),
        ("2023-05-01", "2024-01-01", "2025-01-01"),
    ),
    "Microsoft.KeyVault": (
        "Microsoft.KeyVault/vaults",
        re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]"),
        ("2022-07-01", "2023-07-01", "2024-11-01"),
    ),
    "Microsoft.ContainerRegistry": (
        "Microsoft.ContainerRegistry/registries",
        re.compile(r"[a-zA-Z0-9]{5,50}"),
        ("2023-07-01", "2025-04-01"),
    ),
}


def _add(namespace: str) -> None:
    kind, pattern, versions = NAMED[namespace]
    shape = form({"name": str, "type": {kind}})

    @routes("POST", f"{SUBSCRIPTION}/{namespace}/checkNameAvailability", *versions, shape=shape)
    def available(cloud: Cloud, call: Call) -> dict[str, Any]:
        name = call.body["name"]
        if not pattern.fullmatch(name):
            return {
                "nameAvailable": False,
                "reason": "AccountNameInvalid",
                "message": f"{name} is not a valid name.",
            }
        mine = {item["name"].lower() for item in cloud.resources.of_type(kind)}
        if name.lower() in mine | cloud.taken_names | set(cloud.deleted_vaults if "KeyVault" in namespace else ()):
            return {
                "nameAvailable": False,
                "reason": "AlreadyExists",
                "message": f"The name {name} is already in use.",
            }
        return {"nameAvailable": True, "reason": None, "message": None}


for _namespace in NAMED:
    _add(_namespace)


@routes("GET", SUBSCRIPTION + "/Microsoft.KeyVault/deletedVaults", *NAMED["Microsoft.KeyVault"][2])
def deleted_vaults(cloud: Cloud, call: Call) -> dict[str, Any]:
    """List the vaults that are deleted softly: each holds its name until it is purged."""
    location = f"/subscriptions/{cloud.subscription}/providers/Microsoft.KeyVault/locations/{cloud.region}"
    return {
        "value": [
            {
                "id": f"{location}/deletedVaults/{name}",
                "name": name,
                "type": "Microsoft.KeyVault/deletedVaults",
                "properties": {"vaultId": "", "location": cloud.region, "deletionDate": now(), "tags": {}},
            }
            for name in cloud.deleted_vaults
        ]
    }


@routes(
    "POST",
    SUBSCRIPTION + "/Microsoft.KeyVault/locations/{region}/deletedVaults/{name}/purge",
    *NAMED["Microsoft.KeyVault"][2],
)
def purge(cloud: Cloud, call: Call) -> Response:
    """Purge a vault that is deleted softly, and free its name."""
    if call["name"] not in cloud.deleted_vaults:
        raise not_found(call["name"])
    cloud.deleted_vaults.remove(call["name"])
    return Response(200)
