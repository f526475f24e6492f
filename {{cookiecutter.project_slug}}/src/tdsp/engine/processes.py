"""Processes of steps: each in a group of its own, so that stopping one leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

_GRACE = 2.0  # seconds between asking and killing


class Stopped(Exception):
    """The run is being stopped; the step was not started, or was killed."""


class TooSlow(Exception):
    """The step ran longer than its `limits.timeout`."""


class Processes:
    """The groups that are running now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def run(
        self,
        command: list[str],
        folder: Path,
        variables: Mapping[str, str],
        log: Path,
        timeout: float | None = None,
    ) -> int:
        """Run a command to its end, with both its streams appended to `log`.

        Returns:
            The exit code; negative for a signal.

        Raises:
            Stopped: `stop` was called before or meanwhile.
            TooSlow: `timeout` seconds went by.
        """
        with log.open("ab") as stream:
            with self._lock:  # nothing may start between `stop` reading the groups and killing them
                if self._stopping:
                    raise Stopped
                process = subprocess.Popen(  # noqa: S603 - the command is the user's own pipeline
                    command,
                    cwd=folder,
                    env=dict(variables),
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._groups.add(process.pid)
            return self.finish(process, timeout)

    def finish(self, process: subprocess.Popen, timeout: float | None) -> int:
        """Wait for a started group leader, then end whatever it left in its group."""
        try:
            late = not _wait(process.pid, timeout)
            # The leader is dead but not yet reaped, so its number cannot belong to another group.
            _signal(process.pid, signal.SIGKILL)
            code = process.wait()
        finally:
            with self._lock:
                self._groups.discard(process.pid)
        if self._stopping:
            raise Stopped
        if late:
            raise TooSlow
        return code

    def stop(self) -> None:
        """End every group, first politely; nothing starts afterwards."""
        with self._lock:
            self._stopping = True
            groups = set(self._groups)
            for group in groups:
                _signal(group, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            with self._lock:
                if not groups & self._groups:
                    return
            time.sleep(0.01)
        with self._lock:
            for group in groups & self._groups:
                _signal(group, signal.SIGKILL)


def _wait(pid: int, timeout: float | None) -> bool:
    """Wait until `pid` has ended, without reaping it; False after `timeout` seconds."""
    if timeout is None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    deadline, pause = time.monotonic() + timeout, 0.001
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return True


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
