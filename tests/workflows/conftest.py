"""Repositories on a machine that runs their workflows, with and without an Azure tenant behind it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from baking import COMBINATIONS, Kitchen
from workflows import door, tools
from workflows.host import PATIENCE, Host, Outcome

AZURE = Path(__file__).parents[1] / "azure"


@dataclass
class Stage:
    """A repository and the machine that runs its workflows.

    Attributes:
        host: the machine.
        repository: its folder.
        azure: the tenant behind it, if there is one.
        client: of that tenant.
    """

    host: Host
    repository: Path
    azure: Any = None
    client: Any = None

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of the repository."""
        path = self.repository / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        subprocess.run(["git", "commit", "-qam", "change"], cwd=self.repository, check=True, env=self.host.who)

    def skip(self, commands: str) -> None:
        """Only write these commands down: the test is not about them."""
        self.host.environment["STUB_SKIP"] = commands

    def pull_request(self, workflow: str = "ci", base: str = "main", fork: bool = False) -> Outcome:
        """Run a workflow as a pull request does."""
        head = {"ref": "change", "repo": {"full_name": "stranger/demo" if fork else "octo/demo"}}
        payload = {
            "pull_request": {"number": 7, "head": head, "base": {"ref": base}, "user": {"login": "ada"}},
            "repository": {"full_name": "octo/demo", "private": False},
        }
        return self.host.run(self.repository, workflow, "pull_request", "change", payload)

    def push(self, workflow: str, branch: str) -> Outcome:
        """Run a workflow as a push to a branch does."""
        return self.host.run(self.repository, workflow, "push", branch)

    def dispatch(self, workflow: str, branch: str, **inputs: str) -> Outcome:
        """Run a workflow as somebody does by hand."""
        return self.host.run(self.repository, workflow, "workflow_dispatch", branch, {"inputs": inputs})


@pytest.fixture(scope="session")
def generated(kitchen: Kitchen, tmp_path_factory) -> Path:
    """A project of the default answers, on which few tests of its own are run: `test_gate.py` is quick."""
    return kitchen.bake(tmp_path_factory.mktemp("generated"), **COMBINATIONS["the defaults"]).root


@pytest.fixture
def stage(generated, tmp_path) -> Stage:
    """A project that nobody has connected yet."""
    host = Host(tmp_path, environment={"PYTEST_ADDOPTS": "-q -p no:cacheprovider tests/test_gate.py"})
    return Stage(host, host.repository(generated))


def _of_azure(name: str) -> Any:
    """Return a module of the tests of Azure, whose room is named like a package."""
    spec = importlib.util.spec_from_file_location(f"workflows_{name}", AZURE / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def way_in(generated, tmp_path_factory) -> Iterator[Path]:
    """A door to processes that have azure-ai-ml imported, and that never wait long."""
    patience = tmp_path_factory.mktemp("patience")
    (patience / "sitecustomize.py").write_text(tools.IMPATIENT)
    module = _of_azure("forks")
    module.PATIENCE = PATIENCE
    forks = module.Forks({"PYTHONPATH": f"{patience}{os.pathsep}{generated / 'src'}"})
    with door.opened(forks) as address:
        yield address
    forks.stop()


@pytest.fixture
def connected(generated, way_in, tmp_path, monkeypatch) -> Iterator[Stage]:
    """A small project, connected to the workspaces of an emulated tenant as `tdsp connect` does it."""
    tenants, bench = _of_azure("conftest"), _of_azure("bench")
    folder = tmp_path / "emulator"
    folder.mkdir()
    cloud = tenants.Cloud(folder).start()
    azure = tenants.Azure(cloud, tmp_path / "azure-config")
    azure.bench, azure.model_server = bench, tenants.servers.ModelServer
    for group, workspace in (("rg", "ws"), ("rg-prod", "ws-prod")):
        azure.workspace(group, workspace)
    for key, text in azure.env.items():
        monkeypatch.setenv(key, text)
    cloud.github.users["octo"], cloud.github.login = 77, "octo"
    azure.repository = cloud.github.add("demo", "octo")

    source = bench.project(tmp_path / "source")
    for room in (".github", "src"):  # all of the code: the workflows start it
        shutil.copytree(generated / room, source / room, dirs_exist_ok=True)
    host = Host(tmp_path / "host")
    stage = Stage(host, host.repository(source), azure)
    monkeypatch.chdir(stage.repository)
    for env in ("dev", "prod"):
        assert bench.tdsp("connect", "--env", env, "--yes").exit_code == 0
    _let_sign_in(stage)
    stage.host.environment["STUB_DOOR"] = str(way_in)
    azure.sign_out()
    yield stage
    cloud.stop()
    assert not cloud.refusals, "outside the contract:\n" + "\n\n".join(cloud.refusals)


def _let_sign_in(stage: Stage) -> None:
    """Give the machine what leads it to the tenant, and an identity for each environment to become."""
    azure, cloud = stage.azure, stage.azure.cloud
    for item in cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities"):
        ids = item["properties"]
        state = {"oid": ids["principalId"], "appid": ids["clientId"], "tid": ids["tenantId"], "name": item["name"]}
        state["subscription"] = cloud.subscription
        (stage.host.identities / f"{ids['clientId']}.json").write_text(json.dumps(state))
    leading = {key: text for key, text in azure.env.items() if key != "PATH"}
    stage.host.environment = leading | {"STUB_AZ": str(azure.folder / "bin" / "az")}


def ids_of(stage: Stage, env: str) -> dict[str, str]:
    """Return the variables that `tdsp connect` set in one environment of the emulated GitHub."""
    return dict(stage.azure.repository.environments[env]["variables"])
