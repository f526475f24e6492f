"""Names and addresses that only a workspace would know, found on this machine instead.

Components, data, models and environments are looked up by `name:` among the project's own YAML; anything else
(datastore paths, web addresses, registered names) in a small map file, `local-data.yml`, next to the pipeline
or above it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from tdsp.engine.reader import documents
from tdsp.engine.reader.index import Index
from tdsp.errors import WrongInput

MAP_FILE = "local-data.yml"
_REMOTE = re.compile(r"(azureml|https?|wasbs?|abfss?|adl|git(\+\w+)?|s3|gs|hdfs):", re.IGNORECASE)
_NAMED = re.compile(r"azureml:(?P<name>[^:@/]+)(?::(?P<version>[^:@/]+)|@(?P<label>[^:@/]+))?$")
_MARKERS = ("project.yml", ".git", MAP_FILE)


def is_remote(text: str) -> bool:
    """Whether `text` is an address that is not a local path."""
    return bool(_REMOTE.match(text))


@dataclass(frozen=True)
class _Asset:
    version: str
    file: Path


@dataclass
class Assets:
    """What stands in for a workspace.

    Attributes:
        start: folder of the pipeline file.
        home: the engine's folder.
        silent: whether to leave no memory there.
    """

    start: Path
    home: Path
    silent: bool = False
    _named: dict[tuple[str, str], list[_Asset]] | None = field(default=None, repr=False)
    _map: dict[str, str] | None = field(default=None, repr=False)

    @property
    def standins(self) -> Path:
        """Folder that holds what steps wrote to datastore addresses, or registered."""
        return self.home / "datastores"

    @property
    def root(self) -> Path:
        """Nearest folder at or above the pipeline that marks a project, else the pipeline's own."""
        for folder in (self.start, *self.start.parents):
            if any((folder / marker).exists() for marker in _MARKERS):
                return folder
        return self.start

    @property
    def map_file(self) -> Path:
        """Where the map file is, or would be."""
        for folder in (self.start, *self.start.parents):
            if (folder / MAP_FILE).is_file():
                return folder / MAP_FILE
        return self.root / MAP_FILE

    def find(self, reference: str, kind: str) -> Path | None:
        """Return the YAML file of the project that `azureml:name…` names.

        `kind`: component, data, model, environment.
        """
        match = _NAMED.match(reference)
        if match is None:
            return None
        candidates = self._index().get((kind, match["name"]), [])
        if match["version"]:
            candidates = [item for item in candidates if item.version in ("", match["version"])]
        return max(candidates, key=lambda item: _version(item.version)).file if candidates else None

    def local_path(self, address: str) -> Path | None:
        """Return what stands in for `address` on this machine, or None.

        Raises:
            WrongInput: the map file is not a mapping.
        """
        for kind in ("data", "model"):
            file = self.find(address, kind)
            if file is not None:
                path = str(documents.load(file).get("path") or "")
                if path and not is_remote(path):
                    return documents.absolute(file.parent / path)
                address = path or address
        return self._mapped(address) or self._written(address)

    def standin(self, address: str) -> Path | None:
        """Return where an output addressed to a datastore goes locally.

        Or None for another kind of address.
        """
        match = re.fullmatch(r"azureml:(?:/.*)?//?(?:.*/)?datastores/([^/]+)/paths/(.*)", address)
        if match is None:
            return None
        parts = [part for part in match[2].split("/") if part not in ("", ".", "..")]
        return self.standins.joinpath(match[1], *parts)

    def named(self, name: str, version: str) -> Path:
        """Return where an output that the YAML registers as an asset goes locally."""
        parts = [part.replace("/", "_").strip(".") or "_" for part in (name, version)]
        return self.standins.joinpath("assets", *parts)

    def _written(self, address: str) -> Path | None:
        """Return what a step left under this address, or under this name, the last time it ran."""
        match = _NAMED.match(address)
        if match is None:
            path = self.standin(address)
        elif match["version"]:
            path = self.named(match["name"], match["version"])
        else:
            known = self.named(match["name"], "latest").parent
            versions = list(known.iterdir()) if known.is_dir() else []
            path = max(versions, key=lambda place: place.lstat().st_mtime_ns, default=None)
        return path if path is not None and documents.exists(path) else None

    def _mapped(self, address: str) -> Path | None:
        if self._map is None:
            self._map = _read_map(self.map_file) if self.map_file.is_file() else {}
        exact = self._map.get(address)
        if exact is None:
            prefixes = [key for key in self._map if key.endswith("/") and address.startswith(key)]
            if not prefixes:
                return None
            longest = max(prefixes, key=len)
            exact = f"{self._map[longest].rstrip('/')}/{address.removeprefix(longest)}"
        return documents.absolute(self.map_file.parent / os.path.expanduser(exact))  # noqa: PTH111 - never raises

    def _index(self) -> dict[tuple[str, str], list[_Asset]]:
        """Look through the project's YAML; files that did not change since the last run are not parsed again."""
        if self._named is None:
            self._named = {}
            index = Index(self.home / "assets.json", _described)
            for path, (kind, name, version) in index.look(str(self.root)):
                if kind:
                    self._named.setdefault((kind, name), []).append(_Asset(version, Path(path)))
            if not self.silent:
                index.save()
        return self._named


def _read_map(path: Path) -> dict[str, str]:
    try:
        content = documents.load(path) or {}
    except documents.UnreadableError as error:
        raise WrongInput(str(error)) from None
    if not isinstance(content, dict):
        raise WrongInput(f"{documents.shown(path)}: write one `address: path/on/this/machine` a line")
    return {str(key): str(value) for key, value in content.items()}


def _described(path: Path) -> tuple[str, str, str]:
    """Return kind, name and version of the asset a file describes; empty if it does not."""
    try:
        content = documents.load(path) if b"name:" in path.read_bytes() else None
    except (OSError, documents.UnreadableError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("name"), str):
        return "", "", ""
    return _kind(content) or "", content["name"], str(content.get("version", ""))


def _kind(content: dict) -> str | None:
    schema, kind = str(content.get("$schema", "")).lower(), str(content.get("type", ""))
    if (
        "component" in schema
        or "command" in content
        or "task" in content
        or ("jobs" in content and "inputs" in content)
    ):
        return "component"
    if "environment.schema" in schema or "conda_file" in content or "image" in content:
        return "environment"
    if "path" in content:
        return "model" if "model" in schema or kind in ("mlflow_model", "custom_model", "triton_model") else "data"
    return None


def _version(text: str) -> tuple:
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in text.split("."))
