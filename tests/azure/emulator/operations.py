"""Long-running operations: a PUT that is only begun, and what a client sees until it ends."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.routing import Call, Routes
from emulator.wire import Response, ServiceError, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

# Who may begin an operation may follow it, though its address lies above the group that the role is given on.
routes = Routes(r"management\.azure\.com", role=False)
OPERATION = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{region}"
VERSIONS = (
    "2022-02-01-preview",
    "2023-04-01-preview",
    "2023-06-01-preview",
    "2023-08-01-preview",
    "2023-10-01",
)
VERSIONS += ("2024-01-01-preview", "2024-10-01-preview")
# The SDK sleeps five seconds between two questions unless it is told otherwise in milliseconds.
SOON = {"retry-after-ms": "5"}


@dataclass
class Operation:
    """One operation on one resource.

    Attributes:
        resource_id: what is being made, changed or deleted.
        polls: questions that are still answered "in progress"; below zero it never ends.
        finish: does the work; returns None, or the error that makes the operation fail.
    """

    resource_id: str
    polls: int
    finish: Callable[[], dict[str, str] | None]
    done: bool = False
    error: dict[str, str] | None = None


class Operations:
    """The operations of a tenant, by their id."""

    def __init__(self):
        self._table: dict[str, Operation] = {}
        self._lock = threading.RLock()

    def begin(self, resource_id: str, polls: int, finish: Callable[[], dict[str, str] | None]) -> str:
        """Start an operation and return its id."""
        name = uuid.uuid4().hex
        self._table[name] = Operation(resource_id.lower(), polls, finish)
        return name

    def ask(self, name: str) -> Operation | None:
        """Return the operation after one more question about it; None if there is no such operation."""
        operation = self._table.get(name)
        if operation:
            self._advance(operation)
        return operation

    def _advance(self, operation: Operation) -> None:
        with self._lock:
            if operation.done:
                return
            if operation.polls:
                operation.polls -= 1
                return
            operation.error = operation.finish()
            operation.done = True

    def running(self, resource_id: str) -> bool:
        """Say whether an operation on exactly this resource has not ended."""
        return any(not item.done and item.resource_id == resource_id.lower() for item in self._table.values())

    def release(self) -> None:
        """Let what would never end be done at the next look."""
        for operation in self._table.values():
            operation.polls = max(operation.polls, 0)

    def watch(self, resource_id: str) -> None:
        """Let a look at a resource bring its operations forward: who lost their ids can wait too."""
        for operation in list(self._table.values()):
            if operation.resource_id == resource_id.lower():
                self._advance(operation)


def begin(
    cloud: Cloud,
    call: Call,
    resource: dict[str, Any] | None,
    finish: Callable[[], dict[str, str] | None],
    *,
    created: bool,
) -> Response:
    """Answer a request whose work goes on.

    Args:
        cloud: the tenant.
        call: the request.
        resource: the body of the answer; None for a deletion.
        finish: the work itself, done when the client has asked often enough.
        created: whether the resource is new.
    """
    name = cloud.operations.begin(call.id, cloud.polls_for(call.id), finish)
    region = OPERATION.format(subscription=call["subscription"], region=cloud.region)
    status = f"https://management.azure.com{region}/mfeOperationsStatus/{name}?api-version=2024-01-01-preview"
    headers = {"Azure-AsyncOperation": status, "x-ms-async-operation-timeout": "PT1H", **SOON}
    if resource is None:
        return Response(202, b"", {**headers, "Location": status.replace("OperationsStatus", "OperationResults")})
    return Response(201 if created else 200, resource, headers)


def refuse_while_running(cloud: Cloud, resource_id: str) -> None:
    """Raise the service's 409 when an operation on the resource has not ended."""
    if cloud.operations.running(resource_id):
        message = f"Already running method on {resource_id.rsplit('/', 1)[-1]}: wait for the operation to end."
        raise ServiceError(409, "ResourceOperationInProgress", message)


@routes("GET", OPERATION + "/mfeOperationsStatus/{operation}", *VERSIONS)
def status(cloud: Cloud, call: Call) -> Response:
    """Answer how an operation stands."""
    operation = cloud.operations.ask(call["operation"])
    if operation is None:
        raise not_found(call["operation"])
    if not operation.done:
        return Response(200, {"status": "InProgress", "name": call["operation"]}, SOON)
    if operation.error:
        return Response(200, {"status": "Failed", "name": call["operation"], "error": operation.error})
    return Response(200, {"status": "Succeeded", "name": call["operation"]})


@routes("GET", OPERATION + "/mfeOperationResults/{operation}", *VERSIONS)
def results(cloud: Cloud, call: Call) -> Response:
    """Answer a deletion's `Location`."""
    operation = cloud.operations.ask(call["operation"])
    if operation is None:
        raise not_found(call["operation"])
    return Response(204 if operation.done else 202, b"", SOON)
