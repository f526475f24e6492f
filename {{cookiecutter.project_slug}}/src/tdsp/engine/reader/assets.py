"""Names and addresses that only a workspace would know, found on this machine instead.

Components, data, models and environments are looked up by `name:` among the project's own YAML; anything else
(datastore paths, web addresses, registered names) in a small map file, `local-data.yml`, next to the pipeline
or above it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdsp import files
from tdsp.engine.reader import documents
from tdsp.errors import WrongInput

MAP_FILE = "local-data.yml"
_REMOTE = re.compile(r"(azureml|https?|wasbs?|abfss?|adl|git(\+\w+)?|s3|gs|hdfs):", re.IGNORECASE)
_NAMED = re.compile(r"azureml:(?P<name>[^:@/]+)(?::(?P<version>[^:@/]+)|@(?P<label>[^:@/]+))?$")
_SKIPPED = {".git", ".tdsp", ".venv", "node_modules", "__pycache__"}
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
        standins: folder that holds what steps wrote to datastore addresses.
    """

    start: Path
    standins: Path | None = None
    _named: dict[tuple[str, str], list[_Asset]] | None = field(default=None, repr=False)
    _map: dict[str, str] | None = field(default=None, repr=False)

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
        if match is None or self.standins is None:
            return None
        parts = [part for part in match[2].split("/") if part not in ("", ".", "..")]
        return self.standins.joinpath(match[1], *parts)

    def named(self, name: str, version: str) -> Path | None:
        """Return where an output that the YAML registers as an asset goes locally."""
        parts = [part.replace("/", "_").strip(".") or "_" for part in (name, version)]
        return self.standins.joinpath("assets", *parts) if self.standins else None

    def _written(self, address: str) -> Path | None:
        """Return what a step left under this address, or under this name, the last time it ran."""
        match = _NAMED.match(address)
        if match is None:
            path = self.standin(address)
        elif match["version"]:
            path = self.named(match["name"], match["version"])
        else:
            known = self.named(match["name"], "latest")
            versions = list(known.parent.iterdir()) if known and known.parent.is_dir() else []
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
            memory = self.standins.parent / "assets.json" if self.standins else None
            known = _remembered(memory)
            found = {}
            for path, stamp in _yaml_files(str(self.root)):
                old = known.get(path)
                found[path] = old if old and old[0] == stamp else [stamp, *_described(Path(path))]
                _, kind, name, version = found[path]
                if kind:
                    self._named.setdefault((kind, name), []).append(_Asset(version, Path(path)))
            if memory and memory.parent.is_dir() and found != known:
                with contextlib.suppress(OSError):
                    files.write_text(memory, json.dumps(found))
        return self._named


def _remembered(memory: Path | None) -> dict[str, list[Any]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
    except (OSError, ValueError):
        return {}
    whole = isinstance(known, dict) and all(isinstance(row, list) and len(row) == 4 for row in known.values())
    return known if whole else {}


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


def _yaml_files(folder: str) -> Iterator[tuple[str, list[int]]]:
    """Yield each YAML file below a folder with what tells whether it changed."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _yaml_files(entry.path)
        elif entry.name.endswith((".yml", ".yaml")):
            with contextlib.suppress(OSError):
                stat = entry.stat()
                yield entry.path, [stat.st_size, stat.st_mtime_ns, stat.st_ino]


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
