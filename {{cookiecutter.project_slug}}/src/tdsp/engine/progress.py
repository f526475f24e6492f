"""One line per event while a pipeline runs; on a terminal a last, living line tells what is running."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from tdsp.engine.executor import tail
from tdsp.engine.executor.variables import without_login
from tdsp.engine.reader.documents import shown
from tdsp.engine.records import Result, StepResult

_MARKS = {"start": ">", "ok": "+", "cached": "=", "stub": "=", "failed": "x", "skipped": "-", "stopped": "-"}
_CLEAR = "\r\x1b[K"


class Progress:
    """Prints events; call it with (event, step, result)."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._live = self._stream.isatty()
        self._done = threading.Event()
        if self._live:
            threading.Thread(target=self._tick, daemon=True).start()

    def __call__(self, event: str, step: str, result: StepResult) -> None:
        """Print one event."""
        said = {
            "ok": f"{result.seconds:.1f}s",
            "cached": f"cached ({result.seconds:.1f}s saved)",
            "stub": f"stands in: {result.reason}",
            "skipped": f"skipped: {result.reason}",
            "stopped": f"stopped: {result.reason}",
        }.get(event, result.reason)
        lines = [f"{_MARKS[event]} {step:<12} {said}"]
        if event == "failed" and result.log:
            lines += [f"  {shown(Path(result.log))}", *(f"  | {line}" for line in result.tail.splitlines())]
            advice = tail.remedy(result.tail)
            lines += [f"  {advice}"] if advice else []
        with self._lock:
            if event == "start":
                self._running[step] = time.monotonic()
            else:
                self._running.pop(step, None)
            self._print("\n".join(lines))

    def interrupted(self) -> None:
        """Say that the user stopped the run."""
        self._done.set()
        with self._lock:
            self._print("interrupted; every step was ended")

    def end(self, result: Result, tracking_uri: str | None = None) -> None:
        """Print how the run ended, where it lies and the next command."""
        self._done.set()
        cached = sum(step.state == "cached" for step in result.steps.values())
        saved = sum(step.seconds for step in result.steps.values() if step.state == "cached")
        share = f"{cached} of {len(result.steps)} steps cached" + (f" ({saved:.1f}s saved)" if cached else "")
        with self._lock:
            self._print(f"{result.status} in {result.seconds:.1f}s, {share}: {shown(result.folder)}")
            if tracking_uri and result.mlflow_run_id:
                self._print(f"runs: mlflow ui --backend-store-uri {without_login(tracking_uri)}")

    def _print(self, text: str) -> None:
        print(f"{_CLEAR if self._live else ''}{text}", file=self._stream, flush=True)

    def _tick(self) -> None:
        while not self._done.wait(0.5):
            with self._lock:
                if self._running:
                    now = time.monotonic()
                    said = ", ".join(f"{step} {now - start:.0f}s" for step, start in self._running.items())
                    self._stream.write(f"{_CLEAR}… {said}"[:100])
                    self._stream.flush()
