"""One line per event while a pipeline runs."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from tdsp.engine.documents import shown
from tdsp.engine.records import Result, StepResult

_MARKS = {"start": ">", "ok": "+", "cached": "=", "stub": "=", "failed": "x", "skipped": "-", "stopped": "-"}


class Progress:
    """Prints events; call it with (event, step, result)."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, event: str, step: str, result: StepResult) -> None:
        """Print one event."""
        said = {
            "ok": f"{result.seconds:.1f}s",
            "cached": f"cached ({result.seconds:.1f}s saved)",
            "stub": f"stands in: {result.reason}",
            "skipped": f"skipped: {result.reason}",
            "stopped": f"stopped: {result.reason}",
        }.get(event, result.reason)
        with self._lock:
            print(f"{_MARKS[event]} {step:<12} {said}", file=self._stream, flush=True)

    def interrupted(self) -> None:
        """Say that the user stopped the run."""
        print("interrupted; every step was ended", file=sys.stderr)

    def end(self, result: Result) -> None:
        """Print the last line."""
        cached = sum(step.state == "cached" for step in result.steps.values())
        print(
            f"{result.status} in {result.seconds:.1f}s, {cached} of {len(result.steps)} steps cached: {shown(result.folder)}",
            file=self._stream,
            flush=True,
        )
