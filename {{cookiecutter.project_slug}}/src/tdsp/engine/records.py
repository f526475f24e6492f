"""The folder of one run: `run.json`, `logs/`, `outputs/` with links into the store, `failed/` with half-made ones."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tdsp import files

LATEST = "latest"


@dataclass
class StepResult:
    """How one step ended.

    Attributes:
        state: `waiting`, `running`, `ok`, `cached`, `stub`, `failed`, `skipped` or `stopped`.
        reason: why it ran, or why it did not.
        seconds: how long it took; for a cached step, how long it had taken.
        outputs: output name -> path, as linked in the run's folder.
        left: output name -> path of what a failed step had written; good for looking, not for going on.
        tail: the last lines of a failed step's log, with paths of source files.
    """

    state: str = "waiting"
    reason: str = ""
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    log: str | None = None
    mlflow_run_id: str | None = None
    tail: str = ""

    @property
    def good(self) -> bool:
        """Whether its outputs can be used."""
        return self.state in ("ok", "cached", "stub")


@dataclass
class Result:
    """How a run ended.

    Attributes:
        folder: the run's folder.
        status: `ok`, `failed` or `interrupted`.
        outputs: the pipeline's own outputs.
    """

    folder: Path
    pipeline: str
    status: str = "running"
    started: str = ""
    seconds: float = 0.0
    steps: dict[str, StepResult] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    experiment: str = ""
    mlflow_run_id: str | None = None

    @property
    def id(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def ok(self) -> bool:
        """Whether every step that was asked for has its outputs."""
        return self.status == "ok"

    def write(self) -> None:
        """Write `run.json`."""
        plain = asdict(self)
        plain["folder"] = str(self.folder)
        files.write_text(self.folder / "run.json", json.dumps({"id": self.id, **plain}, indent=1) + "\n")


def begin(runs: Path, pipeline: str, experiment: str, steps: list[str]) -> Result:
    """Make a new run's folder."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
    folder = runs / name
    (folder / "logs").mkdir(parents=True)
    started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return Result(
        folder, pipeline, started=started, experiment=experiment, steps={step: StepResult() for step in steps}
    )


def finish(result: Result) -> None:
    """Write `run.json` and let `latest` name this run."""
    result.write()
    files.write_text(result.folder.parent / LATEST, result.id + "\n")


def latest(runs: Path) -> Path | None:
    """Return the last finished run's folder."""
    try:
        folder = runs / (runs / LATEST).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return folder if (folder / "run.json").is_file() else None


def read(folder: Path) -> dict[str, Any]:
    """Return what `run.json` says."""
    return json.loads((folder / "run.json").read_bytes())


def link(target: Path, place: Path) -> None:
    """Make `place` a link to `target`, replacing an older one in one rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    relative = os.path.relpath(target, place.parent)
    try:
        place.symlink_to(relative, target_is_directory=target.is_dir())
    except FileExistsError:
        aside = place.with_name(f".{place.name}.{os.urandom(4).hex()}")
        try:
            aside.symlink_to(relative, target_is_directory=target.is_dir())
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)
