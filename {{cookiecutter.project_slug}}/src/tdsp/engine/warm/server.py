"""The fork server: a Python that has the steps' imports loaded and forks a copy of itself for each step.

Run as a script, never imported: it must stay free of everything but the standard library. Requests come in
on standard input as JSON lines; its arguments are modules that forbid any fork; answers go out on standard output:

    {"preload": [modules]}                                         imported when there is nothing else to do
    {"id": 1, "argv": [...], "cwd": "...", "env": {}, "log": "...", "modules": [...], "own": [...]}
    -> {"id": 1, "pid": 42}, later {"id": 1, "code": 0};  or {"id": 1, "refused": "why"}
"""

# It must import next to nothing.
# ruff: noqa: PTH100, PTH109, PTH120

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import threading
import traceback

_HERE = os.path.abspath(__file__)


class Server:
    """One loop over requests, imports to make and children that end."""

    def __init__(self, requests: int, answers: int, unsafe: list[str]):
        self._requests, self._answers, self._unsafe = requests, answers, frozenset(unsafe)
        self._children: dict[int, int] = {}
        self._preload: list[str] = []
        self._buffer = b""
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the engine, which ends us

    def loop(self) -> dict | None:
        """Serve until the engine is gone; a forked child returns the request it is to carry out."""
        while True:
            ready, _, _ = select.select([self._requests, self._wake], [], [], 0 if self._preload else None)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._requests in ready:
                chunk = os.read(self._requests, 1 << 16)
                if not chunk:
                    self._end()
                    return None
                self._buffer += chunk
                *lines, self._buffer = self._buffer.split(b"\n")
                for line in lines:
                    request = json.loads(line)
                    if "preload" in request:
                        self._preload += request["preload"]
                    elif self._fork(request):
                        return request
            elif not ready and self._preload:
                _load(self._preload.pop(0))

    def _fork(self, request: dict) -> bool:
        for module in request["modules"]:
            _load(module)
        refusal = self._refusal(set(request["own"]))
        if refusal:
            self._answer({"id": request["id"], "refused": refusal})
            return False
        gc.freeze()  # so that a child's collections do not copy what it shares
        told, telling = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(telling)
            if not os.read(told, 1):  # killed before it could name this process: the engine starts another one
                os._exit(1)
            os.close(told)
            return True
        os.close(told)
        with contextlib.suppress(OSError):  # both sides do it: whoever is first
            os.setpgid(pid, pid)
        self._children[pid] = request["id"]
        self._answer({"id": request["id"], "pid": pid})
        with contextlib.suppress(OSError):  # it has been killed already
            os.write(telling, b".")
        os.close(telling)
        return False

    def _refusal(self, own: set[str]) -> str:
        """Say why a fork would not be like a Python just started; what was loaded once stays for good."""
        if threading.active_count() > 1:
            return "an import started a thread"
        loaded = {name.partition(".")[0] for name in sys.modules}
        if loaded & self._unsafe:
            return f"{min(loaded & self._unsafe)} does not survive a fork"
        if loaded & own:
            return f"the step has a {min(loaded & own)} of its own, and another one is loaded"
        return ""

    def _reap(self) -> None:
        for pid in list(self._children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                continue
            with contextlib.suppress(OSError):
                os.killpg(
                    pid, signal.SIGKILL
                )  # what the step left running; its number is not free before the next line
            _, status = os.waitpid(pid, 0)
            self._answer({"id": self._children.pop(pid), "code": os.waitstatus_to_exitcode(status)})

    def _end(self) -> None:
        for pid in self._children:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(0)  # tidying up what was imported takes long

    def _answer(self, message: dict) -> None:
        os.write(self._answers, json.dumps(message).encode() + b"\n")


def _load(module: str) -> None:
    # A step that needs it says what is wrong when it imports it itself.
    with contextlib.suppress(BaseException):
        importlib.import_module(module)


def become(request: dict) -> None:
    """Turn a forked child into the step, as if Python had just been started with its arguments."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    for name in ("stdout", "stderr"):
        number = 1 if name == "stdout" else 2
        stream = open(number, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115 - stays open
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    _reseed()
    code = 0
    try:
        _start(request["argv"])
    except SystemExit as end:
        code = _code(end.code)
    _leave(code)


def _code(said: object) -> int:
    if isinstance(said, str):
        print(said, file=sys.stderr)
    return said if isinstance(said, int) else 0 if said is None else 1


def _leave(code: int) -> None:
    """End as Python does, except that memory is not tidied: undoing the shared imports would copy all of them."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code & 0xFF)


def _reseed() -> None:
    """A fork shares the parent's random state; a new process would not."""
    if "random" in sys.modules:  # one that is imported later seeds itself
        sys.modules["random"].seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _start(argv: list[str]) -> None:
    sys.dont_write_bytecode = True
    guard = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    rest = [place for place in sys.path if place not in guard]
    try:
        if argv[0] == "-m":
            sys.path[:] = [os.getcwd(), *filter(None, guard), *rest]
            sys.argv = argv[1:]
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.path[:] = [os.path.dirname(os.path.abspath(argv[0])), *filter(None, guard), *rest]
            sys.argv = list(argv)
            # An absolute path, as Python makes it since 3.9: that is what a traceback shows.
            runpy.run_path(os.path.abspath(argv[0]), run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:
        frames = error.__traceback__
        while frames is not None and (
            os.path.abspath(frames.tb_frame.f_code.co_filename) == _HERE
            or "runpy" in frames.tb_frame.f_code.co_filename
        ):
            frames = frames.tb_next
        traceback.print_exception(type(error), error, frames)
        sys.exit(1)


if __name__ == "__main__":
    answers = os.dup(1)
    del sys.path[0]  # this script's folder
    os.dup2(2, 1)  # what an import prints is no answer
    chosen = Server(0, answers, sys.argv[1:]).loop()
    if chosen is not None:
        become(chosen)
