"""Lists, cut into pages of the tenant's `page_size`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from emulator.routing import Call
from emulator.wire import Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud


def page(cloud: Cloud, call: Call, items: list[dict[str, Any]]) -> Response:
    """Return the page of `items` that the request asks for, with the link to the next one."""
    query = call.request.query
    first = int(query.get("$skiptoken") or query.get("$skip") or 0)
    last = first + min(cloud.page_size, int(query.get("$top") or len(items) or 1))
    answer: dict[str, Any] = {"value": items[first:last]}
    if last < len(items) and "$top" not in query:
        more = urlencode({**query, "$skiptoken": str(last)}, safe="$")
        answer["nextLink"] = f"https://{call.request.host}{call.id}?{more}"
    return Response(200, answer)
