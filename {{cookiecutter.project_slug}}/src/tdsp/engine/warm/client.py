"""Warm start: plain `python` steps are forked from a Python with their imports loaded (see `server`).

Only for Linux, only for commands without any shell syntax, and never for libraries that start threads or a
GPU at import.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import json
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tdsp.engine.executor.processes import Processes, TooSlowError, signal_group
from tdsp.engine.reader.expressions import EXPRESSION

_UNSAFE = {
    "cupy",
    "dask",
    "jax",
    "keras",
    "lightgbm",
    "multiprocessing",
    "numba",
    "pyspark",
    "ray",
    "tensorflow",
    "torch",
    "xgboost",
}
_READ_AT_START = (
    "PYTHON",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "NUMEXPR_",
    "LD_",
    "PATH",
    "CUDA_",
    "MPL",
    "KMP_",
    "LANG",
    "LC_",
)
_SHELL = re.compile(r"[;&|<>$`\\*?(){}\[\]~#!\n]")


def possible() -> bool:
    """Whether this system forks safely; macOS's own libraries do not survive it."""
    return sys.platform == "linux"


def arguments(command: str) -> list[str] | None:
    """Return what follows `python` in a command that needs no shell, else None."""
    text = " ".join(EXPRESSION.sub("x", command).split()) if "${{" in command else command.strip()
    if _SHELL.search(text):
        return None
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if len(words) < 2 or words[0] not in ("python", "python3"):
        return None
    plain = words[1].endswith(".py") or (words[1] == "-m" and len(words) > 2 and words[2] not in ("pip", "venv"))
    return words[1:] if plain else None


def too_late(variables: Mapping[str, str]) -> bool:
    """Whether a step sets variables that are read while Python or a library starts."""
    return any(name.startswith(_READ_AT_START) for name in variables)


def imports(files: dict[str, Path]) -> list[str] | None:
    """Return the modules from outside the snapshot that its Python files import.

    None if one of them is unsafe to fork.
    """
    own = {name.split("/")[0].removesuffix(".py") for name in files}
    found: dict[str, None] = {}
    for name, path in files.items():
        if name.endswith(".py"):
            found.update(dict.fromkeys(_imports_of(str(path), path.stat().st_mtime_ns)))
    outside = [module for module in found if module.split(".")[0] not in own]
    return None if {module.split(".")[0] for module in outside} & _UNSAFE else outside


@functools.lru_cache(maxsize=1024)
def _imports_of(path: str, _changed: int) -> tuple[str, ...]:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(found)


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
        folder: Path,
        variables: dict[str, str],
        log: Path,
        timeout: float | None,
    ) -> int | None:
        """Run a step; returns its exit code, or None if it must be started the plain way.

        Raises:
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
        }
        if not self._send(request):
            return None
        pid = inbox.get().get("pid")
        if pid is None:
            return None
        self._processes.adopt(pid)
        try:
            answer = inbox.get(timeout=timeout)
        except queue.Empty:
            signal_group(pid, signal.SIGKILL)
            inbox.get()
            raise TooSlowError from None
        finally:
            self._processes.release(pid)
        return answer.get("code", 1)

    def close(self) -> None:
        """End the server."""
        if self._server is not None and self._server.stdin is not None:
            with contextlib.suppress(OSError):
                self._server.stdin.close()
            self._server.kill()
            self._server.wait()

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
            [sys.executable, str(Path(__file__).with_name("server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(server,), daemon=True).start()
        return server

    def _listen(self, server: subprocess.Popen[bytes]) -> None:
        for line in server.stdout or ():
            answer = json.loads(line)
            self._answers[answer["id"]].put(answer)
        with self._lock:
            self._gone = True
        for inbox in self._answers.values():  # nobody may wait for a server that has ended
            inbox.put({})
