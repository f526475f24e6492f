"""The emulated Azure for tests: started for each test, reached by unmodified clients, strict at its end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench
import pytest
import requests
import servers
from emulator import Cloud, Record, snapshots, workspaces
from emulator.directory import TENANT, Principal
from forks import Forks
from walk import Walk

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1] / "{{cookiecutter.project_slug}}"
os.environ.setdefault("AZUREML_RUN_POLLING_INTERVAL_MIN", "1")  # the SDK reads it when a fixture first imports it


class Azure:
    """What a test has of the emulator; everything else is `cloud`.

    Attributes:
        cloud: the emulated tenant.
        env: variables that lead a process to the emulator and to nothing else.
    """

    def __init__(self, cloud: Cloud, folder: Path):
        self.cloud, self.folder = cloud, folder
        self.calls, self.fail = cloud.calls, cloud.fail
        folder.mkdir(parents=True, exist_ok=True)
        tools = folder / "bin"
        tools.mkdir()
        for name in ("az", "gh"):
            tool = tools / name
            code = (Path(workspaces.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
            tool.write_text(f"#!{sys.executable} -ES\n{code}")
            tool.chmod(0o755)
        self.env = {
            **cloud.environment,
            "AZURE_CONFIG_DIR": str(folder),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        }
        self.sign_in(cloud.user)

    def workspace(self, group: str = "rg", name: str = "ws", **options: Any) -> str:
        """Put a workspace into the tenant; return its id."""
        return workspaces.create(self.cloud, group, name, **options)

    def sign_in(self, principal: Principal) -> None:
        """Make `az` speak for a principal."""
        state = {
            "oid": principal.object_id,
            "appid": principal.client_id,
            "tid": TENANT,
            "name": principal.name,
        }
        state["subscription"] = self.cloud.subscription
        (self.folder / "signed-in.json").write_text(json.dumps(state), encoding="utf-8")

    def sign_out(self) -> None:
        """Make `az` say that nobody is signed in."""
        (self.folder / "signed-in.json").unlink()

    @contextlib.contextmanager
    def refusing(self, text: str) -> Iterator[None]:
        """Expect that the emulator refuses something in this block, with `text` in its reason."""
        before = len(self.cloud.refusals)
        with contextlib.suppress(Exception):
            yield
        refused = self.cloud.refusals[before:]
        del self.cloud.refusals[before:]
        assert refused, f"nothing was refused, {text!r} was expected"
        assert any(text in reason for reason in refused), refused


@pytest.fixture(autouse=True)
def _logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever tests next log again: a command that talks to Azure silences its process."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.root.manager.disable)


@pytest.fixture(scope="session")
def sample() -> Path:
    """A small project with a pipeline of two steps, a model, an endpoint and a deployment."""
    return HERE / "sample"


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """An Azure tenant with one empty workspace `ws` in group `rg`; this process's clients reach it."""
    folder = tmp_path / "emulator"
    folder.mkdir()
    cloud = Cloud(folder).start()
    azure = Azure(cloud, tmp_path / "azure-config")
    azure.workspace()
    for key, text in azure.env.items():
        monkeypatch.setenv(key, text)
    yield azure
    cloud.stop()
    assert not cloud.refusals, "outside the contract:\n" + "\n\n".join(cloud.refusals)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Where `tdsp` commands run in processes of their own, without paying for imports each time."""
    forks = Forks({"PYTHONPATH": str(TEMPLATE / "src")})
    yield forks
    forks.stop()


@pytest.fixture
def walk(azure: Azure, forks: Forks, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., str]:
    """Break a `tdsp` command at each of its requests: `walk(folder, [arguments], reached=..., always=..., says=...)`.

    `WALK=full` in the environment tries every kind of fault at every request.
    """

    def walk(folder: Path, arguments: list[str], **checks: Any) -> str:
        thorough = os.environ.get("WALK") == "full"
        # CI: what is printed may be read by others.
        environment = {**azure.env, "HOME": str(tmp_path), "CI": "true", **checks.pop("environment", {})}
        table = Walk(azure.cloud, folder, environment, forks, thorough=thorough, **checks).run(*arguments)
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{table}")
        return table

    return walk


@pytest.fixture
def resend(azure: Azure) -> Callable[[Record, str], requests.Response]:
    """Send a recorded request again as the signed-in user, to another path and past every client."""

    def resend(call: Record, path: str) -> requests.Response:
        token = azure.cloud.directory.token(azure.cloud.user, "https://management.azure.com")
        return requests.request(
            call.method,
            f"https://{call.host}{path}",
            params={"api-version": call.version},
            json=call.body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    return resend


@pytest.fixture
def client(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The real client for the workspace `ws`."""
    from azure.ai.ml import MLClient
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields
    from azure.identity import DefaultAzureCredential

    # The SDK adds the deployment of one invocation to the headers of all later ones in this process.
    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", {**EndpointInvokeFields.DEFAULT_HEADER})
    return MLClient(
        DefaultAzureCredential(),
        azure.cloud.subscription,
        "rg",
        "ws",
        show_progress=False,
        enable_telemetry=False,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project, in the current folder."""
    folder = bench.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CI", raising=False)
    return folder


@pytest.fixture
def server(azure: Azure) -> servers.ModelServer:
    """What answers for deployments."""
    azure.cloud.server = servers.ModelServer()
    return azure.cloud.server


@pytest.fixture(scope="session")
def stages() -> dict[str, tuple[Path, dict[str, Any], list[Record]]]:
    """What `stage` has made so far: project, tenant and requests by name."""
    return {}


@pytest.fixture
def stage(
    azure: Azure,
    client: Any,
    project: Path,
    server: servers.ModelServer,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    stages: dict[str, tuple[Path, dict[str, Any], list[Record]]],
) -> Callable[..., Path]:
    """Bring tenant and project to a state that takes seconds to make: the first test makes it, all begin with a copy.

    `stage(name, (slope, deploy), ...)` registers a version for each slope, and deploys it or not. It connects before
    that if the project is to be `wired`.
    """
    assert server is azure.cloud.server

    def make(name: str, *versions: tuple[float, bool], wired: bool = False) -> Path:
        if name not in stages:
            assert not wired or bench.tdsp("connect", "--yes").exit_code == 0
            for number, (slope, deployed) in enumerate(versions, start=1):
                bench.register(client, bench.model(tmp_path / f"m{number}", slope))
                assert not deployed or bench.deploy().exit_code == 0
            kept = tmp_path_factory.mktemp(name) / "project"
            shutil.copytree(project, kept, ignore=shutil.ignore_patterns("azure"))  # which is shared already
            stages[name] = kept, snapshots.take(azure.cloud), list(azure.calls)
        else:
            kept, state, calls = stages[name]
            snapshots.restore(azure.cloud, state)
            azure.calls.extend(calls)
            azure.sign_in(azure.cloud.user)
            shutil.copytree(kept, project, dirs_exist_ok=True)
        return project

    return make


@pytest.fixture
def registered(stage: Callable[..., Path]) -> Path:
    """A project whose version 1 is the champion; nothing is live."""
    return stage("registered", (2.0, False))


@pytest.fixture
def first(stage: Callable[..., Path]) -> Path:
    """A project with version 1 live in slot blue."""
    return stage("first", (2.0, True))


@pytest.fixture
def second(stage: Callable[..., Path]) -> Path:
    """Version 2 is the champion, version 1 is live."""
    return stage("second", (2.0, True), (3.0, False))


@pytest.fixture
def repository(azure: Azure) -> Any:
    """The project's repository on GitHub; whoever is signed in is its admin."""
    azure.cloud.github.users["octo"] = 77
    azure.cloud.github.login = "octo"
    return azure.cloud.github.add("demo", "octo")
