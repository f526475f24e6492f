"""Moves files between folders of this machine and the emulated datastores, by the addresses that jobs use."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from emulator.blobs import HOST, Blob
from emulator.resources import as_id

if TYPE_CHECKING:
    from emulator.cloud import Cloud

DATASTORE = re.compile(r"azureml://(?:.*/)?datastores/([^/]+)/(?:paths/)?(.*)")
JOB_OUTPUT = re.compile(r"azureml://(?:.*/)?jobs/([^/]+)/outputs/([^/]+)(?:/paths/)?(.*)")
ADDRESS_KEYS = ("dataUri", "modelUri", "codeUri")


class Place(NamedTuple):
    """Where something lies in storage."""

    account: str
    container: str
    prefix: str


def locate(cloud: Cloud, workspace_id: str, address: str) -> Place:
    """Return the place that an asset id, a datastore address or a blob address names.

    Raises:
        LookupError: there is no such asset, datastore or kind of address.
    """
    if asset := as_id(address):
        properties = cloud.resources[asset]["properties"]
        inner = next(properties[key] for key in ADDRESS_KEYS if key in properties)
        return locate(cloud, workspace_id, inner)
    if match := JOB_OUTPUT.fullmatch(address):
        base = cloud.runs[match[1]].outputs[match[2]]
        return locate(cloud, workspace_id, "/".join(part for part in (base.rstrip("/"), match[3]) if part))
    if match := DATASTORE.fullmatch(address):
        store = cloud.resources[f"{workspace_id}/datastores/{match[1]}"]["properties"]
        return Place(store["accountName"], store["containerName"], match[2].strip("/"))
    host, _, path = address.removeprefix("https://").partition("/")
    if match := HOST.fullmatch(host):
        container, _, prefix = path.partition("/")
        return Place(match[1], container, prefix.strip("/"))
    raise LookupError(f"no such place: {address}")


def names(cloud: Cloud, place: Place) -> list[str]:
    """Return the blobs at a place: one file, or everything under a folder."""
    blobs = cloud.blobs.container(place.account, place.container)
    if place.prefix in blobs:
        return [place.prefix]
    start = f"{place.prefix}/" if place.prefix else ""
    return sorted(name for name in blobs if name.startswith(start))


def pull(cloud: Cloud, place: Place, folder: Path) -> Path:
    """Copy what lies at a place into `folder`; return the file, or the folder itself.

    Raises:
        FileNotFoundError: nothing lies there.
    """
    found = names(cloud, place)
    if not found:
        raise FileNotFoundError(f"nothing at {place.container}/{place.prefix}")
    blobs = cloud.blobs.container(place.account, place.container)
    if found == [place.prefix]:
        return _write(folder / PurePosixPath(place.prefix).name, blobs[place.prefix].content)
    for name in found:
        _write(folder / name[len(place.prefix) :].lstrip("/"), blobs[name].content)
    return folder


def _write(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def push(cloud: Cloud, source: Path, place: Place) -> None:
    """Copy a file or a folder to a place."""
    blobs = cloud.blobs.container(place.account, place.container)
    if source.is_file():
        blobs[place.prefix] = Blob(source.read_bytes())
        return
    for file in sorted(item for item in source.rglob("*") if item.is_file()):
        blobs[f"{place.prefix}/{file.relative_to(source).as_posix()}"] = Blob(file.read_bytes())
