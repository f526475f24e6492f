"""Makes a step's result: lays its workspace out, runs it, looks at what it did, and stores what it left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tdsp.engine.executor import editable, tail
from tdsp.engine.executor.handover import Handover
from tdsp.engine.executor.processes import StoppedError
from tdsp.engine.records import StepResult
from tdsp.engine.steps import command
from tdsp.engine.steps.command import Machine, StepFailedError, Workspace
from tdsp.engine.store import digests, keys
from tdsp.engine.store.entries import Entry, Store
from tdsp.engine.store.memory import Memories
from tdsp.errors import TdspError


@dataclass
class Maker:
    """Shared by the steps of one run."""

    store: Store
    memories: Memories
    machine: Machine
    handover: Handover

    def make(self, work: Workspace, key: str, parts: keys.Ingredients, outcome: StepResult) -> Entry:
        """Make a step's entry inside an MLflow run of its own, if runs are wanted."""
        runs, work.environment = self.machine.runs, dict(self.machine.environment)
        if runs is None:
            return self._make(work, key, parts, {})
        run = outcome.mlflow_run_id = runs.start(work.step.name, outcome.reason)
        work.environment |= runs.variables(run)
        status = "FAILED"
        try:
            store = digests.of_text(runs.uri)  # the address itself may hold a password
            entry = self._make(work, key, parts, {"mlflow_store": store, "mlflow_run_id": run})
            status = "FINISHED"
        except StoppedError:
            status = "KILLED"
            raise
        finally:
            try:
                runs.end(run, status)
            except TdspError as error:  # no reason to lose what the step made
                outcome.reason += f"; {error}"
        return entry

    def _make(self, work: Workspace, key: str, parts: keys.Ingredients, facts: dict[str, object]) -> Entry:
        import shutil  # slow to import, and only needed where a step has run

        step, files = work.step, work.files
        started = time.monotonic()
        work.lay_out()
        same = self._unchanged(files, parts)
        try:
            _runner(step.kind)(work, self.machine)
        except StepFailedError as error:
            raise StepFailedError(str(error), tail.of(work.log, files, work.code)) from None
        self.handover.check(step, parts["input"])
        if step.kind == "sweep":  # each trial has copied the code
            same = same and self._unchanged(files, parts)
        same = same and self._unchanged(files, parts, step.command)
        outputs = self.handover.collect(step, work.folder)
        if work.log.stat().st_size:
            shutil.copyfile(work.log, work.folder / "log.txt")
        seconds = round(time.monotonic() - started, 3)
        noted = {"step": step.name, "seconds": seconds, **facts}
        return self.store.commit(work.folder, key if same else None, outputs, noted)

    def contents(self, packages: editable.Packages) -> dict[str, str]:
        """Return import name -> digest of the package's files."""
        memory = self.memories.files
        return {name: digests.of_data(digests.of_files(files, memory)) for name, files in packages.items()}

    def _unchanged(self, files: dict[str, Path], parts: keys.Ingredients, command: str | None = None) -> bool:
        """Whether the sources are still those that the key was made from.

        Of a snapshot, just copied; or, with the command that has ended, of the editable packages it may have imported.
        """
        try:
            if command is None:
                return digests.of_files(files, self.memories.files) == parts["code"]
            return self.contents(editable.used(command, files)) == parts["package"]
        except OSError:
            return False


def _runner(kind: str) -> Callable[[Workspace, Machine], None]:
    """Return what runs a kind of step; the rare ones are imported when they are met."""
    if kind == "sweep":
        from tdsp.engine.steps import sweep

        return sweep.run
    if kind == "parallel":
        from tdsp.engine.steps import parallel

        return parallel.run
    return command.run
