"""Folders of this machine as data assets whose version is the digest of their content: uploaded once, found again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tdsp.azure import client

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def exists(ml: MLClient, name: str, version: str) -> bool:
    """Tell whether the workspace has a version of a data asset."""
    from azure.core.exceptions import ResourceNotFoundError

    with client.speaking(f"data {name}"):
        try:
            ml.data.get(name, version)
        except ResourceNotFoundError:
            return False
    return True


def provide(ml: MLClient, name: str, version: str, folder: Path) -> None:
    """Upload a folder as a version of a data asset, unless it is there."""
    from azure.ai.ml.entities import Data

    if not exists(ml, name, version):
        with client.speaking(f"data {name}"):
            ml.data.create_or_update(Data(name=name, version=version, type="uri_folder", path=str(folder)))
