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
_WIDTH = 12  # of the column of names, until a longer one is met
_MOST_SKIPPED = 5  # lines; a long pipeline that fails early would fill the screen
_PAUSES = {False: 0.5, True: 0.1}  # seconds between looks, without and with the steps' output


class Progress:
    """Prints events; call it with (event, step, result).

    Args:
        stream: where to.
        verbose: whether to print what the steps say, as they say it.
    """

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False):
        self._stream, self._verbose = stream or sys.stdout, verbose
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._logs: dict[str, _Log] = {}
        self._width, self._skipped, self._waiting = _WIDTH, 0, 0
        self._live = self._stream.isatty()
        self._done = threading.Event()
        if self._live or verbose:
            threading.Thread(target=self._tick, daemon=True).start()

    def __call__(self, event: str, step: str, result: StepResult) -> None:
        """Print one event."""
        with self._lock:
            if event == "start":
                self._running[step] = time.monotonic()
                if self._verbose and result.log:
                    self._logs[step] = _Log(Path(result.log))
            started = self._running.pop(step, None) if event != "start" else None
            if step in self._logs and event != "start":
                self._follow(step, self._logs.pop(step).rest())
            if event == "skipped":
                self._skipped += 1
            if event == "stopped" and started is None:
                self._waiting += 1
            elif event != "skipped" or self._skipped <= _MOST_SKIPPED:
                self._print("\n".join(self._lines(event, step, result)))

    def _lines(self, event: str, step: str, result: StepResult) -> list[str]:
        said = {
            "ok": f"{result.seconds:.1f}s",
            "cached": f"cached ({result.seconds:.1f}s saved)",
            "stub": f"stands in: {shown(Path(result.reason))}",
            "skipped": f"skipped: {result.reason}",
            "stopped": f"stopped: {result.reason}",
        }.get(event, result.reason)
        self._width = max(self._width, len(step))
        lines = [f"{_MARKS[event]} {step:<{self._width}} {said}"]
        if event == "failed" and result.log:
            lines += [f"  {shown(Path(result.log))}", *(f"  | {line}" for line in result.tail.splitlines())]
            advice = tail.remedy(result.tail)
            lines += [f"  {advice}"] if advice else []
        return lines

    def interrupted(self, folder: Path | None = None) -> None:
        """Say that the user stopped the run, and where it lies."""
        self._done.set()
        with self._lock:
            rest = f"; {_counted(self._waiting)} had not started" if self._waiting else ""
            place = f": {shown(folder)}" if folder else ""
            self._print(f"interrupted, every step was ended{rest}{place}")

    def end(self, result: Result, tracking_uri: str | None = None) -> None:
        """Print how the run ended, where it lies and the next command."""
        self._done.set()
        cached = sum(step.state == "cached" for step in result.steps.values())
        saved = sum(step.seconds for step in result.steps.values() if step.state == "cached")
        share = f"{cached} of {_counted(len(result.steps))} cached" + (f" ({saved:.1f}s saved)" if cached else "")
        with self._lock:
            if self._skipped > _MOST_SKIPPED:
                self._print(f"- {self._skipped - _MOST_SKIPPED} more skipped")
            self._print(f"{result.status} in {result.seconds:.1f}s, {share}: {shown(result.folder)}")
            if tracking_uri and result.mlflow_run_id:
                self._print(f"runs: mlflow ui --backend-store-uri {without_login(tracking_uri)}")

    def _print(self, text: str) -> None:
        print(f"{_CLEAR if self._live else ''}{text}", file=self._stream, flush=True)

    def _follow(self, step: str, lines: list[str]) -> None:
        if lines:
            self._print("\n".join(f"  {step} | {line}" for line in lines))

    def _tick(self) -> None:
        import shutil  # slow to import; a run with nothing to do is over before

        while not self._done.wait(_PAUSES[self._verbose]):
            with self._lock:
                for step, log in self._logs.items():
                    self._follow(step, log.lines())
                if self._live and self._running and not self._done.is_set():
                    now = time.monotonic()
                    said = ", ".join(f"{step} {now - start:.0f}s" for step, start in self._running.items())
                    # A line that wraps could not be taken back.
                    said = f"… {said}"[: shutil.get_terminal_size().columns - 1]
                    self._stream.write(f"{_CLEAR}{said}")
                    self._stream.flush()


class _Log:
    """A file that grows, line by line."""

    def __init__(self, path: Path):
        self._path, self._place, self._begun = path, 0, b""

    def lines(self) -> list[str]:
        """Return the whole lines that are new."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._place)
                text = stream.read()
        except OSError:  # the step has said nothing yet
            return []
        self._place += len(text)
        *whole, self._begun = (self._begun + text).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def rest(self) -> list[str]:
        """Return all that is new, at the end."""
        return [*self.lines(), *([self._begun.decode("utf-8", "replace")] if self._begun else [])]


def _counted(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"
