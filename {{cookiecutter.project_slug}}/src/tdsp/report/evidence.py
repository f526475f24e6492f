"""What a run left behind for its report: read from the run's folder, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tdsp import files
from tdsp.errors import WrongInput
from tdsp.project import Project


@dataclass(frozen=True)
class Evidence:
    """The evidence of one finished training run. The steps' contracts say what each part holds.

    Attributes:
        folder: the run's folder.
        run: `run.json`.
        contract: of the data that the model was trained on.
        quality: `quality.json`.
        training: `training.json`.
        metrics: `metrics.json`.
        outcome: `outcome.json`.
        plots: file name to picture.
    """

    folder: Path
    run: dict[str, Any]
    contract: dict[str, Any]
    quality: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    outcome: dict[str, Any]
    plots: dict[str, Path]

    @classmethod
    def of(cls, folder: Path) -> Evidence:
        """Read the evidence of a run.

        Raises:
            WrongInput: the run did not finish, or is not a training run.
        """
        outputs = folder / "outputs"
        quality, evaluation = outputs / "prepare" / "quality", outputs / "evaluate" / "evaluation"
        model = outputs / "train" / "model"
        pictures = sorted([*quality.glob("*.png"), *(evaluation / "plots").glob("*.png")])
        return cls(
            folder,
            _read(folder / "run.json"),
            _read(model / "contract.json"),
            _read(quality / "quality.json"),
            _read(model / "training.json"),
            _read(evaluation / "metrics.json"),
            _read(outputs / "register" / "registration" / "outcome.json"),
            {picture.name: picture for picture in pictures},
        )

    @cached_property
    def metric(self) -> str:
        """The project's metric."""
        return self.metrics["metric"]

    @cached_property
    def challenger(self) -> dict[str, dict[str, float]]:
        """The challenger's metrics, each with `value`, `low` and `high`."""
        return self.metrics["models"]["challenger"]

    @property
    def is_registered(self) -> bool:
        """Whether this run's model is the registered one; one that only predicts the same is not."""
        own = self.outcome["lineage"]["model_sha256"]
        return self.outcome["outcome"] != "refused" and self.outcome.get("champion_sha256", own) == own

    def digest(self, project: Project) -> str:
        """Return a digest of all that the documents depend on, but for the run's id and time."""
        parts = {
            "facts": project.model_dump(mode="json"),
            "outcome": {**self.outcome, "lineage": {**self.outcome["lineage"], "run_id": None}},
            "evidence": [self.contract, self.quality, self.training, self.metrics],
            "plots": {name: files.sha256_of(path) for name, path in self.plots.items()},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Broken:
    """The evidence of a run that ended because the data fails its schema: it has a `quality.json`, and no model.

    Attributes:
        folder: the run's folder.
        run: `run.json`.
        quality: `quality.json`: rows, columns and checks; nothing more was looked at.
        plots: none.
    """

    folder: Path
    run: dict[str, Any]
    quality: dict[str, Any]
    plots: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Broken | None:
        """Read the evidence of a run, None when it did not end so."""
        file = folder / "failed" / "prepare" / "quality" / "quality.json"
        quality = _read(file) if file.is_file() else {"passed": True}
        return None if quality["passed"] else cls(folder, _read(folder / "run.json"), quality)


def latest(root: Path) -> Path:
    """Return the folder of the last run.

    Raises:
        WrongInput: there is none.
    """
    runs = root / ".tdsp" / "runs"
    name = runs / "latest"
    folder = runs / name.read_text(encoding="utf-8").strip() if name.is_file() else name
    if not (folder / "run.json").is_file():
        raise WrongInput("no run yet: start one with `uv run tdsp run`")
    return folder.resolve()


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WrongInput(f"{path} is missing: the run did not get that far; `uv run tdsp run` tries again") from None
    except (OSError, ValueError) as error:
        raise WrongInput(f"{path}: cannot be read ({error})") from None
