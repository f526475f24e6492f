"""login.microsoftonline.com: tokens for secrets and for federated credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from emulator.directory import TENANT, Principal, claims, part
from emulator.resources import now
from emulator.routing import Call, Routes
from emulator.wire import Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"login\.microsoftonline\.com", open=True, query=("*",))
HOST = "login.microsoftonline.com"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_MATCH = "No matching federated identity record found for presented assertion"
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


@routes("GET", "/common/discovery/instance")
@routes("GET", "/{tenant}/discovery/instance")
def instance(cloud: Cloud, call: Call) -> Response:
    """Name the clouds that share this sign-in."""
    document = f"https://{HOST}/{TENANT}/v2.0/.well-known/openid-configuration"
    names = {
        "preferred_network": HOST,
        "preferred_cache": "login.windows.net",
        "aliases": [HOST, "login.windows.net"],
    }
    return Response(200, {"tenant_discovery_endpoint": document, "api-version": "1.1", "metadata": [names]})


@routes("GET", "/{tenant}/v2.0/.well-known/openid-configuration")
@routes("GET", "/{tenant}/.well-known/openid-configuration")
def configuration(cloud: Cloud, call: Call) -> Response:
    """Say where tokens are given."""
    base = f"https://{HOST}/{TENANT}"
    return Response(
        200,
        {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "tenant_region_scope": "EU",
        },
    )


@routes("POST", "/{tenant}/oauth2/v2.0/token")
@routes("POST", "/{tenant}/oauth2/token")
def token(cloud: Cloud, call: Call) -> Response:
    """Give a token to who shows a secret, or an assertion that a federated credential trusts."""
    form = {key: values[0] for key, values in parse_qs(call.request.body.decode()).items()}
    principal = cloud.directory.by_client(form.get("client_id", ""))
    if principal is None:
        text = f"Application with identifier '{form.get('client_id')}' was not found in the directory."
        return _failure("unauthorized_client", 700016, text)
    if form.get("client_assertion_type") == JWT_BEARER:
        problem = _federation(cloud, principal, claims(form.get("client_assertion", "")))
        if problem:
            return _failure("invalid_client", *problem)
    elif not principal.secret or form.get("client_secret") != principal.secret:
        return _failure("invalid_client", 7000215, "Invalid client secret provided.")
    audience = (form.get("scope") or form.get("resource") or "").split(" ")[0]
    answer = {
        "token_type": "Bearer",
        "expires_in": 3600,
        "ext_expires_in": 3600,
        "access_token": cloud.directory.token(principal, audience),
        "client_info": part({"uid": principal.object_id, "utid": TENANT}),
    }
    return Response(200, answer)


def _federation(cloud: Cloud, principal: Principal, says: dict[str, str]) -> tuple[int, str] | None:
    """Return the AADSTS code and text of a refusal; None when a credential trusts the assertion."""
    identity = next(
        (item for item in cloud.resources.of_type(IDENTITIES) if item["properties"]["clientId"] == principal.client_id),
        None,
    )
    collection = f"{identity['id']}/federatedIdentityCredentials" if identity else ""
    credentials = [item["properties"] for item in cloud.resources.children(collection)] if identity else []
    if not credentials:
        return 70025, f"The client '{principal.name}' has no configured federated identity credentials."
    issued = [item for item in credentials if item["issuer"] == says.get("iss")]
    if not issued:
        return (
            700211,
            f"{NO_MATCH} issuer '{says.get('iss')}'.",
        )
    subjects = [item for item in issued if item["subject"] == says.get("sub")]
    if not subjects:
        return (
            700213,
            f"{NO_MATCH} subject '{says.get('sub')}'.",
        )
    if not any(says.get("aud") in item["audiences"] for item in subjects):
        return (
            700212,
            f"{NO_MATCH} audience '{says.get('aud')}'.",
        )
    return None


def _failure(error: str, code: int, text: str) -> Response:
    return Response(
        401,
        {
            "error": error,
            "error_description": f"AADSTS{code}: {text}",
            "error_codes": [code],
            "timestamp": now(),
            "trace_id": "emulated",
            "correlation_id": "emulated",
        },
    )
