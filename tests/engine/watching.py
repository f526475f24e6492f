"""Processes looked at from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tdsp import engine

SRC = Path(engine.__file__).parents[2]


def until(condition) -> bool:
    """Whether it came true in good time."""
    deadline = time.monotonic() + 40
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")  # the dead whose parent has not looked yet still have a number
        return status.read_text().rpartition(")")[2].split()[0] != "Z" if status.parent.parent.is_dir() else True
    except OSError:
        return False


def pids(folder: Path) -> list[int]:
    """The numbers that steps left in `pid*`."""
    return [int(text) for mark in folder.glob("pid*") if (text := mark.read_text().strip())]


def command(bench, *options: str, hangup: str = "SIG_DFL") -> subprocess.Popen[bytes]:
    """`tdsp run` in a process of its own that hears signals, even where the tests run behind `nohup` or `&`."""
    code = (
        f"import signal, sys; sys.path.insert(0, {str(SRC)!r}); signal.signal(signal.SIGHUP, signal.{hangup})\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tdsp.cli import main; main()"
    )
    words = [sys.executable, "-c", code, "run", str(bench.file), *options]
    return subprocess.Popen(words, cwd=bench.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
