"""The library call behind `tdsp run`."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tdsp.engine import records
from tdsp.engine.executor import pipguard, variables
from tdsp.engine.executor.scheduler import Executor, Listener
from tdsp.engine.plan import Plan
from tdsp.engine.reader import documents
from tdsp.engine.reader.job import Reading
from tdsp.engine.records import Result
from tdsp.engine.steps.command import Machine
from tdsp.engine.store import lock
from tdsp.engine.store.entries import Store
from tdsp.engine.store.memory import Memories
from tdsp.errors import TdspError, WrongInput, did_you_mean


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what.

    Attributes:
        force: steps that may not be reused; `*` means all.
        until: last step to run; with what it needs.
        stubs: step -> folder with saved outputs.
        tracking_uri: MLflow store for the run and its steps; None leaves MLflow out.
        workers: steps at once.
        warm: fork steps from a Python that has their imports loaded, where that is safe.
    """

    force: frozenset[str] = frozenset()
    until: str | None = None
    stubs: Mapping[str, Path] = field(default_factory=dict)
    tracking_uri: str | None = None
    workers: int = max(2, os.cpu_count() or 2)
    warm: bool = False

    def __post_init__(self):
        if self.tracking_uri:  # steps have working folders of their own
            from tdsp.engine.mlflow_runs import absolute

            object.__setattr__(self, "tracking_uri", absolute(self.tracking_uri))


def read(pipeline: Path, *, home: Path | None = None, overrides: Mapping[str, Any] | None = None, stubs=None) -> Plan:
    """Return the flat plan of a pipeline file.

    Args:
        pipeline: an Azure ML v2 job file.
        home: folder whose `datastores/` stands in for datastores; `.tdsp` beside the file by default.
        overrides: `inputs.x` or any other key -> value.
        stubs: step -> folder that stands in for running it.

    Raises:
        InvalidPipeline: every mistake found, one line each.
        WrongInput: the file cannot be read, or an override names nothing.
    """
    reading = Reading(documents.absolute(pipeline), stubs or {}, home)
    plan = reading.plan(overrides or {})
    reading.problems.raise_any()
    if plan is None:
        raise WrongInput(f"{documents.shown(pipeline)}: no pipeline")
    return plan


def run(
    pipeline: Path,
    *,
    home: Path,
    overrides: Mapping[str, Any] | None = None,
    options: Options | None = None,
    tell: Listener = lambda *_: None,
) -> Result:
    """Run a pipeline file on this machine.

    Args:
        pipeline: an Azure ML v2 job file.
        home: folder for the store and the runs (`.tdsp` in a project); made if missing.
        overrides: `inputs.x` or any other key -> value, as with `--set`.
        options: see `Options`.
        tell: called with (event, step, its result) while it runs, from several threads.

    Returns:
        How it ended; `result.ok` is False if a step failed.

    Raises:
        WrongInput: the pipeline cannot run; nothing was started.
        KeyboardInterrupt: Ctrl-C; every process was ended and the run's record written.
    """
    options, home = options or Options(), documents.absolute(home)
    if sys.platform == "win32":
        raise TdspError("steps need bash, as in Azure ML: run this in WSL or a dev container")
    plan = _chosen(read(pipeline, home=home, overrides=overrides, stubs=options.stubs), options)
    store = Store(home / "store")
    try:
        store.prepare()
        with contextlib.suppress(lock.InUseError), lock.exclusive(store.folder / "lock"):
            store.sweep()
        with lock.shared(store.folder / "lock"):
            store.probe()
            result = records.begin(home / "runs", plan.file, plan.experiment, list(plan.steps))
            _run(plan, store, result, options, tell)
    except OSError as error:  # a full disk, a folder that cannot be written
        raise TdspError(f"{error.filename or home}: {error.strerror}; the store is as it was before") from None
    return result


def _run(plan: Plan, store: Store, result: Result, options: Options, tell: Listener) -> None:
    """Run the plan and write down how it ended, however it ended."""
    started = time.monotonic()
    memories = Memories(store.folder, plan.file)
    machine = _machine(plan, options, pipguard.write(store.folder / "guard"))
    executor = Executor(plan, store, result, memories, machine, tell, options.force, options.workers)
    try:
        executor.run()
        result.status = "ok" if all(step.good for step in result.steps.values()) else "failed"
    except KeyboardInterrupt:
        result.status = "interrupted"
        raise
    finally:
        result.status = "failed" if result.status == "running" else result.status
        result.outputs = {
            name: result.steps[step].outputs[output]
            for name, (step, output) in plan.outputs.items()
            if step in result.steps and output in result.steps[step].outputs
        }
        result.seconds = round(time.monotonic() - started, 3)
        _close(machine, result)
        machine.processes.close()
        memories.save()
        records.finish(result)


def _machine(plan: Plan, options: Options, guard: Path) -> Machine:
    machine = Machine(variables.clean(guard))
    if options.tracking_uri:
        from tdsp.engine.mlflow_runs import Runs

        machine.runs = Runs(options.tracking_uri, plan.experiment, plan.name, plan.file)
        machine.environment |= variables.tracking(options.tracking_uri)
    machine.forks = options.warm and forks_safely()
    return machine


def forks_safely() -> bool:
    """Whether warm start is on: Linux only, since macOS's own libraries do not survive a fork."""
    return sys.platform == "linux"


def _close(machine: Machine, result: Result) -> None:
    if machine.warm is not None:
        machine.warm.close()
    if machine.runs is not None:
        result.mlflow_run_id = machine.runs.parent
        status = {"ok": "FINISHED", "interrupted": "KILLED"}.get(result.status, "FAILED")
        with contextlib.suppress(TdspError):  # a store that was lost meanwhile: the run's own record still says it
            machine.runs.end(machine.runs.parent, status)


def _chosen(plan: Plan, options: Options) -> Plan:
    """Return the plan up to `until`; check the names of steps in the options."""
    for name in {*options.force, options.until or "*"} - {"*"}:
        if name not in plan.steps:
            raise WrongInput(f"there is no step {name!r}{did_you_mean(name, plan.steps)}")
    if options.until is None:
        return plan
    wanted, stack = set(), [options.until]
    while stack:
        name = stack.pop()
        if name not in wanted:
            wanted.add(name)
            stack.extend(plan.steps[name].needs)
    return replace(plan, steps={name: step for name, step in plan.steps.items() if name in wanted})
