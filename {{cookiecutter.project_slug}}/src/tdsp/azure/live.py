"""Who asks a live endpoint, and what its model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tdsp import registry_azure
from tdsp.azure import client, probe, slots
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def endpoint(ml: MLClient, where: client.Target) -> slots.Slots:
    """Return the endpoint that answers requests.

    Raises:
        TdspError: none does.
    """
    now = slots.look(ml, where, slots.endpoint_name(where))
    if now.live is None:
        raise TdspError(f"no endpoint answers in {where} yet: run `tdsp deploy --env {where.env}`")
    return now


def token() -> str:
    """Return a token of whoever is signed in, for endpoints that authenticate by identity; it stays in memory."""
    with client.speaking("sign-in"):
        return client.credential().get_token(probe.SCOPE).token


def model(root: Path, ml: MLClient, where: client.Target, now: slots.Slots) -> Path:
    """Return a folder with the files of the live version, downloaded unless it is there.

    Raises:
        TdspError: the version is not registered any more, or its files did not arrive.
    """
    wanted = now.version(now.live)
    with client.speaking(f"files of {where.slug} v{wanted}"):
        found = [item for item in registry_azure.versions(ml, where.slug) if str(item.version) == wanted]
        if not found:
            raise TdspError(f"{where.slug} v{wanted} is live and not registered any more")
        return registry_azure.fetch(ml, found[0], root / ".tdsp" / "champion")
