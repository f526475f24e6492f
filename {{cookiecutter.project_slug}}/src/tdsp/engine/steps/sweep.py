"""A sweep step: many trials of one command, the best one's outputs kept."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdsp.engine.executor.processes import CancelledError, StoppedError
from tdsp.engine.mlflow_runs import Runs
from tdsp.engine.problems import Problems
from tdsp.engine.reader.tree import Node
from tdsp.engine.steps import policies, search
from tdsp.engine.steps.command import Machine, StepFailedError, Workspace, execute

MOST_TRIALS = 20  # the service's default is 1000; a laptop is no cluster
_LOOK_EVERY = 0.5  # seconds between looks at a running trial's metric


def settings(node: Node, problems: Problems) -> dict[str, Any]:
    """Read what a sweep adds to its trial's command."""
    job = node.job
    space = job.get("search_space") if isinstance(job.get("search_space"), dict) else {}
    algorithm = job.get("sampling_algorithm") or "random"
    seed = None
    if isinstance(algorithm, dict):
        algorithm, seed = algorithm.get("type", "random"), algorithm.get("seed")
    objective = job.get("objective") if isinstance(job.get("objective"), dict) else {}
    limits = job.get("limits") if isinstance(job.get("limits"), dict) else {}
    for name, said in search.objections(space, str(algorithm)):
        problems.add(node.file, (*node.keys, "search_space", name), said, "search space")
    if not space:
        problems.add(node.file, (*node.keys, "search_space"), "a sweep needs a search space", "search space")
    if not objective.get("primary_metric"):
        problems.add(node.file, (*node.keys, "objective"), "a sweep needs objective.primary_metric", "search space")
    if str(algorithm) == "bayesian":
        problems.warn(node.file, (*node.keys, "sampling_algorithm"), "bayesian is sampled at random here", "differs")
    return {
        "space": space,
        "algorithm": str(algorithm),
        "seed": seed,
        "metric": str(objective.get("primary_metric", "")),
        "maximize": str(objective.get("goal", "maximize")).lower() != "minimize",
        "trials": min(int(limits.get("max_total_trials") or 1000), MOST_TRIALS),
        "concurrent": int(limits.get("max_concurrent_trials") or 0) or None,
        "trial_timeout": limits.get("trial_timeout"),
        "timeout": limits.get("timeout"),
        "policy": job.get("early_termination") or {},
    }


@dataclass
class _Trial:
    number: int
    values: dict[str, Any]
    work: Workspace
    run: str
    history: policies.History = field(default_factory=list)
    state: str = "running"


def run(work: Workspace, machine: Machine) -> None:
    """Run the trials; the workspace ends with the best one's outputs and a table of all.

    Raises:
        StepFailedError: no trial finished with the metric in time.
        StoppedError: the run is being stopped.
    """
    how = work.step.settings["sweep"]
    runs = machine.runs or _own_runs(work)
    chosen = itertools.islice(search.trials(how["space"], how["algorithm"], how["seed"]), how["trials"])
    trials = [_prepare(work, number, values, runs) for number, values in enumerate(chosen)]
    workers = min(len(trials), how["concurrent"] or len(trials), max(2, os.cpu_count() or 2))
    watch = _Watch(how, runs, trials)
    with ThreadPoolExecutor(workers, f"{work.step.name}-trial") as pool:
        for future in [pool.submit(_run, trial, machine, runs, watch) for trial in trials]:
            future.result()
    done = [trial for trial in trials if trial.history and trial.state == "ok"]
    if not done:
        raise StepFailedError(
            f"none of {len(trials)} trials finished and logged {how['metric']!r} with mlflow.log_metric"
        )
    pick = max if how["maximize"] else min
    best = pick(done, key=lambda trial: pick(trial.history))
    _keep(work, trials, best, how["metric"], pick)


def _prepare(work: Workspace, number: int, values: dict[str, Any], runs: Runs) -> _Trial:
    folder = work.folder / "trials" / str(number)
    folder.mkdir(parents=True)
    log = work.log.with_name(f"{work.log.stem}.trial-{number}.txt")
    inner = Workspace(folder, work.step, work.inputs, work.files, log, work.packages, dict(work.environment))
    inner.lay_out()
    run = runs.start(f"{work.step.name}.{number}", json.dumps(values), parent=work.environment.get("MLFLOW_RUN_ID"))
    inner.environment |= runs.variables(run)
    return _Trial(number, values, inner, run)


def _run(trial: _Trial, machine: Machine, runs: Runs, watch: _Watch) -> None:
    text = {name: str(value) for name, value in trial.values.items()}
    started = time.monotonic()
    try:
        execute(
            trial.work.command(text),
            trial.work,
            machine,
            trial.work.variables(),
            lambda: watch.ends(trial, started),
        )
        trial.state = "ok"
    except CancelledError:
        trial.state = "ended early"
    except StepFailedError as error:
        trial.state = f"failed: {error}"
    except StoppedError:
        runs.end(trial.run, "KILLED")
        raise
    watch.look(trial)
    runs.end(trial.run, {"ok": "FINISHED", "ended early": "KILLED"}.get(trial.state, "FAILED"))


class _Watch:
    """Looks at the metric of running trials and ends the hopeless."""

    def __init__(self, how: dict[str, Any], runs: Runs, trials: list[_Trial]):
        self._how, self._runs, self._trials = how, runs, trials
        self._looked: dict[int, float] = {}
        self._deadline = time.monotonic() + float(how["timeout"]) if how["timeout"] else math.inf
        self._lock = threading.Lock()

    def look(self, trial: _Trial) -> None:
        trial.history = [value for _, value in self._runs.metrics(trial.run, self._how["metric"])]

    def ends(self, trial: _Trial, started: float) -> bool:
        now = time.monotonic()
        if now > self._deadline:
            return True
        limit = self._how["trial_timeout"]
        if limit and now - started > float(limit):
            return True
        if not self._how["policy"] or now - self._looked.get(trial.number, 0) < _LOOK_EVERY:
            return False
        self._looked[trial.number] = now
        known = len(trial.history)
        self.look(trial)
        if len(trial.history) == known:
            return False
        others = [other.history for other in self._trials if other is not trial]
        return policies.hopeless(self._how["policy"], self._how["maximize"], trial.history, others)


def _keep(
    work: Workspace, trials: list[_Trial], best: _Trial, metric: str, pick: Callable[[policies.History], float]
) -> None:
    """Move the best trial's results to where a plain command would have left them."""
    work.code.mkdir(exist_ok=True)
    for part in ("outputs", "logs"):
        shutil.rmtree(work.code / part, ignore_errors=True)
        (best.work.code / part).rename(work.code / part)
    shutil.rmtree(work.folder / "outputs", ignore_errors=True)
    if (best.work.folder / "outputs").exists():
        (best.work.folder / "outputs").rename(work.folder / "outputs")
    table = [
        {
            "trial": t.number,
            "values": t.values,
            metric: pick(t.history) if t.history else None,
            "state": t.state,
        }
        for t in trials
    ]
    (work.code / "outputs" / "trials.json").write_text(json.dumps(table, indent=1, default=str), encoding="utf-8")
    shutil.rmtree(work.folder / "trials")
    work.say(f"[tdsp] best of {len(trials)} trials: {best.number} with {best.values}, {metric} {pick(best.history)}")


def _own_runs(work: Workspace) -> Runs:
    """A store only for this sweep: without MLflow nobody could tell which trial was best."""
    place: Path = work.folder / "mlflow.db"
    return Runs(f"sqlite:///{place}", work.step.name, work.step.name, work.step.source)
