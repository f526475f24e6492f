"""The one seam for outside commands: words, never a shell; a time limit; one line when it fails."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from tdsp.errors import TdspError, WrongInput

HOST = "127.0.0.1"  # servers started here answer this machine alone
STOP_SECONDS = 10  # to end in good order before it is killed


class CommandError(TdspError):
    """A command ended with another status than 0; `said` is the last line that it wrote."""

    def __init__(self, program: str, status: int, said: str) -> None:
        super().__init__(f"{program} ended with status {status}: {said}")
        self.status, self.said = status, said


def run(
    *command: str, cwd: Path | None = None, timeout: float = 30, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command and return its standard output.

    Args:
        command: the program and its arguments, handed over as they are.
        cwd: where it runs; here when not given.
        timeout: seconds after which it is stopped.
        environment: variables added to this process's own.

    Raises:
        CommandError: it ended with another status than 0.
        TdspError: the program is missing, or took too long.
    """
    program = Path(command[0]).name
    try:
        # `command` never reaches a shell, so nothing in it can become one.
        done = subprocess.run(  # noqa: S603 - a list, no shell
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise TdspError(f"{program} is not installed, or not on PATH") from None
    except subprocess.TimeoutExpired:
        raise TdspError(f"{program} gave no answer within {timeout:g} seconds") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise CommandError(program, done.returncode, said)
    return done.stdout


@contextlib.contextmanager
def running(
    *command: str,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[subprocess.Popen]:
    """Keep a server running until the block ends, then end it and every process it started.

    It gets a process group of its own, so Ctrl-C reaches this process alone, which then stops the server in
    good order. Its standard input says nothing and closes when this process is gone, however it went: a
    server may watch for that.

    Args:
        command: the program and its arguments, handed over as they are.
        cwd: where it runs; here when not given.
        environment: all of its variables; this process's own when not given.
        log: where it writes; this process's own output when not given.

    Raises:
        TdspError: the program is missing.
    """
    own = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        if sys.platform == "win32"
        else {"start_new_session": True}
    )
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell
            command, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log, **own
        )
    except FileNotFoundError:
        raise TdspError(f"{Path(command[0]).name} is not installed, or not on PATH") from None
    try:
        yield process
    finally:
        _stop(process)


def free_port(port: int = 0) -> int:
    """Return `port` if nothing listens there; any free one for 0.

    Raises:
        WrongInput: the port is taken or not allowed.
    """
    with socket.socket() as probe:
        if sys.platform != "win32":  # a port that was just closed counts as free; there, two servers could share one
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise WrongInput(f"port {port} is not allowed for this user; choose one above 1023 with --port") from None
        except OSError:
            raise WrongInput(f"port {port} is taken; stop what listens there, or choose another with --port") from None
        return probe.getsockname()[1]


def _stop(process: subprocess.Popen) -> None:
    """End the whole group of `process`; workers may outlive the one that started them."""
    process.stdin.close()
    if sys.platform == "win32":
        end = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(end, capture_output=True, check=False)  # noqa: S603 - a list, no shell
        process.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
