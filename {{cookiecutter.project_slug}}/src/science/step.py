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

    code = 1  # of the command's exit


class ArgumentError(DataError):
    """An argument does not fit the data."""

    code = 2


def run(function: Callable[..., None], *, as_positional: bool = False) -> None:
    """Call `function` with the arguments of the command line.

    Exit code 1 and a message for data or files that cannot be used; 2 for wrong arguments.
    """
    try:
        jsonargparse.auto_cli(function, as_positional=as_positional)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(1)


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
        except OSError:
            if any(folder.iterdir()):  # in use: to fill it would mix what is new with what was there
                raise
            shutil.copytree(new, folder, dirs_exist_ok=True)  # Azure ML mounts it: it can be filled but not replaced
            return
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def write_text(path: Path, text: str) -> None:
    """Replace a file in one rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as aside:
        whole = Path(aside, path.name)
        whole.write_text(text, encoding="utf-8", newline="\n")
        whole.replace(path)


def write_json(path: Path, content: object) -> None:
    """Write `content` as JSON; a number that JSON cannot hold (NaN, infinity) becomes null."""
    write_text(path, json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n")


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
