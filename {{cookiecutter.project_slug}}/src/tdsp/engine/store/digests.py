"""Content digests of files and folders, remembered by what `stat` says so that unchanged bytes are read once.

A memory maps a path to `[size, mtime_ns, ctime_ns, inode, digest]`. A file changed so recently that a second
write could leave the same times is read again instead of being remembered (Git calls this a racy entry).
"""

# Plain strings and `os` are several times faster than pathlib over many files.
# ruff: noqa: PTH112, PTH116, PTH123

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import time
from pathlib import Path

from tdsp import files

Memory = dict[str, list]

_RACY_NS = 50_000_000  # several ticks of the coarse clock that stamps files on Linux
_RACY_COARSE_NS = 2_000_000_000  # file systems that keep whole seconds
_CHUNK = 1 << 20


def of(path: Path, memory: Memory, base: str = "", without: Path | None = None) -> str:
    """Return the digest of a file, or of a folder's relative names, empty folders and contents.

    Whether a file may be executed counts too.

    Args:
        path: file or folder; links are followed.
        memory: read and updated.
        base: start of the absolute path that the memory's keys leave out.
        without: a folder that does not count where it lies inside `path`.

    Raises:
        OSError: `path` is missing or cannot be read, or something in it is neither a file nor a folder.
    """
    text = str(path)
    if not os.path.isdir(text):
        return _content(text, os.stat(text), memory, base)
    left_out = frozenset([_identity(str(without))]) if without is not None else frozenset()
    digest = hashlib.sha256(b"folder\n")
    for relative, full, status in sorted(_inside(text, "", left_out)):
        content = _content(full, status, memory, base) if status is not None else "empty"
        digest.update(f"{relative}\0{content}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def of_files(named: dict[str, Path], memory: Memory) -> dict[str, str]:
    """Return name -> digest for single files."""
    return {name: _content(str(path), path.stat(), memory, "") for name, path in named.items()}


def of_text(text: str) -> str:
    """Return the digest of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def of_data(data: object) -> str:
    """Return the digest of plain data, whatever the order of its keys."""
    return of_text(json.dumps(data, sort_keys=True, default=str))


def recall(path: Path) -> Memory:
    """Read a memory from disk; a missing or broken one is empty, which only costs time."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remember(path: Path, memory: Memory) -> None:
    """Write a memory in one rename; two runs at once lose nothing but a few remembered digests."""
    files.write_text(path, json.dumps(memory))


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _inside(folder: str, prefix: str, above: frozenset[tuple[int, int]]):
    identity = _identity(folder)
    if identity in above:  # a link to a folder around it
        return
    above |= {identity}
    empty = True
    with os.scandir(folder) as entries:
        for entry in entries:
            empty = False
            relative = prefix + entry.name
            if entry.is_dir():
                yield from _inside(entry.path, f"{relative}/", above)
            else:
                yield relative, entry.path, entry.stat()
    if empty and prefix:
        yield prefix, folder, None


def _content(path: str, status: os.stat_result, memory: Memory, base: str) -> str:
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        raise OSError(errno.EINVAL, "neither a file nor a folder", path)
    return _file(path, status, memory, base) + ("x" if status.st_mode & 0o111 else "")


def _file(path: str, status: os.stat_result, memory: Memory, base: str) -> str:
    key = path[len(base) :]
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    known = memory.get(key)
    if known is not None and known[:4] == stamp:
        return known[4]
    started = time.time_ns()
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    window = _RACY_NS if newest % 1_000_000_000 else _RACY_COARSE_NS
    if started - newest > window:
        memory[key] = [*stamp, digest.hexdigest()]
    else:
        memory.pop(key, None)
    return digest.hexdigest()
