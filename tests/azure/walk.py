"""Breaks a command at each of its requests in turn, and checks that running it again reaches its goal."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import leaks
from emulator import Cloud, Record, snapshots
from emulator.faults import Break, meaning
from emulator.wire import Request
from forks import Forks

# Before the service has done anything, and after: the client cannot know which.
REFUSALS = ("401", "403", "409", "429", "500", "reset")
LOSSES = ("timeout", "kill")
KINDS = (*REFUSALS, *LOSSES)
# Names that differ from run to run, and files of an upload: requests that differ in these only are alike.
VOLATILE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,}(-[0-9a-f]{8})?", re.IGNORECASE)
UPLOAD = re.compile(r"(?<=^/)[^/]+/.+")
TRACEBACK = 70
TRIES = 2
# Requests that an outage spoils: more than clients try again at once, fewer than would keep a patient one for ever.
OUTAGE = 6
LAST_CHARACTERS = 3000


@dataclass
class Walk:
    """One command on its way to one goal.

    Attributes:
        cloud: the tenant, in the state in which the command begins.
        folder: the project, likewise; each trial gets a copy.
        environment: variables of the command.
        reached: raises AssertionError unless the goal is reached; called with the tenant and the project.
        always: raises AssertionError where the tenant is in a state that no interruption may leave behind.
        says: what the user types.
        thorough: every kind of fault at every request, instead of one or two kinds in turn.
    """

    cloud: Cloud
    folder: Path
    environment: dict[str, str]
    forks: Forks
    reached: Callable[[Cloud, Path], None]
    always: Callable[[Cloud, Path], None] | None = None
    says: str = ""
    thorough: bool = False
    counts: collections.Counter = field(default_factory=collections.Counter)
    failures: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> str:
        """Walk all requests of a command; return a table of what happened.

        Raises:
            AssertionError: the command fails without any fault, or a trial did not reach the goal.
        """
        start = snapshots.take(self.cloud)
        calls = self._smooth(start, arguments)
        kinds = itertools.cycle(REFUSALS), itertools.cycle(LOSSES), itertools.cycle(KINDS)
        for number, call in _distinct(calls):
            writes = call.method not in ("GET", "HEAD")
            chosen = (next(kinds[0]), next(kinds[1])) if writes else (next(kinds[2]),)
            for kind in KINDS if self.thorough else chosen:
                self.counts["requests", f"{number} {call.method} {call.path}"] += 1
                try:
                    self._trial(start, arguments, number, kind)
                except AssertionError as problem:
                    self.failures.append(f"{kind} at request {number}, {call}: {problem}")
        assert not self.failures, f"{self.table(arguments)}\n" + "\n".join(self.failures)
        return self.table(arguments)

    def table(self, arguments: tuple[str, ...]) -> str:
        """Return the counts as text."""
        requests = sum(key[0] == "requests" for key in self.counts)
        lines = [f"tdsp {' '.join(arguments)}: {requests} requests broken"]
        for kind in KINDS:
            got = {key[2]: count for key, count in self.counts.items() if key[:2] == ("trial", kind)}
            if got:
                lines.append(f"  {kind:8}" + ", ".join(f"{text} {count}" for text, count in sorted(got.items())))
        return "\n".join(lines)

    def _smooth(self, start: dict, arguments: tuple[str, ...]) -> list[Record]:
        """Run the command twice without a fault; return the requests of the first run."""
        self.cloud.calls.clear()  # of whoever made the state that the command begins in
        with self._project() as folder:
            code, printed = self._command(arguments, folder)
            assert code == 0, f"tdsp {' '.join(arguments)} fails without any fault ({code}):\n{printed}"
            calls = list(self.cloud.calls)
            self.reached(self.cloud, folder)
            code, printed = self._command(arguments, folder)
            assert code == 0, f"the second run of a finished command fails ({code}):\n{printed}"
            self.reached(self.cloud, folder)
        snapshots.restore(self.cloud, start)
        return calls

    def _trial(self, start: dict, arguments: tuple[str, ...], number: int, kind: str) -> None:
        """Break one request, then run the command again until it ends well."""
        snapshots.restore(self.cloud, start)
        with self._project() as folder:
            self._arm(number, kind)
            code, printed = self._command(arguments, folder)
            self.cloud.faults.clear()
            assert code != -signal.SIGUSR1, f"it hangs:\n{printed}"
            assert code != TRACEBACK, f"a traceback instead of a message:\n{printed}"
            self._hold(folder)
            again = 0
            while code and again < TRIES:
                again += 1
                code, printed = self._command(arguments, folder)
                self._hold(folder)
            ends = {0: "absorbed", 1: "reached by the second run"}.get(again, "reached by a later run")
            assert code == 0, f"not reached in {TRIES} more runs ({code}):\n{printed}"
            self.reached(self.cloud, folder)
            self.counts["trial", kind, ends] += 1

    def _hold(self, folder: Path) -> None:
        if self.always:
            self.always(self.cloud, folder)

    def _arm(self, number: int, kind: str) -> None:
        """Let request `number`, and the same request when it is sent again, meet a fault."""
        begin, chosen = len(self.cloud.calls), {}

        def fits(request: Request) -> bool:
            seen = len(self.cloud.calls) - begin
            if not chosen and seen >= number:
                chosen["it"] = (request.method, request.host, request.path)
            return chosen.get("it") == (request.method, request.host, request.path)

        def kill() -> None:
            if self.forks.pid:
                os.kill(self.forks.pid, signal.SIGKILL)

        answer = Break(done=True, then=kill) if kind == "kill" else meaning(kind)
        self.cloud.fail(fits, answer, count=1 if kind == "kill" else OUTAGE)

    def _command(self, arguments: tuple[str, ...], folder: Path) -> tuple[int, str]:
        log = folder.parent / "log.txt"
        log.unlink(missing_ok=True)
        code = self.forks.run(list(arguments), folder, self.environment, log, self.says)
        printed = log.read_text(encoding="utf-8", errors="replace")
        found = [f"printed: {name}" for name in leaks.of_text(printed, public="CI" in self.environment)]
        assert not (found := found + leaks.of_project(folder)), f"{', '.join(found)}:\n{printed}"
        return code, printed[-LAST_CHARACTERS:]

    @contextlib.contextmanager
    def _project(self):
        """Yield a fresh copy of the project."""
        room = self.folder.parent / f"{self.folder.name}-trial"
        shutil.copytree(self.folder, room / self.folder.name, symlinks=True)
        try:
            yield room / self.folder.name
        finally:
            shutil.rmtree(room)


def _distinct(calls: list[Record]) -> list[tuple[int, Record]]:
    """Return the requests with their numbers: of those that are alike, the first and the last."""
    places: dict[tuple[str, ...], list[int]] = {}
    for number, call in enumerate(calls):
        path = UPLOAD.sub("*", call.path) if ".blob." in call.host else VOLATILE.sub("*", call.path)
        places.setdefault((call.method, call.host, path), []).append(number)
    chosen = sorted({number for numbers in places.values() for number in (numbers[0], numbers[-1])})
    return [(number, calls[number]) for number in chosen]
