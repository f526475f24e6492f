"""A project that is small but whole, a server for its models, and `tdsp` as a function: what the Azure tests share."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from emulator.wire import Request, Response
from typer.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
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
        shutil.copytree(TEMPLATE / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
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
    import skops.io
    from sklearn.linear_model import LinearRegression

    rows = pd.DataFrame({"x": [0.0, 1.0, 0.0, 2.0], "z": [0.0, 0.0, 1.0, 3.0]})
    folder.mkdir(parents=True)
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
        after: requests that a slot answers well before it misbehaves.
    """

    def __init__(self) -> None:
        self.wrong: set[str] = set()
        self.broken: set[str] = set()
        self.slow: dict[str, float] = {}
        self.crashing: set[str] = set()
        self.after = 0
        self.answered: dict[str, int] = {}
        self._models: dict[str, Any] = {}

    def deploy(self, cloud: Any, deployment: dict[str, Any]) -> None:
        from emulator import files

        name = deployment["name"]
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
        if self.answered[name] > self.after:
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
    from tdsp.azure import rest
    from tdsp.azure.client import credential
    from tdsp.cli.commands import app
    from tdsp.errors import TdspError

    for known in (credential, rest.management, rest.github):
        known.cache_clear()  # each command is a process of its own for its user

    result = CliRunner().invoke(app, list(arguments), input=says)
    if isinstance(result.exception, TdspError):
        result.exit_code = result.exception.code
        result.stderr_bytes += f"error: {result.exception}\n".encode()
    elif result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
