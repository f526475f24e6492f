"""What goes over the wire: requests, answers, and the three ways in which a request can go wrong."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request, as the service reads it."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @functools.cached_property
    def path(self) -> str:
        """The decoded path, without a slash at its end."""
        return unquote(urlsplit(self.target).path).rstrip("/") or "/"

    @functools.cached_property
    def query(self) -> dict[str, str]:
        """The query parameters; a repeated one keeps its last value."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @functools.cached_property
    def json(self) -> Any:
        """The body read as JSON; an empty dict when there is none.

        Raises:
            ServiceError: 400, as Azure Resource Manager answers.
        """
        try:
            return json.loads(self.body) if self.body else {}
        except ValueError:
            raise ServiceError(400, "InvalidRequestContent", "The request content was not JSON.") from None

    def __str__(self) -> str:
        lines = [f"{self.method} https://{self.host}{self.target}"]
        if self.body:
            lines.append(self.body[:2000].decode(errors="replace"))
        return "\n".join(lines)


@dataclass
class Response:
    """One HTTP answer; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


class ServiceError(Exception):
    """An answer that real Azure would give: the client may run into it and react."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        details: list[dict[str, str]] | None = None,
    ):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers, self.details = headers or {}, details or []

    def response(self) -> Response:
        """Return the error in Azure Resource Manager's form."""
        error = {"code": self.code, "message": self.message, "details": self.details}
        return Response(self.status, {"error": error}, self.headers)


class ContractError(Exception):
    """A request that the contract does not know: the test that sent it must fail."""


class HangupError(Exception):
    """The connection ends without an answer."""


def not_found(what: str) -> ServiceError:
    """Return Azure's 404 for a resource id or a name."""
    return ServiceError(404, "ResourceNotFound", f"The resource {what} was not found.")


def bad_request(message: str, code: str = "BadArgument") -> ServiceError:
    """Return the service's 400."""
    return ServiceError(400, code, message)
