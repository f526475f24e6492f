"""The address inside a compute at which a job finds its tokens: those of who submitted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.directory import claims
from emulator.routing import Call, Routes
from emulator.wire import Response, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

HOST = "job-identity.emulated"
routes = Routes(HOST.replace(".", r"\."), open=True, query=("resource",))


def address(run: str) -> str:
    """Return the `OBO_ENDPOINT` of a run."""
    return f"http://{HOST}/on-behalf-of/{run}"


@routes("GET", "/on-behalf-of/{run}")
def on_behalf_of(cloud: Cloud, call: Call) -> Response:
    """Give a token of the run's submitter; serverless jobs without an identity of their own run as that."""
    submitter = cloud.directory.get(cloud.runs[call["run"]].submitter) if call["run"] in cloud.runs else None
    if submitter is None:
        raise not_found(call["run"])
    token = cloud.directory.token(submitter, call.request.query["resource"])
    return Response(200, {"token": token, "expires_on": claims(token)["exp"]})
