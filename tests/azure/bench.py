"""A project that is small but whole, a server for its models, and `tdsp` as a function: what the Azure tests share."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from emulator import batch_jobs
from emulator.wire import Request, Response
from typer.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
_SHARED = tempfile.TemporaryDirectory(prefix="tdsp-azure-")  # for all tests of this process; goes with it
_NOT_IN_A_STEP = shutil.ignore_patterns("__pycache__", "azure", "cli", "engine", "report", "serving")
SLUG = "demo"
SUBSCRIPTION = "0a0a0a0a-0000-4000-8000-000000000001"
FACTS = {
    "project": {"name": "Demo", "slug": SLUG, "question": "Why?"},
    "task": "regression",
    "data": {"file": "demo.csv", "target": "y"},
    "split": {"strategy": "random"},
    "metric": "mae",
    "gate": {},
    "environments": {
        env: {
            "subscription_id": SUBSCRIPTION,
            "resource_group": group,
            "workspace": workspace,
            "region": "westeurope",
        }
        for env, group, workspace in (("dev", "rg", "ws"), ("prod", "rg-prod", "ws-prod"))
    },
    "people": {"owner": "octo"},
}
PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.11"

[project.optional-dependencies]
azure = []

[tool.uv]
package = false
"""
# What `uv lock` makes of it; written out so that no test needs a package index.
LOCK = """\
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }

[package.metadata]
provides-extras = ["azure"]
"""


def project(folder: Path) -> Path:
    """Make a project in `folder`: the template's own pipelines and scoring, and almost no dependencies."""
    for room in ("pipelines", "scoring", "src"):
        shutil.copytree(TEMPLATE / room, folder / room, ignore=_NOT_IN_A_STEP)
    # What a model answers follows from its files and from `scoring/`, and is kept under their digest: one test works it
    # out for all of them.
    (folder / ".tdsp").mkdir()
    (folder / ".tdsp" / "azure").symlink_to(_SHARED.name)
    (folder / "project.yml").write_text(yaml.safe_dump(FACTS))
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "uv.lock").write_text(LOCK)
    (folder / "data" / "raw").mkdir(parents=True)
    (folder / "data" / "raw" / "demo.csv").write_text("x,z,y\n1,2,3\n4,5,9\n")
    (folder / "data" / "schema.yml").write_text("columns: {}\n")
    (folder / "scoring" / "sample-request.json").write_text('{"data": [{"x": 1.0, "z": 2.0}]}')
    return folder


def model(folder: Path, slope: float) -> Path:
    """Make a model folder in the form that `science.train` writes: predicts `slope * x + z`."""
    return shutil.copytree(_model(slope), folder)


@functools.cache
def _model(slope: float) -> Path:
    import skops.io
    from sklearn.linear_model import LinearRegression

    folder = Path(_SHARED.name, f"model-{slope}")
    folder.mkdir()
    rows = pd.DataFrame({"x": [0.0, 1.0, 0.0, 2.0], "z": [0.0, 0.0, 1.0, 3.0]})
    skops.io.dump(LinearRegression().fit(rows, slope * rows["x"] + rows["z"]), folder / "model.skops")
    (folder / "MLmodel").write_text("flavors: {}\n")
    plain = {"categories": None, "minimum": None, "maximum": None, "nullable": False}
    features = [{"name": name, "type": "float", **plain} for name in ("x", "z")]
    contract = {"task": "regression", "target": "y", "features": features, "classes": None}
    (folder / "contract.json").write_text(json.dumps(contract))
    return folder


def register(client: Any, folder: Path, *, job: str = "") -> str:
    """Register a model folder as the champion of the workspace; return its version."""
    from tdsp import files, registry_azure

    tags = {registry_azure.JOB: job, "tdsp.commit": "c0ffee00" * 5, "tdsp.data_sha256": "d0d0" * 16}
    return registry_azure.register(client, SLUG, str(folder), files.sha256_of(folder), tags).version


