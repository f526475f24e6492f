"""The content-keyed store: what a step made, found again by what went into it.

    entries/<id>/    one finished step: outputs/, artifacts/, log.txt, entry.json; never changed
    keys/<key>       the id of the entry that holds the answer for a key; replaced in one rename
    work/<id>/       a step at work; becomes an entry, or is thrown away

Several engines may share a store. An entry appears whole or not at all, because it is renamed into place
after its last byte is written; it is trusted only while its bytes have the digests noted when it was made.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdsp import files
from tdsp.engine.store import digests

FORMAT = 2
_BESIDE = ("artifacts", "log.txt")  # what an entry holds beside its outputs


@dataclass(frozen=True)
class Entry:
    """A finished step.

    Attributes:
        folder: holds `outputs/`, `artifacts/` and `log.txt`.
        outputs: output name -> (path relative to `folder`, content digest).
        beside: what else it holds -> content digest.
        seconds: how long the step took.
        facts: what else was noted.
        memory: digests of its files by what `stat` said.
    """

    folder: Path
    outputs: dict[str, tuple[str, str]]
    seconds: float
    beside: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict, repr=False)
    memory: digests.Memory = field(default_factory=dict, repr=False)

    def path(self, output: str) -> Path:
        """Return where an output lies."""
        return self.folder / self.outputs[output][0]

    def digest(self, output: str) -> str:
        """Return an output's content digest, as noted when it was made."""
        return self.outputs[output][1]

    def intact(self, output: str | None = None) -> bool:
        """Whether the bytes of one output, or of everything, are still those that the step wrote."""
        chosen = [*self.outputs.values(), *self.beside.items()] if output is None else [self.outputs[output]]
        try:
            return all(
                digests.of(self.folder / relative, self.memory, f"{self.folder}{os.sep}") == digest
                for relative, digest in chosen
            )
        except OSError:
            return False


class Store:
    """One store in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.entries, self.keys, self.work = folder / "entries", folder / "keys", folder / "work"

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            OSError: they cannot be made.
        """
        for place in (self.entries, self.keys, self.work):
            place.mkdir(parents=True, exist_ok=True)

    def probe(self) -> None:
        """Make sure that the store can be written to; call it while no other engine sweeps.

        Raises:
            OSError: it cannot.
        """
        probe = self.work / os.urandom(16).hex()
        probe.mkdir()
        probe.rmdir()

    def sweep(self) -> None:
        """Remove what killed engines left at work; call it only while no other engine uses the store."""
        for left in self.work.iterdir() if self.work.is_dir() else ():
            import shutil  # there is rarely anything left

            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def lookup(self, key: str) -> Entry | None:
        """Return the entry for `key` if there is one and its bytes are intact; a damaged one is forgotten."""
        try:
            folder = self.entries / (self.keys / key).read_text(encoding="ascii").strip()
            noted = json.loads((folder / "entry.json").read_bytes())
            entry = _entry(folder, noted)
        except (OSError, ValueError, KeyError, TypeError):
            self.forget(key)
            return None
        known = len(entry.memory)
        if noted.get("format") != FORMAT or noted.get("key") != key or not entry.intact():
            self.forget(key)
            return None
        if len(entry.memory) != known:
            with contextlib.suppress(OSError):  # a read-only store still serves
                files.write_text(folder / "entry.json", json.dumps({**noted, "files": entry.memory}))
        with contextlib.suppress(OSError):
            os.utime(self.keys / key)  # pruning goes by the last use
        return entry

    def forget(self, key: str) -> None:
        """Stop answering for `key`; the entry's folder stays for runs that use it until it is pruned."""
        with contextlib.suppress(OSError):
            (self.keys / key).unlink()

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield an empty folder for a step; what is left of it afterwards is removed."""
        folder = self.work / os.urandom(16).hex()
        folder.mkdir()
        try:
            yield folder
        finally:
            if folder.exists():
                import shutil  # only a step that failed leaves something

                shutil.rmtree(folder, ignore_errors=True)

    def commit(self, work: Path, key: str | None, outputs: dict[str, str], facts: dict[str, Any]) -> Entry:
        """Turn a workspace into the entry for `key`.

        Args:
            work: the workspace; holds everything the entry shall hold.
            key: what the entry answers for; None: it serves the run that made it and no other.
            outputs: output name -> path relative to `work`.
            facts: what else to note; `seconds` is required.

        Raises:
            OSError: the disk is full or read-only; the store is as it was.
        """
        memory: digests.Memory = {}
        found = {
            name: (relative, digests.of(work / relative, memory, f"{work}{os.sep}"))
            for name, relative in outputs.items()
        }
        noted = {
            "format": FORMAT,
            "key": key,
            "made": time.time(),
            **facts,
            "outputs": found,
            "beside": {
                name: digests.of(work / name, memory, f"{work}{os.sep}") for name in _BESIDE if (work / name).exists()
            },
            "files": memory,
        }
        with (work / "entry.json").open("w", encoding="utf-8") as stream:
            json.dump(noted, stream)
        target = self.entries / work.name
        work.rename(target)
        if key is not None:
            pointer = self.work / f"{work.name}.key"
            pointer.write_text(work.name, encoding="ascii")
            pointer.replace(self.keys / key)
        return _entry(target, noted)


def _entry(folder: Path, noted: dict[str, Any]) -> Entry:
    outputs = {name: (str(relative), str(digest)) for name, (relative, digest) in noted["outputs"].items()}
    facts = {name: value for name, value in noted.items() if name not in ("files", "outputs", "beside")}
    return Entry(folder, outputs, float(noted["seconds"]), dict(noted["beside"]), facts, dict(noted.get("files") or {}))
