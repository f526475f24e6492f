"""Processes of steps: each in a group of its own, so that stopping one leaves nothing behind."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tdsp.engine.executor.supervisor import Supervisor

if TYPE_CHECKING:
    import subprocess

GRACE = 2.0  # seconds between asking and killing


class StoppedError(Exception):
    """The run is being stopped; the step was not started, or was killed."""


class TooSlowError(Exception):
    """The step ran longer than its `limits.timeout`."""


class CancelledError(Exception):
    """The step was given up before its end: a sweep has seen enough of this trial."""


class Processes:
    """The groups that are running now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._stopping = False
        self._supervisor = Supervisor()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def run(
        self,
        command: list[str],
        folder: Path,
        environments: list[Mapping[str, str]],
        log: Path,
        timeout: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> int:
        """Run a command to its end, once for each environment, all at the same time.

        Both streams are added to `log`.

        Args:
            command: program and arguments.
            folder: working folder.
            environments: one process is started for each.
            log: file the output is added to.
            timeout: seconds after which they are ended.
            cancelled: asked now and then whether to end them early.

        Returns:
            The first exit code that is not 0, else 0; negative for a signal. Where one fails, the others are
            ended.

        Raises:
            Stopped: `stop` was called before or meanwhile.
            TooSlow: `timeout` seconds went by.
            Cancelled: `cancelled` said so.
        """
        with log.open("ab") as stream:
            started: list[subprocess.Popen[bytes]] = []
            try:
                for variables in environments:
                    started.append(self._start(command, folder, variables, stream))  # noqa: PERF401 - one may fail
            except BaseException:
                self._give_up(started, started)
                raise
            simple = len(started) == 1 and timeout is None and cancelled is None
            return self._finish(started, None if simple else _Watch(timeout, cancelled))

    def close(self) -> None:
        """Let go of what watches over the groups; none runs any more."""
        self._supervisor.close()

    def adopt(self, pid: int) -> None:
        """Count a group that something else started.

        Raises `Stopped` and ends it if the run is being stopped.
        """
        with self._lock:
            if self._stopping:
                signal_group(pid, signal.SIGKILL)
                raise StoppedError
            self._groups.add(pid)
            self._supervisor.add(pid)

    def release(self, pid: int) -> None:
        """Stop counting an adopted group that has ended; raises `Stopped` if it was ended by `stop`."""
        with self._lock:
            self._groups.discard(pid)
            self._supervisor.remove(pid)
        if self._stopping:
            raise StoppedError

    def _start(
        self, command: list[str], folder: Path, variables: Mapping[str, str], stream: BinaryIO
    ) -> subprocess.Popen[bytes]:
        import subprocess  # slow to import: a run with nothing to do starts nothing

        with self._lock:  # nothing may start between `stop` reading the groups and killing them
            if self._stopping:
                raise StoppedError
            self._supervisor.start()
            process = subprocess.Popen(  # noqa: S603 - the command is the user's own pipeline
                command,
                executable=_program(command[0], variables.get("PATH", os.defpath)),
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.add(process.pid)
            self._supervisor.add(process.pid)
            return process

    def _finish(self, started: list[subprocess.Popen[bytes]], watch: _Watch | None) -> int:
        """Wait for group leaders, then end whatever they left in their groups."""
        left, code, trouble = list(started), 0, None
        try:
            while left and not code and trouble is None:
                for process in list(left):
                    if _ended(process.pid, block=watch is None and len(left) == 1):
                        # The leader is dead but not yet reaped, so its number cannot belong to another group.
                        signal_group(process.pid, signal.SIGKILL)
                        code = process.wait() or code
                        left.remove(process)
                trouble = watch.trouble() if watch and left else None
        finally:
            self._give_up(left, started)
        if self._stopping:
            raise StoppedError
        if trouble is not None:
            raise trouble
        return code

    def _give_up(self, left: list[subprocess.Popen[bytes]], started: list[subprocess.Popen[bytes]]) -> None:
        """End those that are left; count none of those that were started any longer."""
        for process in left:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
        with self._lock:
            for process in started:
                self._groups.discard(process.pid)
                self._supervisor.remove(process.pid)

    def stop(self) -> None:
        """End every group, first politely; nothing starts afterwards.

        An impatient second Ctrl-C cuts the politeness short, not the end.
        """
        with self._lock:
            self._stopping = True
            groups = set(self._groups)
            for group in groups:
                signal_group(group, signal.SIGTERM)
        try:
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline:
                with self._lock:
                    if not groups & self._groups:
                        return
                time.sleep(0.01)
        finally:
            with self._lock:
                for group in groups & self._groups:
                    signal_group(group, signal.SIGKILL)


class _Watch:
    """Paces a loop over running processes and says when to give up."""

    def __init__(self, timeout: float | None, cancelled: Callable[[], bool] | None):
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._cancelled, self._pause = cancelled, 0.001

    def trouble(self) -> Exception | None:
        """Sleep a little; return the exception that ends the wait, if it shall end."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return TooSlowError()
        if self._cancelled is not None and self._cancelled():
            return CancelledError()
        time.sleep(self._pause)
        self._pause = min(self._pause * 2, 0.05)
        return None


@functools.cache
def _program(name: str, path: str) -> str:
    """Return where a program lies: looked up once, not in each of a step's many places."""
    found = (Path(place, name) for place in path.split(os.pathsep) if "/" not in name)
    return str(next((program for program in found if os.access(program, os.X_OK) and program.is_file()), name))


def _ended(pid: int, block: bool) -> bool:
    """Whether `pid` has ended; it is not reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | (0 if block else os.WNOHANG)) is not None


def signal_group(group: int, number: int) -> None:
    """Send a signal to a process group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
