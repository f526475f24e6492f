"""The blob service: what azure-storage-blob needs to put, get and list blobs."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from emulator.directory import STORAGE
from emulator.routing import Call, Routes
from emulator.wire import Request, Response, ServiceError

if TYPE_CHECKING:
    from emulator.cloud import Cloud

HOST = re.compile(r"([a-z0-9]{3,24})\.blob\.core\.windows\.net")
SERVICE_VERSION = "2025-01-05"
DATA_ACTION = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
ACCOUNT_KEY = base64.b64encode(b"the emulator's storage key, no secret".ljust(64, b".")).decode()
routes = Routes(HOST.pattern, open=True, query=("*",))


@dataclass
class Blob:
    """One block blob."""

    content: bytes
    metadata: dict[str, str] = field(default_factory=dict)
    kind: str = "application/octet-stream"
    modified: str = field(default_factory=lambda: email.utils.formatdate(usegmt=True))

    def headers(self) -> dict[str, str]:
        """Return the properties as the service sends them."""
        digest = hashlib.md5(self.content, usedforsecurity=False)
        return {
            "ETag": f'"0x{digest.hexdigest()[:15].upper()}"',
            "Last-Modified": self.modified,
            "Content-Type": self.kind,
            "Content-MD5": base64.b64encode(digest.digest()).decode(),
            "Accept-Ranges": "bytes",
            "x-ms-version": SERVICE_VERSION,
            "x-ms-blob-type": "BlockBlob",
            "x-ms-creation-time": self.modified,
            "x-ms-lease-state": "available",
            "x-ms-lease-status": "unlocked",
            **{f"x-ms-meta-{key}": value for key, value in self.metadata.items()},
        }


class Blobs:
    """The containers of all storage accounts: (account, container) -> name -> blob."""

    def __init__(self):
        self.containers: dict[tuple[str, str], dict[str, Blob]] = {}
        self._blocks: dict[tuple[str, str, str, str], bytes] = {}

    def container(self, account: str, name: str) -> dict[str, Blob]:
        """Return a container's blobs by name; the container is made if it is not there."""
        return self.containers.setdefault((account, name), {})

    def keep_block(self, account: str, container: str, name: str, block: str, content: bytes) -> None:
        """Hold a block until the list of blocks comes."""
        self._blocks[account, container, name, block] = content

    def join_blocks(self, account: str, container: str, name: str, blocks: list[str]) -> bytes:
        """Return the content that a list of blocks spells."""
        return b"".join(self._blocks.pop((account, container, name, block)) for block in blocks)


def sas(account: str, container: str) -> str:
    """Return a token that opens one container for two hours."""
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    return generate_container_sas(
        account,
        container,
        account_key=ACCOUNT_KEY,
        permission=ContainerSasPermissions(read=True, write=True, delete=True, list=True),
        expiry=dt.datetime.now(dt.UTC) + dt.timedelta(hours=2),
    )


def _failure(status: int, code: str) -> ServiceError:
    return ServiceError(status, code, code, headers={"x-ms-error-code": code, "x-ms-version": SERVICE_VERSION})


def _account(cloud: Cloud, request: Request, verb: str) -> str:
    """Return the storage account of a request that may pass: by signature, by account key, or by role."""
    account = request.host.partition(".")[0]
    shown = request.headers.get("Authorization") or ""
    if "sig" in request.query or shown.startswith(f"SharedKey {account}:"):
        return account
    principal = cloud.directory.principal(request, STORAGE)
    scope = cloud.storage_id(account)
    if not cloud.access.allows(principal, DATA_ACTION + verb, scope, data=True):
        raise _failure(403, "AuthorizationPermissionMismatch")
    return account


@routes("GET", "/{container}")
@routes("HEAD", "/{container}")
def read_container(cloud: Cloud, call: Call) -> Response:
    """List a container's blobs, or say that it is there."""
    account = _account(cloud, call.request, "read")
    if (account, call["container"]) not in cloud.blobs.containers:
        raise _failure(404, "ContainerNotFound")
    if call.request.query.get("comp") == "list":
        return _list(cloud.blobs.container(account, call["container"]), call)
    state = {"ETag": '"1"', "x-ms-lease-state": "available", "x-ms-lease-status": "unlocked"}
    flags = {"x-ms-has-immutability-policy": "false", "x-ms-has-legal-hold": "false"}
    return Response(200, b"", {**state, **flags, "Last-Modified": email.utils.formatdate(usegmt=True)})


