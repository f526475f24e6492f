"""What every step shares: a command line around a function, short errors, whole outputs or none."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonargparse


class DataError(Exception):
    """The data or a file cannot be used as it is. The message says what is wrong and what to do."""


def run(function: Callable[..., None], *, as_positional: bool = False) -> None:
    """Call `function` with the arguments of the command line.

    Exit code 1 and a message for data or files that cannot be used; 2, from the parser, for wrong arguments.
    """
    try:
        jsonargparse.auto_cli(function, as_positional=as_positional)
    except DataError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")


@contextlib.contextmanager
def output(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends well; nothing changes otherwise."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        new, old = Path(aside, "new"), Path(aside, "old")
        new.mkdir()
        yield new
        try:
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except OSError:  # Azure ML mounts the folder: it can be filled but not replaced
            shutil.copytree(new, folder, dirs_exist_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write `content` as JSON; a number that JSON cannot hold (NaN, infinity) becomes null."""
    path.write_text(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
