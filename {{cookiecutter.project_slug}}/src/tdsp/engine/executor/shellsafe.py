"""Paths that survive a shell unquoted.

Azure ML's paths hold no spaces, so commands there are written without quotes. A project in `~/My Projects`
must run them
too: a path with such characters is reached through a link whose own path has none.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

from tdsp.errors import TdspError

_SAFE = re.compile(r"[\w@%+=:,./~-]*", re.ASCII)


def safe(path: Path) -> Path:
    """Return `path`, or a link to it if a shell would not take its text as one plain word.

    A file keeps its own name, so only its folder can be mended.
    """
    text = str(path)
    if _SAFE.fullmatch(text):
        return path
    if path.is_file():
        return safe(path.parent) / path.name
    for above in path.parents:  # link as high as possible: one link serves a whole project
        below = str(path.relative_to(above))
        if _SAFE.fullmatch(below) and not _SAFE.fullmatch(str(above)):
            return _link(above) / below
    return _link(path)


def _link(target: Path) -> Path:
    import hashlib
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"tdsp-{os.getuid()}"
    if not _SAFE.fullmatch(str(folder)):
        raise TdspError(f"{folder} holds characters a shell would split; set TMPDIR to a plain path")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise TdspError(f"others could write to {folder}; remove it, or set TMPDIR to a folder of your own")
    place = folder / hashlib.sha256(str(target).encode()).hexdigest()[:12]
    with contextlib.suppress(FileExistsError):
        place.symlink_to(target, target_is_directory=True)
    if place.readlink() != target:
        raise TdspError(f"{place} is in the way; remove it")
    return place
