"""Runs commands of the project in fresh processes that have the heavy imports behind them.

A parent process imports the SDK once and forks for each command: 20 ms instead of seconds. What a command
had to import beyond that, the parent imports before the next one. Run as a program, this file is that
parent: it reads one JSON line a command, and answers with the id of the child and its exit code.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PRELOAD = ("azure.ai.ml", "azure.ai.ml.entities", "azure.identity", "mlflow", "pandas", "tdsp.cli")
# Seconds after which a command counts as hanging.
PATIENCE = 60
PIPE = 60_000  # bytes that fit into a pipe that nobody reads yet
NEVER_RETRY = {"retry_total": 1, "retry_backoff_factor": 0}


@dataclass
class Forks:
    """The parent process, started on first use.

    Attributes:
        environment: its variables, over those of this process.
        preload: modules that every command finds imported.
        pid: the command that runs now; 0 when there is none.
    """

    environment: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = PRELOAD
    pid: int = 0
    _parent: subprocess.Popen[str] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str], log: Path, says: str = "") -> int:
        """Run `tdsp` with arguments in a folder; return its exit code, negative for a signal.

        It reads what the user `says`; what it prints goes to `log`. While it runs, `pid` is its process id.
        """
        with self._lock:
            if self._parent is None:
                self._parent = subprocess.Popen(
                    [sys.executable, __file__, *self.preload],
                    env={**os.environ, **self.environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            order = {
                "arguments": arguments,
                "folder": str(folder),
                "environment": environment,
                "log": str(log),
                "says": says,
            }
            self._parent.stdin.write(json.dumps(order) + "\n")
            self._parent.stdin.flush()
            self.pid = int(self._parent.stdout.readline())
            patience = threading.Timer(PATIENCE, _end, [self.pid])
            patience.start()
            code = int(self._parent.stdout.readline())
            patience.cancel()
            self.pid = 0
            return code

    def stop(self) -> None:
        """End the parent."""
        if self._parent:
            self._parent.stdin.close()
            self._parent.wait(10)


def _end(pid: int) -> None:
    """End a command that hangs; its exit code then says so."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)


def _serve() -> None:
    """Fork for each line that comes in."""
    import importlib

    for name in sys.argv[1:]:
        importlib.import_module(name)
    _be_impatient()
    for line in sys.stdin:
        gc.freeze()  # a collection in the child would copy every page of this process
        told, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            _become(json.loads(line), tells)
        os.close(tells)
        print(pid, flush=True)
        with os.fdopen(told, encoding="utf-8") as names:
            more = names.read().split()
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        for name in more:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def _be_impatient() -> None:
    """Let the SDK try again once and at once: a fault that lasts would keep it busy for minutes. Look at jobs often."""
    from azure.core.pipeline.policies import RetryPolicy

    original = RetryPolicy.__init__

    def hurried(self: RetryPolicy, **options: Any) -> None:
        original(self, **{**options, **NEVER_RETRY})

    RetryPolicy.__init__, RetryPolicy.sleep = hurried, _do_not_sleep  # whatever Retry-After says
    with contextlib.suppress(ImportError):  # storage has a policy of its own, which waits 15 seconds and more
        from azure.storage.blob._shared.policies import StorageRetryPolicy

        StorageRetryPolicy.sleep = _do_not_sleep
    with contextlib.suppress(ImportError):
        from tdsp.azure import follow

        follow.time = SimpleNamespace(sleep=lambda _: time.sleep(0.1))  # between two looks at a job that takes no time


def _do_not_sleep(*_: Any, **_options: Any) -> None:
    """Take the place of a wait."""


def _become(order: dict[str, Any], tells: int) -> None:
    """Turn this fork into the command; never returns. The names of what it imported go to `tells` at its end."""
    code, known = 1, set(sys.modules)
    os.setsid()  # what the command does to its process group must not reach the tests
    try:
        ear, mouth = os.pipe()
        os.write(mouth, order["says"].encode())
        os.close(mouth)
        os.dup2(ear, 0)
        with Path(order["log"]).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["tdsp", *order["arguments"]]
        from tdsp.cli import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(tells, " ".join(name for name in sys.modules if name not in known).encode()[:PIPE])
        os._exit(code)


if __name__ == "__main__":
    _serve()
