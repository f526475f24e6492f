"""Microsoft's container registry, as far as it says which image a tag means today."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from emulator.routing import Call, Routes
from emulator.wire import Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"mcr\.microsoft\.com", open=True)


@routes("HEAD", "/v2/{repository+}/manifests/{tag}")
def manifest(cloud: Cloud, call: Call) -> Response:
    """Name the digest of an image."""
    digest = hashlib.sha256(f"{call['repository']}:{call['tag']}".encode()).hexdigest()
    return Response(200, b"", {"Docker-Content-Digest": f"sha256:{digest}"})