@routes("PUT", "/{container}")
def make_container(cloud: Cloud, call: Call) -> Response:
    """Make a container."""
    cloud.blobs.container(_account(cloud, call.request, "write"), call["container"])
    return Response(201, b"", {"ETag": '"1"', "Last-Modified": email.utils.formatdate(usegmt=True)})


def _list(blobs: dict[str, Blob], call: Call) -> Response:
    """Answer `comp=list`, folded at the delimiter."""
    prefix, delimiter = call.request.query.get("prefix", ""), call.request.query.get("delimiter")
    files, folders = [], set()
    for name in sorted(name for name in blobs if name.startswith(prefix)):
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        if found:
            folders.add(prefix + head + found)
        else:
            files.append((name, blobs[name]))
    items = "".join(_xml(name, blob) for name, blob in files)
    items += "".join(f"<BlobPrefix><Name>{escape(name)}</Name></BlobPrefix>" for name in sorted(folders))
    head = f'ServiceEndpoint="https://{call.request.host}/" ContainerName="{call["container"]}"'
    text = f"<Prefix>{escape(prefix)}</Prefix><Blobs>{items}</Blobs><NextMarker/>"
    text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults {head}>{text}</EnumerationResults>'
    return Response(200, text, {"Content-Type": "application/xml", "x-ms-version": SERVICE_VERSION})


def _xml(name: str, blob: Blob) -> str:
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Creation-Time>{blob.modified}</Creation-Time>"
        f"<Last-Modified>{blob.modified}</Last-Modified><Etag>0x1</Etag>"
        f"<Content-Length>{len(blob.content)}</Content-Length><Content-Type>{blob.kind}</Content-Type>"
        "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        f"</Properties><Metadata>{metadata}</Metadata></Blob>"
    )


@routes("PUT", "/{container}/{name+}")
def write(cloud: Cloud, call: Call) -> Response:
    """Write a blob, one of its blocks, its list of blocks, or its metadata."""
    request, container, name = call.request, call["container"], call["name"]
    account, step = _account(cloud, request, "write"), request.query.get("comp")
    if (account, container) not in cloud.blobs.containers:
        raise _failure(404, "ContainerNotFound")
    blobs = cloud.blobs.container(account, container)
    metadata = {key[10:].lower(): text for key, text in request.headers.items() if key.lower().startswith("x-ms-meta-")}
    if step == "block":
        cloud.blobs.keep_block(account, container, name, request.query["blockid"], request.body)
        return Response(201, b"", {"x-ms-request-server-encrypted": "true"})
    if step == "metadata":
        if name not in blobs:
            raise _failure(404, "BlobNotFound")
        blobs[name].metadata = metadata
        return Response(200, b"", blobs[name].headers())
    if request.headers.get("If-None-Match") == "*" and name in blobs:
        raise _failure(409, "BlobAlreadyExists")
    content = request.body
    if step == "blocklist":
        listed = re.findall(r"<(?:Latest|Uncommitted|Committed)>(.*?)</", request.body.decode())
        content = cloud.blobs.join_blocks(account, container, name, listed)
    kind = request.headers.get("x-ms-blob-content-type") or "application/octet-stream"
    blobs[name] = Blob(content, metadata, kind)
    return Response(201, b"", {**blobs[name].headers(), "x-ms-request-server-encrypted": "true"})


@routes("GET", "/{container}/{name+}")
@routes("HEAD", "/{container}/{name+}")
def read(cloud: Cloud, call: Call) -> Response:
    """Read a blob, or a range of it."""
    account = _account(cloud, call.request, "read")
    blob = cloud.blobs.container(account, call["container"]).get(call["name"])
    if blob is None:
        raise _failure(404, "BlobNotFound")
    headers, content = blob.headers(), blob.content
    if call.request.method == "HEAD":
        return Response(200, b"", {**headers, "Content-Length": str(len(content))})
    span = call.request.headers.get("x-ms-range") or call.request.headers.get("Range")
    if not span:
        return Response(200, content, headers)
    first, _, last = span.removeprefix("bytes=").partition("-")
    if int(first) >= len(content):
        raise _failure(416, "InvalidRange")
    end = min(int(last or len(content)), len(content) - 1)
    del headers["Content-MD5"]
    headers["Content-Range"] = f"bytes {first}-{end}/{len(content)}"
    return Response(206, content[int(first) : end + 1], headers)


@routes("DELETE", "/{container}/{name+}")
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete a blob."""
    account = _account(cloud, call.request, "delete")
    if cloud.blobs.container(account, call["container"]).pop(call["name"], None) is None:
        raise _failure(404, "BlobNotFound")
    return Response(202)
