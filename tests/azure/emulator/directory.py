"""Who is who: users, service principals, managed identities, and the unsigned tokens that they carry."""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from emulator.wire import Request, ServiceError

TENANT = "11111111-1111-4111-8111-111111111111"
# The audiences that a service accepts.
RESOURCE_MANAGER = ("https://management.azure.com", "https://management.core.windows.net")
MACHINE_LEARNING = ("https://ml.azure.com", *RESOURCE_MANAGER)
STORAGE = ("https://storage.azure.com",)


@dataclass
class Principal:
    """Somebody who can sign in.

    Attributes:
        sightings: requests that named this principal so far; a new one is not known everywhere at once.
    """

    name: str
    kind: str = "User"
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = ""
    sightings: int = 0


def part(content: dict[str, Any]) -> str:
    """Return one part of a JSON web token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def claims(token: str) -> dict[str, Any]:
    """Return what a token says; an empty dict if it is not a token."""
    try:
        body = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}


class Directory:
    """The principals of the tenant, by object id."""

    def __init__(self):
        self._table: dict[str, Principal] = {}

    def add(self, principal: Principal) -> Principal:
        """Add a principal; it has no role yet."""
        self._table[principal.object_id] = principal
        return principal

    def remove(self, object_id: str) -> None:
        """Forget a principal; its tokens end with it."""
        self._table.pop(object_id, None)

    def get(self, object_id: str) -> Principal | None:
        """Return the principal, or None."""
        return self._table.get(object_id)

    def by_client(self, client_id: str) -> Principal | None:
        """Return the principal with an application (client) id, or None."""
        return next((item for item in self._table.values() if item.client_id == client_id), None)

    def token(self, principal: Principal, audience: str, *, lifetime: float = 3600) -> str:
        """Return an access token for `audience`, valid for `lifetime` seconds."""
        start = int(time.time())
        says = {
            "aud": audience.removesuffix("/.default").rstrip("/"),
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "oid": principal.object_id,
            "appid": principal.client_id,
            "iat": start,
            "nbf": start,
            "exp": int(start + lifetime),
        }
        if principal.kind == "User":
            says["upn"] = principal.name
        return ".".join([part({"alg": "none", "typ": "JWT"}), part(says), "emulated"])

    def principal(self, request: Request, audiences: tuple[str, ...]) -> Principal:
        """Return who sent a request.

        Raises:
            ServiceError: 401; the token is missing, for another service, expired, or of nobody.
        """
        says = claims((request.headers.get("Authorization") or "").removeprefix("Bearer "))
        principal = self.get(says.get("oid", ""))
        reason = None
        if not says:
            reason = "The 'Authorization' header is missing or holds no token."
        elif says["aud"] not in audiences:
            reason = f"The access token is for the wrong audience '{says['aud']}'."
        elif says["exp"] < time.time():
            reason = "The access token expiry UTC time is earlier than current UTC time."
        elif principal is None:
            reason = "The access token's principal does not exist in this tenant."
        if reason or principal is None:
            where = f"https://login.microsoftonline.com/{TENANT}"
            challenge = f'Bearer authorization_uri="{where}", error="invalid_token"'
            raise ServiceError(401, "InvalidAuthenticationToken", str(reason), headers={"WWW-Authenticate": challenge})
        return principal
