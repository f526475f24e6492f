"""A folder to write a pipeline in, and a way to run it."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tdsp import engine
from tdsp.engine import Options, Result

COMPUTE = {"settings": {"default_compute": "azureml:serverless"}}


@dataclass
class Bench:
    """One pipeline in one folder, with its store."""

    folder: Path
    events: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "pipeline.yml"

    @property
    def home(self) -> Path:
        return self.folder / ".tdsp"

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def pipeline(self, jobs: dict[str, Any], **rest: Any) -> None:
        """Write a pipeline; a string stands for an inline step with that command."""
        jobs = {name: {"command": job} if isinstance(job, str) else job for name, job in jobs.items()}
        for job in jobs.values():
            job.setdefault("environment", {"image": "any"}) if "command" in job else None
        self.write(
            {"pipeline.yml": yaml.safe_dump({"type": "pipeline", **COMPUTE, **rest, "jobs": jobs}, sort_keys=False)}
        )

    def run(self, overrides: dict[str, Any] | None = None, **options: Any) -> Result:
        self.events.clear()

        def tell(event: str, step: str, result: Any) -> None:
            self.events.append((event, step, result.reason))

        return engine.run(
            self.file,
            home=self.home,
            overrides=overrides,
            options=Options(**{"warm": False, **options}),
            tell=tell,
        )

    def states(self, result: Result) -> dict[str, str]:
        return {name: step.state for name, step in result.steps.items()}

    def log(self, result: Result, step: str) -> str:
        return (result.folder / "logs" / f"{step}.txt").read_text(encoding="utf-8")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def problems() -> Callable[[Path], dict[str, list[str]]]:
    """Category -> messages of what `check` finds, without asking azure-ai-ml."""
    from tdsp.engine.check.mistakes import check

    def find(file: Path) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for problem in check(file, judge=False).problems:
            found.setdefault(problem.category, []).append(str(problem))
        return found

    return find


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"


@pytest.fixture
def forked(monkeypatch) -> list[int]:
    """The processes that were forked, not started."""
    if sys.platform != "linux":
        pytest.skip("steps are forked on Linux only; test_warm says which platforms")
    from tdsp.engine.warm import client as fork

    found, follow = [], fork.Warm._follow

    def noted(self, pid: int, *rest):
        found.append(pid)
        return follow(self, pid, *rest)

    monkeypatch.setattr(fork.Warm, "_follow", noted)
    return found
