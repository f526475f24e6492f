"""Runs one command step in a workspace.

Snapshot as working folder, outputs beside it, all it says in a log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tdsp.engine.executor import shellsafe, snapshot, variables
from tdsp.engine.executor.processes import Processes, TooSlowError
from tdsp.engine.plan import FILES, Step
from tdsp.engine.reader import expressions

if TYPE_CHECKING:
    from tdsp.engine.executor.editable import Packages
    from tdsp.engine.mlflow_runs import Runs
    from tdsp.engine.warm.client import Warm


class StepFailedError(Exception):
    """The step ended badly; the text says how, in one line."""


@dataclass
class Workspace:
    """Where a step works.

    Attributes:
        folder: an empty folder of the store.
        inputs: input -> literal text or path; an optional input without value is missing.
        outputs: output -> path the command is given.
        files: name in the snapshot -> source file.
        packages: what it may import of editable installations: import name -> files.
        environment: variables the step starts with.
    """

    folder: Path
    step: Step
    inputs: dict[str, str]
    files: dict[str, Path]
    log: Path
    packages: Packages = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)

    @property
    def code(self) -> Path:
        """The working folder."""
        return self.folder / "code"

    def lay_out(self) -> None:
        """Copy the snapshot and make the places of outputs."""
        self.code.mkdir()
        snapshot.copy(self.files, self.code)
        for kept in ("outputs", "logs"):
            (self.code / kept).mkdir(exist_ok=True)
        plain = shellsafe.safe(self.folder)
        for name, output in self.step.outputs.items():
            if is_artifact_root(self.step, name):
                self.outputs[name] = plain / "code" / "outputs"
                continue
            (self.folder / "outputs").mkdir(exist_ok=True)
            (self.folder / "outputs" / name).mkdir()
            inside = output.file_name if output.type in FILES else None
            self.outputs[name] = plain / "outputs" / name / inside if inside else plain / "outputs" / name

    def say(self, line: str) -> None:
        """Add a line of the engine's own to the log."""
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    def variables(self) -> dict[str, str]:
        """Return the environment of the step's processes."""
        given = {f"AZURE_ML_INPUT_{name}": value for name, value in self.inputs.items()}
        given |= {f"AZURE_ML_OUTPUT_{name}": str(path) for name, path in self.outputs.items()}
        return variables.with_declared({**self.environment, "AZUREML_CR_NODE_RANK": "0", **given}, self.step.variables)

    def command(self, searched: dict[str, str] | None = None) -> str:
        """Return the command with every expression filled in; values are not quoted, as in the service."""
        groups = {
            "inputs": {**self.inputs, **(searched or {})},
            "outputs": {name: str(path) for name, path in self.outputs.items()},
            "search_space": searched or {},
        }
        return expressions.render(self.step.command, lambda group, name: groups.get(group, {}).get(name))


def is_artifact_root(step: Step, output: str) -> bool:
    """Whether an output is the run's artifact root: one called `artifacts` that the command never uses."""
    return output == "artifacts" and "outputs.artifacts" not in step.command


@dataclass
class Machine:
    """What steps share while they run.

    Attributes:
        environment: the clean variables every step starts with.
        forks: whether steps may be forked.
        warm: the fork server, once there is one.
        runs: MLflow runs, if they are wanted.
    """

    environment: dict[str, str]
    processes: Processes = field(default_factory=Processes)
    forks: bool = False
    warm: Warm | None = None
    runs: Runs | None = None


def run(work: Workspace, machine: Machine) -> None:
    """Run the step's command; a distributed one once for each of its processes.

    Raises:
        StepFailedError: the command ended with another code than 0, or took too long.
        StoppedError: the run is being stopped.
    """
    execute(work.command(), work, machine, work.variables())


def execute(
    command: str,
    work: Workspace,
    machine: Machine,
    environment: dict[str, str],
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """Run one shell command in the workspace; see `run`, and `Processes.run` for `cancelled`."""
    timeout = work.step.settings.get("timeout")
    code = None
    try:
        if machine.warm is not None and cancelled is None:
            code = _warmly(command, work, machine.warm, environment, timeout)
        if code is None:
            environments = _distributed(work, environment)
            shell, folder = ["bash", "-c", command], shellsafe.safe(work.code)
            code = machine.processes.run(shell, folder, environments, work.log, timeout, cancelled)
    except TooSlowError:
        raise StepFailedError(f"still running after its limit of {timeout:g} s") from None
    if code:
        raise StepFailedError(f"exit code {code}" if code > 0 else f"killed by signal {-code}")


def _warmly(
    command: str, work: Workspace, warm: Warm, environment: dict[str, str], timeout: float | None
) -> int | None:
    """Run a plain `python` command in a forked interpreter; None if it is not one."""
    from tdsp.engine.warm import fitness
    from tdsp.engine.warm.client import ServerGoneError

    plain = "distribution" not in work.step.settings and not fitness.too_late(work.step.variables)
    argv = fitness.arguments(command) if plain else None
    modules = fitness.imports(work.files, work.packages) if argv else None
    if argv is None or modules is None:
        return None
    own = [*fitness.own(work.files), *work.packages]  # edited ones must not be there from before
    try:
        return warm.run(argv, modules, own, shellsafe.safe(work.code), environment, work.log, timeout)
    except ServerGoneError:
        raise StepFailedError("the fork server it was started from has ended; try again with --no-warm") from None


def _distributed(work: Workspace, environment: dict[str, str]) -> list[dict[str, str]]:
    if "distribution" not in work.step.settings:
        return [environment]
    from tdsp.engine.steps import distribution  # needs socket, which few steps do

    extra, note = distribution.environments(work.step.settings)
    if note:
        work.say(note)
    return [{**environment, **each} for each in extra]
