"""Subscriptions, tenants, resource groups: what lies above a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator.directory import RESOURCE_MANAGER, TENANT
from emulator.paging import page
from emulator.routing import Call, Routes
from emulator.wire import Response, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2016-06-01", "2019-11-01", "2020-01-01", "2021-01-01", "2022-12-01")
GROUPS = ("2019-07-01", "2021-04-01", "2022-09-01", "2024-03-01", "2024-11-01", "2025-04-01")


def _subscription(cloud: Cloud) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{cloud.subscription}",
        "subscriptionId": cloud.subscription,
        "tenantId": TENANT,
        "displayName": "Emulated",
        "state": "Enabled",
        "subscriptionPolicies": {},
        "managedByTenants": [],
    }


@routes("GET", "/tenants", *VERSIONS)
def tenants(cloud: Cloud, call: Call) -> Response:
    """List the tenants of who is signed in."""
    tenant = {
        "id": f"/tenants/{TENANT}",
        "tenantId": TENANT,
        "displayName": "Emulated",
        "defaultDomain": "example.com",
    }
    return Response(200, {"value": [tenant]})


@routes("GET", "/subscriptions", *VERSIONS)
def subscriptions(cloud: Cloud, call: Call) -> Response:
    """List the subscriptions that the caller has any role in."""
    principal = cloud.directory.principal(call.request, RESOURCE_MANAGER)
    seen = cloud.access.roles(principal, f"/subscriptions/{cloud.subscription}")
    return Response(200, {"value": [_subscription(cloud)] if seen else []})


@routes("GET", "/subscriptions/{subscription}", *VERSIONS)
def subscription(cloud: Cloud, call: Call) -> Response:
    """Show the subscription."""
    return Response(200, _subscription(cloud))


@routes("GET", "/subscriptions/{subscription}/resourceGroups", *GROUPS, query=("$top", "$filter", "$skiptoken"))
def groups(cloud: Cloud, call: Call) -> Response:
    """List the resource groups."""
    return page(cloud, call, cloud.resources.of_type("Microsoft.Resources/resourceGroups"))


@routes("GET", "{group}", *GROUPS)
def group(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a resource group."""
    found = cloud.resources.get(call.id)
    if found is None:
        raise not_found(call.id)
    return found
