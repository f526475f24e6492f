"""Runs deployments with the real inference server: one `azmlinfsrv` process for each."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import files
from emulator.execution import PRIVATE
from emulator.wire import Request, Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud

LAST_CHARACTERS = 800


@dataclass
class _Container:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def printed(self) -> str:
        """Return what the server has printed."""
        return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")


@dataclass
class InferenceServer:
    """Starts `azmlinfsrv` from a Python environment that has it.

    Attributes:
        python: interpreter of the serving environment.
        patience: seconds until a container must answer its health probe.
    """

    python: str = sys.executable
    patience: float = 60
    _running: dict[str, _Container] = field(default_factory=dict)

    def deploy(self, cloud: Cloud, deployment: dict[str, Any]) -> None:
        """Start a deployment's server and wait until it is healthy.

        Raises:
            RuntimeError: it stopped, or did not become healthy in time; with the last lines that it printed.
        """
        self.remove(deployment["id"])
        properties = deployment["properties"]
        workspace_id = deployment["id"].split("/onlineEndpoints/")[0]
        folder = Path(tempfile.mkdtemp(prefix="container-", dir=cloud.folder))
        model, code = folder / "model", folder / "code"
        if properties.get("model"):
            place = files.locate(cloud, workspace_id, properties["model"])
            # Azure mounts the registered folder itself below AZUREML_MODEL_DIR.
            files.pull(cloud, place, model / place.prefix.rsplit("/", 1)[-1])
        configuration = properties["codeConfiguration"]
        files.pull(cloud, files.locate(cloud, workspace_id, configuration["codeId"]), code)
        port = _free_port()
        environment = {key: text for key, text in os.environ.items() if key.upper() not in PRIVATE}
        environment.update(properties.get("environmentVariables") or {})
        environment["AZUREML_MODEL_DIR"] = str(model)
        server = [self.python, "-m", "azureml_inference_server_http.amlserver"]
        arguments = [
            "--entry_script",
            configuration["scoringScript"],
            "--model_dir",
            str(model),
            "--port",
            str(port),
        ]
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                server + arguments,
                cwd=code,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        container = _Container(process, port, folder)
        self._running[deployment["id"].lower()] = container
        self._wait(container)

    def _wait(self, container: _Container) -> None:
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            if container.process.poll() is not None:
                raise RuntimeError(container.printed()[-LAST_CHARACTERS:])
            try:
                if _send(container.port, "GET", "/", b"", {}).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the health probe got no answer in {self.patience:.0f} s")

    def score(self, deployment_id: str, request: Request) -> Response:
        """Send a request on to a deployment's server."""
        wanted = ("content-type", "accept", "x-ms-request-id")
        headers = {key: text for key, text in request.headers.items() if key.lower() in wanted}
        container = self._running[deployment_id.lower()]
        return _send(container.port, request.method, request.target, request.body, headers)

    def logs(self, deployment_id: str) -> str:
        """Return what a deployment's server has printed."""
        container = self._running.get(deployment_id.lower())
        return container.printed() if container else ""

    def remove(self, deployment_id: str) -> None:
        """Stop a deployment's server."""
        container = self._running.pop(deployment_id.lower(), None)
        if container is None:
            return
        if container.process.poll() is None:
            os.killpg(container.process.pid, signal.SIGTERM)
        container.process.wait(10)
        shutil.rmtree(container.folder, ignore_errors=True)

    def stop(self) -> None:
        """Stop all servers."""
        for deployment_id in list(self._running):
            self.remove(deployment_id)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _send(port: int, method: str, target: str, body: bytes, headers: dict[str, str]) -> Response:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        kept = {key: text for key, text in answer.getheaders() if key.lower() in ("content-type", "x-ms-request-id")}
        return Response(answer.status, answer.read(), {key.title(): text for key, text in kept.items()})
    finally:
        connection.close()
