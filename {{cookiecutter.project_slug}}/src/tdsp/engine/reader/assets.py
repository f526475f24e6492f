"""Names and addresses that only a workspace would know, found on this machine instead.

Components, data, models and environments are looked up by `name:` among the project's own YAML; anything else
(datastore paths, web addresses, registered names) in a small map file, `local-data.yml`, next to the pipeline
or above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from tdsp.engine.reader import documents

MAP_FILE = "local-data.yml"
_REMOTE = re.compile(r"(azureml|https?|wasbs?|abfss?|adl|git(\+\w+)?|s3|gs|hdfs):", re.IGNORECASE)
_NAMED = re.compile(r"azureml:(?P<name>[^:@/]+)(?::(?P<version>[^:@/]+)|@(?P<label>[^:@/]+))?$")
_SKIPPED = {".git", ".tdsp", ".venv", "node_modules", "__pycache__"}
_MARKERS = ("project.yml", ".git", MAP_FILE)


def is_remote(text: str) -> bool:
    """Whether `text` is an address that is not a local path."""
    return bool(_REMOTE.match(text))


@dataclass
class Assets:
    """What stands in for a workspace.

    Attributes:
        start: folder of the pipeline file.
        standins: folder that holds what steps wrote to datastore addresses.
    """

    start: Path
    standins: Path | None = None
    _named: dict[tuple[str, str], list[tuple[str, Path]]] | None = field(default=None, repr=False)
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
            candidates = [item for item in candidates if item[0] in ("", match["version"])]
        return max(candidates, key=lambda item: _version(item[0]))[1] if candidates else None

    def local_path(self, address: str) -> Path | None:
        """Return what stands in for `address` on this machine, or None."""
        for kind in ("data", "model"):
            file = self.find(address, kind)
            if file is not None:
                path = str((documents.load(file) or {}).get("path", ""))
                if path and not is_remote(path):
                    return documents.absolute(file.parent / path)
                address = path or address
        return self._mapped(address) or self._standin(address)

    def standin(self, address: str) -> Path | None:
        """Return where an output addressed to a datastore goes locally.

        Or None for another kind of address.
        """
        match = re.fullmatch(r"azureml:(?:/.*)?//?(?:.*/)?datastores/([^/]+)/paths/(.*)", address)
        if match is None or self.standins is None:
            return None
        parts = [part for part in match[2].split("/") if part not in ("", ".", "..")]
        return self.standins.joinpath(match[1], *parts)

    def _standin(self, address: str) -> Path | None:
        path = self.standin(address)
        return path if path is not None and path.exists() else None

    def _mapped(self, address: str) -> Path | None:
        if self._map is None:
            content = documents.load(self.map_file) if self.map_file.is_file() else {}
            self._map = {str(key): str(value) for key, value in (content or {}).items()}
        exact = self._map.get(address)
        if exact is None:
            prefixes = [key for key in self._map if key.endswith("/") and address.startswith(key)]
            if not prefixes:
                return None
            longest = max(prefixes, key=len)
            exact = f"{self._map[longest].rstrip('/')}/{address.removeprefix(longest)}"
        return documents.absolute(self.map_file.parent / Path(exact).expanduser())

    def _index(self) -> dict[tuple[str, str], list[tuple[str, Path]]]:
        if self._named is None:
            self._named = {}
            for path in _yaml_files(self.root):
                self._note(path)
        return self._named

    def _note(self, path: Path) -> None:
        try:
            if b"name:" not in path.read_bytes():
                return
            content = documents.load(path)
        except (OSError, documents.UnreadableError):
            return
        if not isinstance(content, dict) or not isinstance(content.get("name"), str):
            return
        kind = _kind(content)
        if kind and self._named is not None:
            self._named.setdefault((kind, content["name"]), []).append((str(content.get("version", "")), path))


def _yaml_files(folder: Path):
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            if entry.name not in _SKIPPED:
                yield from _yaml_files(entry)
        elif entry.suffix in (".yml", ".yaml"):
            yield entry


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
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("."))
