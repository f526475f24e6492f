"""Runs a plan: what is ready at once, what is known from the store.

And nothing after a failure that forbids it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter

from tdsp.engine.executor import editable, snapshot
from tdsp.engine.executor.handover import Handover
from tdsp.engine.executor.making import Maker
from tdsp.engine.executor.processes import StoppedError
from tdsp.engine.plan import Plan, Step
from tdsp.engine.records import Result, StepResult
from tdsp.engine.steps.command import Machine, StepFailedError, Workspace
from tdsp.engine.store import digests, keys
from tdsp.engine.store.entries import Entry, Store
from tdsp.engine.store.memory import Memories

_GLANCE = 0.5  # seconds; a signal that comes just before a wait without an end would not be seen
Listener = Callable[[str, str, StepResult], None]


@dataclass
class Executor:
    """One run of one plan.

    Attributes:
        forced: names of steps that may not be reused; `*` means all.
        tell: called with (event, step, result) from several threads; events: start, ok, cached, stub, failed,
            skipped, stopped.
    """

    plan: Plan
    store: Store
    result: Result
    memories: Memories
    machine: Machine
    tell: Listener
    forced: frozenset[str] = frozenset()
    workers: int = 2

    def __post_init__(self):
        self._handover = Handover(self.result, self.memories.files, self.store.folder.parent)
        self._maker = Maker(self.store, self.memories, self.machine, self._handover)
        self._making: dict[str, threading.Event] = {}
        self._lock, self._warming = threading.Lock(), threading.Lock()
        self._warmed = self._failed = False

    def run(self) -> None:
        """Run every step of the plan and note how each ended in `result`."""
        order = TopologicalSorter({name: step.needs & self.plan.steps.keys() for name, step in self.plan.steps.items()})
        order.prepare()
        running: dict[Future[None], str] = {}
        pool = ThreadPoolExecutor(self.workers, "step")
        try:
            while order.is_active():
                for name in order.get_ready():
                    obstacle = self._obstacle(self.plan.steps[name])
                    if obstacle:
                        self._end(name, "skipped", obstacle)
                        order.done(name)
                    else:
                        running[pool.submit(self._run, self.plan.steps[name])] = name
                for future in wait(running, _GLANCE, FIRST_COMPLETED).done if running else ():
                    name = running.pop(future)
                    future.result()
                    order.done(name)
                    if self.result.steps[name].state == "failed" and not self.plan.continue_on_failure:
                        self._failed = True
                        self.machine.processes.stop()
        except BaseException:
            self.machine.processes.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            for name, step in self.result.steps.items():
                if step.state in ("waiting", "running"):
                    self._end(name, "stopped", "the run was interrupted")

    def _obstacle(self, step: Step) -> str:
        """Say why a step whose turn it is may not start."""
        if self._failed:
            return "a step failed"
        vital = {value.step for port, value in step.inputs.items() if value.step and port not in step.optional}
        lost = vital and not all(self.result.steps[need].good for need in vital)
        return "a step it needs failed" if lost else ""

    def _end(self, name: str, state: str, reason: str) -> None:
        self.result.steps[name].state, self.result.steps[name].reason = state, reason
        self._tell(state, name)

    def _tell(self, event: str, name: str) -> None:
        with contextlib.suppress(Exception):  # whoever listens may have gone (`tdsp run | head`); steps go on
            self.tell(event, name, self.result.steps[name])

    def _run(self, step: Step) -> None:
        """Run one step to its end; a failure of the step is a state, not an exception."""
        outcome = self.result.steps[step.name]
        started = time.monotonic()
        try:
            self._go_on()
            entry = self._handover.stub(step, outcome) if step.kind == "stub" else self._entry(step, outcome)
            if entry is not None:
                self._handover.publish(step, entry, outcome)
        except StoppedError:
            if self._failed and outcome.state == "waiting":
                outcome.state, outcome.reason = "skipped", "a step failed"
            else:
                outcome.state = "stopped"
                outcome.reason = "another step failed" if self._failed else "the run was interrupted"
        except StepFailedError as error:
            outcome.state, outcome.reason, outcome.tail = "failed", error.args[0], "".join(error.args[1:])
            outcome.log = str(self._handover.log(step))
        except OSError as error:
            outcome.state, outcome.reason = (
                "failed",
                f"{error.strerror}: {error.filename or self.store.folder}",
            )
        if outcome.state != "cached":
            outcome.seconds = round(time.monotonic() - started, 3)
        self._tell(outcome.state, step.name)

    def _entry(self, step: Step, outcome: StepResult) -> Entry:
        files = snapshot.files_of(step.code)
        code, packages = digests.of_files(files, self.memories.files), editable.used(step.command, files)
        parts = keys.ingredients(step, code, self._handover.contents(step), self._maker.contents(packages))
        key = keys.key_of(parts)
        forced = "asked to" if self.forced & {"*", step.name} else ""
        forced = forced or ("not deterministic" if not step.deterministic else "")
        forced = forced or ("force_rerun" if self.plan.force_rerun else "")
        with self._alone(key):
            entry = None if forced else self.store.lookup(key)
            if entry is not None:
                outcome.state, outcome.seconds = "cached", entry.seconds
                runs = self.machine.runs
                if runs is not None and entry.facts.get("mlflow_store") == digests.of_text(runs.uri):
                    outcome.mlflow_run_id = entry.facts.get("mlflow_run_id")
                self.memories.note(step.name, parts)
                return entry
            self._go_on()
            outcome.state, outcome.reason = "running", forced or self.memories.why(step.name, parts)
            outcome.log = str(self._handover.log(step))
            self._tell("start", step.name)
            self._warm_up()
            with self.store.workspace() as folder, self._handover.kept(step, folder, outcome):
                work = Workspace(folder, step, self._handover.paths(step), files, self._handover.log(step), packages)
                entry = self._maker.make(work, key, parts, outcome)
            if entry.facts["key"] is None:
                outcome.reason += "; its code changed meanwhile, so the result is not reused"
            else:
                self.memories.note(step.name, parts)
            outcome.state = "ok"
            return entry

    def _go_on(self) -> None:
        """Raise `StoppedError` if nothing may start any more."""
        if self.machine.processes.stopping:
            raise StoppedError

    def _alone(self, key: str) -> _Turn:
        return _Turn(key, self._making, self._lock)

    def _warm_up(self) -> None:
        """Before the first step that really runs: let the fork server import what it and the others will need.

        A step alone gains nothing from a server that imports on its behalf.
        """
        with self._warming:  # a second step waits for it too, else it would start the plain way
            if not self._warmed and self.machine.forks:
                self._start_server()
            self._warmed = True

    def _start_server(self) -> None:
        from tdsp.engine.warm.client import Warm
        from tdsp.engine.warm.fitness import arguments, imports

        left = (step for name, step in self.plan.steps.items() if self.result.steps[name].state != "cached")
        plain = (step for step in left if step.kind == "command" and arguments(step.command))
        python = [(step, snapshot.files_of(step.code)) for step in plain]
        if len(python) > 1:
            self.machine.warm = warm = Warm(self.machine.environment, self.machine.processes)
            wanted = (imports(files, editable.used(step.command, files)) or [] for step, files in python)
            warm.preload(list(dict.fromkeys(module for modules in wanted for module in modules)))


class _Turn:
    """Lets twins - steps with one key - work one after the other.

    So that the second finds the first one's result.
    """

    def __init__(self, key: str, making: dict[str, threading.Event], lock: threading.Lock):
        self._key, self._making, self._lock = key, making, lock

    def __enter__(self) -> None:
        while True:
            with self._lock:
                other = self._making.get(self._key)
                if other is None:
                    self._making[self._key] = threading.Event()
                    return
            other.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._making.pop(self._key).set()
