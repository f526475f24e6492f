"""Warm start: plain `python` steps are forked from a Python with their imports loaded (see `server`).

Only on Linux, and only those that `fitness` lets through.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tdsp.engine.executor.processes import GRACE, Processes, StoppedError, TooSlowError, signal_group
from tdsp.engine.warm.fitness import UNSAFE_LOADED

_GLANCE = 0.5  # seconds between looks at whether the run is being stopped
_GIVEN_UP = 5.0  # seconds to wait for word of a process that was killed


class ServerGoneError(Exception):
    """The fork server ended while a step ran; nobody can say how the step did."""


class Warm:
    """The engine's end of the fork server, which `preload` starts; without it every step starts the plain way."""

    def __init__(self, environment: dict[str, str], processes: Processes):
        self._environment, self._processes = environment, processes
        self._server: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._answers: dict[int, queue.SimpleQueue[dict]] = {}
        self._count = 0
        self._gone = False

    def preload(self, modules: list[str]) -> None:
        """Start the server and let it import `modules` while nothing else is asked of it."""
        if modules:
            with self._lock, contextlib.suppress(OSError):  # no server: steps start the plain way
                if self._server is None and not self._gone:
                    self._server = self._start()
            self._send({"preload": self._wanted(modules)})

    def _wanted(self, modules: list[str]) -> list[str]:
        """Leave out mlflow where no runs are kept: steps import it just in case, and it is the slowest of all."""
        tracked = "MLFLOW_TRACKING_URI" in self._environment
        return [module for module in modules if tracked or module.split(".")[0] != "mlflow"]

    def run(
        self,
        argv: list[str],
        modules: list[str],
        own: list[str],
        folder: Path,
        variables: dict[str, str],
        log: Path,
        timeout: float | None,
    ) -> int | None:
        """Run a step; returns its exit code, or None if it must be started the plain way.

        Args:
            argv: what follows `python`.
            modules: to have loaded before the fork.
            own: names of the step's own modules; where the server has another module of such a name, it refuses.
            folder: working folder.
            variables: all of the step's environment.
            log: file its output is added to.
            timeout: seconds after which it is ended.

        Raises:
            ServerGoneError: nobody can say how it ended; what it started was ended.
            StoppedError: the run is being stopped.
            TooSlowError: `timeout` seconds went by; the step was ended.
        """
        inbox: queue.SimpleQueue[dict] = queue.SimpleQueue()
        with self._lock:
            self._count += 1
            number = self._count
            self._answers[number] = inbox
        request = {
            "id": number,
            "argv": argv,
            "cwd": str(folder),
            "env": variables,
            "log": str(log),
            "modules": self._wanted(modules),
            "own": own,
        }
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        try:
            if not self._send(request):
                return None
            pid = self._next(inbox, deadline).get("pid")
            return None if pid is None else self._follow(pid, inbox, deadline)
        finally:
            with self._lock:
                del self._answers[number]

    def _follow(self, pid: int, inbox: queue.SimpleQueue[dict], deadline: float) -> int:
        """Wait for a step's end."""
        self._processes.adopt(pid)
        try:
            answer = self._next(inbox, deadline, GRACE + 1)
            if "code" not in answer:
                raise ServerGoneError
        except (ServerGoneError, StoppedError, TooSlowError):
            signal_group(pid, signal.SIGKILL)
            with contextlib.suppress(queue.Empty):
                inbox.get(timeout=0 if self._gone else _GIVEN_UP)
            raise
        finally:
            self._processes.release(pid)
        return answer["code"]

    def _next(self, inbox: queue.SimpleQueue[dict], deadline: float, grace: float = 0.0) -> dict:
        """Return the server's next word; an import in the server may hang, so nobody waits without looking up."""
        stopped = math.inf
        while True:
            try:
                return inbox.get(timeout=max(0.0, min(_GLANCE, deadline - time.monotonic())))
            except queue.Empty:
                now = time.monotonic()
                if now >= deadline:
                    raise TooSlowError from None
                stopped = min(stopped, now) if self._processes.stopping else math.inf
                if now >= stopped + grace:
                    raise StoppedError from None

    def close(self) -> None:
        """End the server; at the end of its input it ends its steps first, unless it hangs in an import."""
        if self._server is not None and self._server.stdin is not None:
            with contextlib.suppress(OSError):
                self._server.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(1)
            self._server.kill()
            self._server.wait()
            self._listener.join(_GIVEN_UP)

    def _send(self, message: dict) -> bool:
        with self._lock:
            if self._gone or self._server is None:
                return False
            try:
                self._server.stdin.write(json.dumps(message).encode() + b"\n")  # type: ignore[union-attr]
                self._server.stdin.flush()  # type: ignore[union-attr]
            except OSError:
                return False
            return True

    def _start(self) -> subprocess.Popen[bytes]:
        server = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, str(Path(__file__).with_name("server.py")), *sorted(UNSAFE_LOADED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, args=(server,), daemon=True)
        self._listener.start()
        return server

    def _listen(self, server: subprocess.Popen[bytes]) -> None:
        for line in server.stdout or ():
            try:
                answer = json.loads(line)
            except ValueError:  # it was killed while it wrote
                break
            with self._lock:
                inbox = self._answers.get(answer["id"])
                if inbox is not None:
                    inbox.put(answer)
            if inbox is None and "pid" in answer:  # it came when nobody waited any more
                signal_group(answer["pid"], signal.SIGKILL)
        with self._lock:
            self._gone = True
            for inbox in self._answers.values():  # nobody may wait for a server that has ended
                inbox.put({})
