"""REST with retries, for what the Azure ML SDK does not offer: Azure's resource manager, and GitHub."""

from __future__ import annotations

import functools
from typing import Any

from tdsp import shell
from tdsp.azure import client
from tdsp.errors import TdspError

MANAGEMENT = "https://management.azure.com"
GITHUB = "https://api.github.com"


class Api:
    """One service that speaks JSON.

    A 404 is an answer here (`None`): the thing is not there. Any other failure is a `client.RefusedError`.
    """

    def __init__(self, base: str, *policies: Any, **headers: str):
        """Prepare the way; nothing is sent yet.

        Args:
            base: address without a final slash.
            policies: how requests are signed.
            headers: sent with each request.
        """
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import HeadersPolicy, RetryPolicy

        self._base = base
        self._client = PipelineClient(base, policies=[HeadersPolicy(headers), RetryPolicy(), *policies])

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Send one request and return the JSON of the answer; None when there is nothing (404, or no content)."""
        from azure.core.rest import HttpRequest

        what = f"{method} {client.redact(path)}"
        request = HttpRequest(method, self._base + path, params=query or None, json=body)
        with client.speaking(what):
            answer = self._client.send_request(request)
            if answer.status_code == 404 and method in {"GET", "DELETE"}:
                return None
            if answer.status_code in (301, 307, 308) and self._base == GITHUB:
                said = "the repository has another name now: git remote set-url origin ADDRESS"
                raise client.RefusedError(f"{what}: {said}", answer.status_code)
            if answer.status_code == 203 or 300 <= answer.status_code < 400:
                # Azure DevOps leads who may not come in to its sign-in page; nobody is followed elsewhere.
                said = "not signed in there, or not allowed in: `az login` with another account"
                raise client.RefusedError(f"{what}: {said}", answer.status_code)
            if answer.status_code >= 400:
                said = client.advised(_said(answer), answer.status_code)
                raise client.RefusedError(f"{what}: {said}", answer.status_code)
            return answer.json() if answer.content else None

    def all(self, path: str, **query: str) -> list[Any]:
        """Return what a list of Azure's resource manager holds, from all of its pages."""
        answer, found = self("GET", path, **query) or {}, []
        while True:
            found += answer.get("value", [])
            link = answer.get("nextLink") or ""
            if not link.startswith(f"{self._base}/"):
                return found
            answer = self("GET", link.removeprefix(self._base)) or {}


@functools.cache
def management() -> Api:
    """Return Azure's resource manager, as the user."""
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy

    return Api(MANAGEMENT, BearerTokenCredentialPolicy(client.credential(), f"{MANAGEMENT}/.default"))


@functools.cache
def github() -> Api:
    """Return GitHub, as whoever is signed in with its command line; the token stays in memory.

    Raises:
        TdspError: nobody is signed in.
    """
    try:
        token = shell.run("gh", "auth", "token").strip()
    except TdspError as error:
        raise TdspError(f"GitHub: {error}; install it from https://cli.github.com and run `gh auth login`") from None
    return Api(
        GITHUB,
        **{
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )


def _said(answer: Any) -> str:
    """Return the service's own words about a failure."""
    try:
        body = answer.json()
        return str(body.get("message") or body["error"]["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {answer.status_code}"
