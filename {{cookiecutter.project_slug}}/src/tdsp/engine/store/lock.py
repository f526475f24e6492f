"""Engines share a store; whoever removes from it must be alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where no step runs
    fcntl = None  # type: ignore[assignment]


class InUseError(Exception):
    """Somebody else holds the store."""


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold the store together with other engines.

    Waits while it is being pruned. Ends with the process at the latest.
    """
    with path.open("a") as stream:
        if fcntl is not None:
            fcntl.flock(stream, fcntl.LOCK_SH)
        yield


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the store alone.

    Raises:
        InUseError: an engine holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        if fcntl is not None:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InUseError from None
        yield
