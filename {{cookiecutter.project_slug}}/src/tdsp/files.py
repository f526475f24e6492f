"""Writing so that a killed process leaves either the old content or the new, never half of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

RANDOM_BYTES = 6
SCRAP_SECONDS = 86_400  # older than any copy that is still going on


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` with `content` in one rename; parent folders are made.

    What was left beside it by a process that was killed more than a day ago is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path, "[0-9a-f]" * 2 * RANDOM_BYTES)
    aside = path.with_name(f".{path.name}.{os.urandom(RANDOM_BYTES).hex()}")
    try:
        with aside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace `path` with `text` (UTF-8, line ends as given) in one rename."""
    write_bytes(path, text.encode())


@contextlib.contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place when the block ends well.

    A folder that is in the way is moved aside first and removed afterwards. An exception leaves `path` as it was. What
    was left beside it by a process that was killed more than a day ago is removed.
    """
    import shutil  # these two take long to import, and writing a file needs neither
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path, "*/")
    aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    aside.chmod(0o755)
    try:
        yield aside
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old."))
            path.replace(old / "it")
            aside.replace(path)
            shutil.rmtree(old)
        else:
            aside.replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(path: Path, ending: str) -> None:
    """Remove what is old and called like a scrap of `path`: its name, a dot before and this ending behind."""
    import glob

    for scrap in path.parent.glob(f".{glob.escape(path.name)}.{ending}"):
        with contextlib.suppress(OSError):  # another process may sweep, too
            if time.time() - scrap.stat().st_mtime > SCRAP_SECONDS:
                _remove(scrap)


def _remove(scrap: Path) -> None:
    import shutil

    if scrap.is_dir():
        shutil.rmtree(scrap)
    else:
        scrap.unlink()


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file, or of a folder's relative names and contents in sorted order.

    What Python caches beside code that was imported (`__pycache__`) is not content.
    """
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file in sorted(item for item in path.rglob("*") if item.is_file() and "__pycache__" not in item.parts):
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()
