"""A project that is small but whole, and `tdsp` as a function: what the Azure tests share."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
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
