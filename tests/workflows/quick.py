"""Jobs in the emulated workspace that end at once: steps leave evidence written by hand, `register` a real model."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from process import evidence


class Signed:
    """A credential of the emulated tenant's own user, whoever `az` speaks for."""

    def __init__(self, cloud: Any):
        self.cloud = cloud

    def get_token(self, *scopes: str, **_: Any) -> Any:
        """Return a token, as the SDK asks for it."""
        from azure.core.credentials import AccessToken

        return AccessToken(self.cloud.directory.token(self.cloud.user, scopes[0]), int(time.time()) + 3600)


def client(cloud: Any, group: str, workspace: str) -> Any:
    """Return a client of a workspace that needs no sign-in."""
    from azure.ai.ml import MLClient

    options = {"show_progress": False, "enable_telemetry": False}
    return MLClient(Signed(cloud), cloud.subscription, group, workspace, **options)


class Steps:
    """Takes the place of `execution.execute` in the emulator.

    Attributes:
        bench: of the tests of Azure: makes and registers models.
        outcome: what the gate says.
        slope: of the model that is made, unlike others by this.
    """

    def __init__(self, bench: Any, slope: float, outcome: str = "registered"):
        self.bench, self.slope, self.outcome = bench, slope, outcome
        self.places: dict[str, tuple[str, str]] = {}

    def __call__(self, cloud: Any, run: Any, spec: Any, inputs: Any, outputs: Any, python: str) -> None:  # noqa: ARG002 - the emulator's own form
        """Leave a step's outputs where the service would."""
        from emulator import files

        with tempfile.TemporaryDirectory() as scratch:
            for name in spec.get("outputs") or {}:
                folder = Path(scratch) / name
                folder.mkdir()
                getattr(self, f"_{name}")(folder, cloud, run)
                address = outputs.get(name, f"azureml://datastores/workspaceblobstore/paths/azureml/{run.name}/{name}")
                files.push(cloud, folder, files.locate(cloud, run.workspace_id, address))
                run.outputs[name] = address

    def _split(self, folder: Path, *_: Any) -> None:
        pd.DataFrame({"x": [1.0, 2.0], "z": [0.0, 1.0], "y": [2.0, 5.0]}).to_parquet(folder / "test.parquet")

    def _quality(self, folder: Path, *_: Any) -> None:
        evidence.write(folder / "quality.json", evidence.quality())

    def _model(self, folder: Path, *_: Any) -> None:
        self.bench.model(folder / "made", self.slope)
        for file in (folder / "made").iterdir():
            file.rename(folder / file.name)
        (folder / "made").rmdir()
        own = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        evidence.write(folder / "contract.json", evidence.contract() | own)
        evidence.write(folder / "training.json", evidence.training())

    def _baselines(self, folder: Path, *_: Any) -> None:
        (folder / "dummy.skops").write_text("none")

    def _evaluation(self, folder: Path, *_: Any) -> None:
        evidence.write(folder / "metrics.json", evidence.metrics())

    def _registration(self, folder: Path, cloud: Any, run: Any) -> None:
        said = evidence.outcome() | {"outcome": self.outcome}
        if self.outcome == "registered":
            group, workspace = run.workspace_id.split("/")[4], run.workspace_id.split("/")[-1]
            with tempfile.TemporaryDirectory() as scratch:
                made = Path(scratch) / "model"
                made.mkdir()
                self._model(made)
                said["version"] = int(self.bench.register(client(cloud, group, workspace), made, job=run.parent))
        evidence.write(folder / "outcome.json", said)
