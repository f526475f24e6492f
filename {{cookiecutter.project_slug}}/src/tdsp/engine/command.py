"""Runs one command step in a workspace: snapshot as working folder, outputs beside it, everything it says in a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tdsp.engine import expressions, shellsafe, snapshot, variables
from tdsp.engine.plan import FILES, Step
from tdsp.engine.processes import Processes, TooSlow


class StepFailed(Exception):
    """The step ended badly; the text says how, in one line."""


@dataclass
class Workspace:
    """Where a step works.

    Attributes:
        folder: an empty folder of the store.
        inputs: input -> literal text or path; an optional input without value is missing.
        outputs: output -> path the command is given.
        code: the working folder.
    """

    folder: Path
    step: Step
    inputs: dict[str, str]
    files: dict[str, Path]
    log: Path
    base: dict[str, str]
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
            place = self.folder / "outputs" / name
            place.mkdir(parents=True)
            inside = output.file_name if output.type in FILES else None
            self.outputs[name] = plain / "outputs" / name / inside if inside else plain / "outputs" / name

    def variables(self) -> dict[str, str]:
        """Return the environment of the step's processes."""
        given = {f"AZURE_ML_INPUT_{name}": value for name, value in self.inputs.items()}
        given |= {f"AZURE_ML_OUTPUT_{name}": str(path) for name, path in self.outputs.items()}
        return variables.with_declared(
            {**self.base, "AZUREML_CR_NODE_RANK": "0", **given}, self.step.variables
        )

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


def run(work: Workspace, processes: Processes) -> None:
    """Run the step's command.

    Raises:
        StepFailed: the command ended with another code than 0, or took too long.
        Stopped: the run is being stopped.
    """
    execute(work.command(), work, processes, work.variables())


def execute(command: str, work: Workspace, processes: Processes, environment: dict[str, str]) -> None:
    """Run one shell command in the workspace; see `run`."""
    timeout = work.step.settings.get("timeout")
    shell = shellsafe.safe(work.code)
    try:
        code = processes.run(["bash", "-c", command], shell, environment, work.log, timeout)
    except TooSlow:
        raise StepFailed(f"still running after its limit of {timeout:g} s") from None
    if code:
        raise StepFailed(f"exit code {code}" if code > 0 else f"killed by signal {-code}")
