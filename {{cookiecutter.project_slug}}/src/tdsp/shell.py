"""The one seam for outside commands: a list of words, never a shell; a time limit; one line when it goes wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tdsp.errors import TdspError


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
        TdspError: the program is missing, took too long, or ended with another status than 0.
    """
    program = Path(command[0]).name
    try:
        # `command` never reaches a shell, so nothing in it can become one.
        done = subprocess.run(  # noqa: S603
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
        raise TdspError(f"{program} ended with status {done.returncode}: {said}")
    return done.stdout
