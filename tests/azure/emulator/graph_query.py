"""Azure Resource Graph, as far as it finds workspaces in all subscriptions that the caller may read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.directory import RESOURCE_MANAGER
from emulator.forms import form
from emulator.routing import Call, Routes
from emulator.wire import Response, ServiceError, bad_request

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
SHAPE = form({"query": str, "options?": {"$top?": int, "$skip?": int}, "subscriptions?": [str]})
# The one kind of question that is understood: resources of a type, with their subscription's name, a few columns.
QUESTION = re.compile(
    r"resources \| where type =~ '(?P<type>[\w./]+)'"
    r" \| join kind=leftouter \(resourcecontainers \| where type =~ 'microsoft\.resources/subscriptions'"
    r" \| project subscriptionId, subscription = name\) on subscriptionId"
    r" \| project (?P<columns>\w+(, \w+)*)"
)


@routes("POST", "/providers/Microsoft.ResourceGraph/resources", "2024-04-01", shape=SHAPE, role=False)
def resources(cloud: Cloud, call: Call) -> Response:
    """Answer a question about all resources; those that the caller may not read are left out."""
    asked = QUESTION.fullmatch(call.body["query"])
    if not asked:
        raise bad_request("Query is invalid. Please refer to the documentation.", "InvalidQuery")
    principal = cloud.directory.principal(call.request, RESOURCE_MANAGER)
    rows = [
        {column: _column(item, column) for column in asked["columns"].split(", ")}
        for item in cloud.resources.of_type(asked["type"])
        if _may_read(cloud, principal, item, asked["type"])
    ]
    rows = rows[: (call.body.get("options") or {}).get("$top", 100)]
    answer = {"totalRecords": len(rows), "count": len(rows), "resultTruncated": "false", "facets": [], "data": rows}
    return Response(200, answer)


def _column(item: dict[str, Any], column: str) -> Any:
    return "Emulated" if column == "subscription" else item.get(column)


def _may_read(cloud: Cloud, principal: Any, item: dict[str, Any], kind: str) -> bool:
    try:
        cloud.access.demand(principal, f"{kind}/read", item["id"])
    except ServiceError:
        return False
    return True
