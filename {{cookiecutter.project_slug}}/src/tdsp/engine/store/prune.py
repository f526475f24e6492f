"""Keeps the store small: old results and old runs go, those of running engines stay."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tdsp.engine import records
from tdsp.engine.store.entries import Store
from tdsp.engine.store.lock import InUseError, exclusive
from tdsp.errors import TdspError

_DAY = 24 * 3600.0


@dataclass(frozen=True)
class Pruned:
    """What went and what is left, in entries and bytes."""

    removed: int
    removed_bytes: int
    kept: int
    kept_bytes: int


def prune(home: Path, *, days: float | None = None, gigabytes: float | None = None) -> Pruned:
    """Remove results that no key answers for, that were not used for too long, or, those first, that are too many.

    What a datastore address or a registered name leads to is data by now, and stays.

    Args:
        home: the folder with `store` and `runs`.
        days: remove what was used last, and runs that ended, longer ago.
        gigabytes: remove what was not used for longest until the rest is no larger.

    Raises:
        TdspError: an engine is using the store.
    """
    store = Store(home / "store")
    try:
        with exclusive(store.folder / "lock"):
            return _prune(store, home, days, gigabytes)
    except InUseError:
        raise TdspError("a run is using the store; prune when it has ended") from None


def _prune(store: Store, home: Path, days: float | None, gigabytes: float | None) -> Pruned:
    store.sweep()
    addressed = _addressed(home / "datastores", store.entries)
    answers = {key.read_text(encoding="ascii").strip(): key for key in _files(store.keys)}
    found = sorted((_used(entry, answers), entry, _size(entry)) for entry in _folders(store.entries))
    oldest = time.time() - days * _DAY if days is not None else 0.0
    total, limit = (
        sum(size for _, _, size in found),
        gigabytes * 1e9 if gigabytes is not None else float("inf"),
    )
    removed = removed_bytes = 0
    for used, entry, size in found:
        if entry.name in addressed or (entry.name in answers and used >= oldest and total <= limit):
            continue
        if entry.name in answers:
            answers.pop(entry.name).unlink(missing_ok=True)  # first the answer, then what it names
        shutil.rmtree(entry, ignore_errors=True)
        removed, removed_bytes, total = removed + 1, removed_bytes + size, total - size
    for name, key in answers.items():
        if not (store.entries / name).is_dir():
            key.unlink(missing_ok=True)
    _prune_runs(home / "runs", oldest)
    return Pruned(removed, removed_bytes, len(found) - removed, total)


def _addressed(standins: Path, entries: Path) -> set[str]:
    """Return the entries that stand in for datastores; links that lead nowhere any more are removed."""
    found: set[str] = set()
    for place, folders, names in os.walk(standins, topdown=False):
        for link in (Path(place, name) for name in (*folders, *names)):
            if link.is_symlink():
                target = link.resolve()
                if not target.exists():
                    link.unlink()
                elif entries.resolve() in target.parents:
                    found.add(target.relative_to(entries.resolve()).parts[0])
        with contextlib.suppress(OSError):
            Path(place).rmdir()  # only an empty one goes
    return found


def _prune_runs(runs: Path, oldest: float) -> None:
    """Remove runs that are too old or whose outputs are gone, except the last."""
    last = records.latest(runs)
    for run in _folders(runs):
        links = [link for link in (run / "outputs").glob("*/*") if link.is_symlink()]
        record = run / "run.json"
        old = not record.exists() or record.stat().st_mtime < oldest
        if run != last and (old or any(not link.exists() for link in links)):
            shutil.rmtree(run, ignore_errors=True)


def _used(entry: Path, answers: dict[str, Path]) -> float:
    """When a result was served last, or made if no key answers with it."""
    if entry.name in answers:
        return answers[entry.name].stat().st_mtime
    try:
        return float(json.loads((entry / "entry.json").read_bytes())["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()] if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []
