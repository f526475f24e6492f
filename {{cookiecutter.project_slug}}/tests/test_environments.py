"""The environment of the steps in Azure ML: what they import, in the versions that `uv.lock` chose."""

import ast
import functools
import importlib.metadata
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
COMPONENTS = ROOT / "pipelines" / "components"
AZURE = ("azure-ai-ml", "azure-core", "azure-identity")  # `import azure` alone does not say which one is meant
UNSEEN = {"azureml-mlflow", "pyarrow"}  # plug-ins: MLflow finds the one by its entry point, pandas imports the other


def conda() -> tuple[str, dict[str, str]]:
    """Return the version of Python, and name -> version of what pip installs beside it."""
    lines = yaml.safe_load((ROOT / "pipelines" / "environments" / "train-conda.yml").read_text())["dependencies"]
    python = next(line for line in lines if str(line).startswith("python=")).removeprefix("python=")
    return python, {canonicalize_name(each.name): str(each.specifier) for each in map(Requirement, lines[-1]["pip"])}


def locked(python: str) -> dict[str, str]:
    """Return name -> version for one Python; some packages are there twice, each for its own Pythons."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    fits = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    return {
        package["name"]: f"=={package['version']}"
        for package in lock["package"]
        if "version" in package
        and any(Marker(marker).evaluate(fits) for marker in package.get("resolution-markers", ["python_version > '3'"]))
    }


def shipped() -> set[Path]:
    """Return the modules that the components take along."""
    components = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in COMPONENTS.glob("*.yml")]
    return {COMPONENTS / name for each in components for name in each.get("additional_includes", []) if ".py" in name}


def imported() -> set[str]:
    """Return the distributions that the shipped modules import."""
    names = set()
    for path in shipped():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
    known = {*sys.stdlib_module_names, "science", "tdsp"}
    return {distribution(name) for name in names if name.split(".")[0] not in known}


def distribution(module: str) -> str:
    """Return the name of what brings a module; the extra `azure` need not be installed for that."""
    top = module.split(".")[0]
    if top == "azure":
        return next(name for name in AZURE if f"{module}.".startswith(f"{name.replace('-', '.')}."))
    if top == "mlflow":
        return "mlflow-skinny"
    return canonicalize_name(_distributions()[top][0])


_distributions = functools.cache(importlib.metadata.packages_distributions)


def test_azure_ml_installs_what_the_steps_import_and_no_more():
    assert set(conda()[1]) == imported() | UNSEEN


@pytest.mark.skipif(not (ROOT / "uv.lock").exists(), reason="no uv.lock yet: `uv sync` writes it")
def test_azure_ml_gets_the_versions_of_the_lock():
    python, pins = conda()
    found = locked(python)
    assert pins == {name: found[name] for name in pins}
