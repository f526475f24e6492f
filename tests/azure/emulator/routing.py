"""The contract, line by line: method, path, API versions, query, and the form of the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emulator.wire import ContractError, Request, Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud

Handler = Callable[["Cloud", "Call"], Response | dict[str, Any] | None]
MACROS = {
    "{group}": "/subscriptions/{subscription}/resourceGroups/{resource_group}",
    "{workspace}": (
        "/subscriptions/{subscription}/resourceGroups/{resource_group}"
        "/providers/Microsoft.MachineLearningServices/workspaces/{workspace_name}"
    ),
}


@dataclass(frozen=True)
class Call:
    """A request that found its route."""

    request: Request
    route: Route
    parameters: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    @property
    def id(self) -> str:
        """The path, which in Azure Resource Manager is the resource's id."""
        return self.request.path

    @property
    def body(self) -> Any:
        """The JSON body."""
        return self.request.json


@dataclass(frozen=True)
class Route:
    """One line of the contract.

    Attributes:
        versions: the API versions that are known; empty where the service has none.
        shape: checks the JSON body; None where a body must be absent or is not JSON.
        query: the query parameters that may be there, besides `api-version`.
        open: True where no token is needed.
        role: False where whoever is signed in may ask.
    """

    method: str
    path: str
    handler: Handler
    versions: tuple[str, ...] = ()
    shape: Callable[[Any, str], list[str]] | None = None
    query: tuple[str, ...] = ()
    open: bool = False
    role: bool = True
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self):
        path = self.path
        for macro, text in MACROS.items():
            path = path.replace(macro, text)
        parts = re.split(r"\{(\w+)(\+?)\}", path)
        regex = "".join(
            re.escape(text) + (f"(?P<{name}>{'.+' if plus else '[^/]+'})" if name else "")
            for text, name, plus in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True)
        )
        object.__setattr__(self, "pattern", re.compile(regex, re.IGNORECASE))


class Routes:
    """The routes of one service, known by its host names; `defaults` are options of all of them."""

    def __init__(self, host: str, **defaults: Any):
        self.host = re.compile(host, re.IGNORECASE)
        self._defaults = defaults
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __call__(self, method: str, path: str, *versions: str, **options: Any) -> Callable[[Handler], Handler]:
        """Add the decorated function as the answer to `method` and `path`."""

        def add(handler: Handler) -> Handler:
            self._routes.append(Route(method, path, handler, versions, **{**self._defaults, **options}))
            return handler

        return add


def find(services: list[Routes], request: Request) -> Call:
    """Return the route of a request with the values of its path.

    Raises:
        ContractError: host, path, method, API version, query parameter or body field is unknown.
    """
    hosts = [routes for routes in services if routes.host.fullmatch(request.host)]
    if not hosts:
        raise ContractError(f"unknown host {request.host}")
    matches = [
        (route, match) for routes in hosts for route in routes if (match := route.pattern.fullmatch(request.path))
    ]
    if not matches:
        raise ContractError(f"unknown route {request.path}")
    matches = [(route, match) for route, match in matches if route.method == request.method]
    if not matches:
        raise ContractError(f"unknown method {request.method} for {request.path}")
    version = request.query.get("api-version", "")
    fitting = [(route, match) for route, match in matches if not route.versions or version in route.versions]
    if not fitting:
        known = ", ".join(sorted({version for route, _ in matches for version in route.versions}))
        raise ContractError(f"unknown api-version {version!r}; known here: {known}")
    route, match = fitting[0]
    unknown = request.query.keys() - {"api-version", *route.query}
    if unknown and "*" not in route.query:
        raise ContractError(f"unknown query parameter {', '.join(sorted(unknown))}")
    _check_body(route, request, version)
    return Call(request, route, match.groupdict())


def _check_body(route: Route, request: Request, version: str) -> None:
    if route.shape is not None:
        problems = route.shape(request.json, version)
        if problems:
            raise ContractError("; ".join(problems))
    elif request.body and "json" in (request.headers.get("Content-Type") or "") and request.json:
        raise ContractError("a body where none is known")