class ModelServer:
    """Answers as `scoring/score.py` does, in this process; deployments can be made to misbehave.

    Attributes:
        wrong: slots whose predictions are off.
        broken: slots that answer with status 500.
        slow: slot -> seconds that an answer takes.
        crashing: slots whose container never starts.
        from_share: percent of the traffic from which on a slot misbehaves.
    """

    def __init__(self) -> None:
        self.wrong: set[str] = set()
        self.broken: set[str] = set()
        self.slow: dict[str, float] = {}
        self.crashing: set[str] = set()
        self.from_share = 0
        self.answered: dict[str, int] = {}
        self._models: dict[str, Any] = {}
        self._cloud: Any = None

    def deploy(self, cloud: Any, deployment: dict[str, Any]) -> None:
        from emulator import files

        name, self._cloud = deployment["name"], cloud
        if name in self.crashing:
            raise RuntimeError("ModuleNotFoundError: No module named 'nowhere'")
        folder = Path(cloud.folder) / f"served-{name}-{time.monotonic_ns()}"
        place = files.locate(cloud, deployment["id"].split("/onlineEndpoints/")[0], deployment["properties"]["model"])
        files.pull(cloud, place, folder)
        with _scoring() as (load, _):
            self._models[deployment["id"].lower()] = load(folder)
        self.answered[name] = 0

    def score(self, deployment_id: str, request: Request) -> Response:
        name = deployment_id.rsplit("/", 1)[-1]
        served = self._models[deployment_id.lower()]
        with _scoring() as (_, rows_of):
            answer = served.predict(rows_of(request.body, served.contract))
        self.answered[name] += 1
        traffic = self._cloud.resources[deployment_id.split("/deployments/")[0]]["properties"]["traffic"] or {}
        if traffic.get(name, 0) >= self.from_share:
            time.sleep(self.slow.get(name, 0))
            if name in self.broken:
                return Response(500, {"error": "broken on purpose"})
            if name in self.wrong:
                answer["predictions"] = [value + 1 for value in answer["predictions"]]
        return Response(200, answer)

    def logs(self, deployment_id: str) -> str:
        return f"log of {deployment_id.rsplit('/', 1)[-1]}\nSAS sig=abc%2Fdef&se=2026\n"

    def remove(self, deployment_id: str) -> None:
        self._models.pop(deployment_id.lower(), None)

    def stop(self) -> None:
        self._models.clear()


class BatchScorer(batch_jobs.Scorer):
    """Runs the template's own batch script in this process; deployments can be made to misbehave.

    Attributes:
        off: whether predictions are off by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.off = False

    def drive(self, spec: dict[str, Any], variables: dict[str, str], _work: Path):
        with _scoring(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [spec["script"]])
            for key, text in variables.items():
                patch.setenv(key, text)
            loaded = importlib.util.spec_from_file_location("entry_script", Path(spec["code"], spec["script"]))
            module = importlib.util.module_from_spec(loaded)
            loaded.loader.exec_module(module)
            module.init()
            made, printed = [], ""
            for batch in spec["batches"]:
                try:
                    made.append([self._line(row) for row in module.run(batch)])
                except Exception as error:
                    printed += f"{type(error).__name__}: {error}\n"
                    made.append(None)
            return made, printed

    def _line(self, row: str) -> str:
        line = json.loads(row)
        return json.dumps({**line, "prediction": line["prediction"] + self.off}) if self.off else row


@contextlib.contextmanager
def _scoring():
    """Give the two functions of the template's `scoring/` that a server needs."""
    sys.path.insert(0, str(TEMPLATE / "scoring"))
    try:
        from model_folder import load
        from request import rows_of

        yield load, rows_of
    finally:
        sys.path.remove(str(TEMPLATE / "scoring"))


def tdsp(*arguments: str, says: str | None = None) -> Result:
    """Run a command of the project in the current folder, in this process; errors end as `main` would end them."""
    from tdsp.azure import devops, rest
    from tdsp.azure.client import credential
    from tdsp.cli import app
    from tdsp.errors import TdspError

    for known in (credential, devops.api, rest.management, rest.github):
        known.cache_clear()  # each command is a process of its own for its user

    result = CliRunner().invoke(app, list(arguments), input=says)
    if isinstance(result.exception, TdspError):
        result.exit_code = result.exception.code
        result.stderr_bytes += f"error: {result.exception}\n".encode()
    elif result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def deploy(*more: str) -> Result:
    """Run `tdsp deploy` without watching its steps for a minute each."""
    return tdsp("deploy", "--soak", "0", *more)


def endpoint(azure: Any) -> dict[str, Any]:
    """Return the one endpoint that there is."""
    return azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")[0]


def traffic(azure: Any) -> dict[str, int]:
    """Return slot -> percent of its requests, without zeros."""
    return {slot: share for slot, share in endpoint(azure)["properties"]["traffic"].items() if share}


def slots(azure: Any) -> dict[str, str]:
    """Return slot -> model version."""
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    return {item["name"]: item["tags"]["tdsp.model_version"] for item in azure.cloud.resources.of_type(kind)}
