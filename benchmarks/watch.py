"""Run a command, and take its time and the memory of all processes that come of it."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

PROC = Path("/proc")


def run(*command: str | Path, cwd: Path, environment: dict[str, str]) -> tuple[float, int]:
    """Run a command quietly.

    Returns:
        Its seconds, and the peak memory (bytes) of it and its descendants together, shared pages counted once. Memory
        is known on Linux only; elsewhere it is 0.

    Raises:
        SystemExit: the command failed; with what it printed.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begun
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{output.decode(errors='replace')}")
    return seconds, peak[0]


def _watch(process: subprocess.Popen, peak: list[int]) -> None:
    known = {process.pid}
    while process.poll() is None:
        known = _family(known)
        peak[0] = max(peak[0], sum(map(_memory, known)))
        time.sleep(0.05)


def _family(known: set[int]) -> set[int]:
    """Return the processes that live, of those known, of their sessions, and of their descendants."""
    living = {}  # process -> its parent and its session
    for entry in PROC.glob("[0-9]*"):
        try:
            _, parent, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        living[int(entry.name)] = {int(parent), int(session)}
    found = set(known)
    while more := {pid for pid, others in living.items() if pid not in found and others & found}:
        found |= more
    return found & living.keys()


def _memory(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "smaps_rollup").read_text().split("Pss:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return 0
