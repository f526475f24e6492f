"""Serve a model on this machine: `scoring/score.py` under Azure ML's inference server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tdsp import shell
from tdsp.errors import TdspError, WrongInput

START_SECONDS = 60
LOADING_FAILED = "cannot serve this model: "  # what score.py writes before its reason

# The server's settings, the project's environment and every secret stay outside: only these variables get in.
PASSED = {
    "ALL_PROXY", "APPDATA", "COMSPEC", "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LOCALAPPDATA", "NO_PROXY", "PATH",
    "PATHEXT", "PROGRAMDATA", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "SYSTEMDRIVE", "SYSTEMROOT",
    "TEMP", "TMP", "TMPDIR", "TZ", "USER", "USERNAME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
}  # fmt: skip
# uv's own settings pass (mirrors, caches), but not those that point it at another project or environment.
UV_KEPT_OUT = {"UV_ENV_FILE", "UV_FROZEN", "UV_LOCKED", "UV_NO_SYNC", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT"}


@dataclass(frozen=True)
class Server:
    """A running server: its address, its log file and its process."""

    url: str
    log: Path
    process: subprocess.Popen

    @property
    def score(self) -> str:
        """Where rows are sent."""
        return f"{self.url}/score"

    def wait(self) -> None:
        """Wait until the server ends by itself.

        Raises:
            TdspError: always, with the reason from the log.
        """
        self.process.wait()
        raise TdspError(_reason(self.log))


def build_environment(root: Path) -> None:
    """Make or update `scoring/.venv`; uv shows what it does. A matter of milliseconds when nothing changed.

    Raises:
        TdspError: uv is missing, or could not make it.
    """
    if not (root / "scoring" / ".venv").exists():
        print("building the serving environment in scoring/.venv (only the first time)", file=sys.stderr)
    # The Python that trained the model also serves it.
    command = [uv(), "sync", "--project", str(root / "scoring"), "--python", sys.executable]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    done = subprocess.run([*command, *quiet], env=environment(os.environ), check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise TdspError("the serving environment could not be built; uv's message is above")


@contextlib.contextmanager
def running(root: Path, model: Path, port: int | None = None) -> Iterator[Server]:
    """Serve a model folder until the block ends; nothing is left running, however it ends.

    Args:
        root: the project.
        model: a folder with `MLmodel`, `model.skops` and `contract.json`.
        port: where to listen; a free one when None.

    Raises:
        WrongInput: the folder holds no model, or the port is taken.
        TdspError: the environment cannot be built, or the server did not start; the log's reason is in the
        message.
    """
    if not (model / "MLmodel").is_file():
        raise WrongInput(f"{model} is not a model folder: it has no MLmodel file")
    port = shell.free_port(port or 0)
    build_environment(root)
    log = root / ".tdsp" / "serving" / f"port-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    where = root / "scoring"  # not the root: the server would read the workspace's config.json as its own
    with (
        log.open("wb") as sink,
        shell.running(
            *_command(root, model, port), cwd=where, environment=environment(os.environ), log=sink
        ) as process,
    ):
        server = Server(f"http://{shell.HOST}:{port}", log, process)
        _wait_until_healthy(server)
        yield server


def _command(root: Path, model: Path, port: int) -> list[str]:
    launcher = Path(__file__).with_name("local_server.py")
    return [
        *(uv(), "run", "--project", str(root / "scoring"), "--no-sync", "python", str(launcher)),
        *(
            "--entry_script",
            str(root / "scoring" / "score.py"),
            "--model_dir",
            str(model.resolve()),
            "--port",
            str(port),
        ),
    ]


def uv() -> str:
    """Return the path of uv.

    Raises:
        TdspError: it is not installed.
    """
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise TdspError("uv is not on PATH; it builds the serving environment: https://docs.astral.sh/uv/")
    return found


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the server may see."""

    def passes(name: str) -> bool:
        upper = name.upper()
        return upper in PASSED or (upper.startswith(("LC_", "UV_")) and upper not in UV_KEPT_OUT)

    return {name: value for name, value in variables.items() if passes(name)} | {"PYTHONUNBUFFERED": "1"}


def _wait_until_healthy(server: Server) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise TdspError(_reason(server.log))
        with contextlib.suppress(OSError), opener.open(server.url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise TdspError(f"the server was not ready after {START_SECONDS} s; its log is {server.log}")


def _reason(log: Path) -> str:
    """Return why the server ended: the scoring script's own line if there is one, else the end of the log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in reversed(lines):
        if LOADING_FAILED in line:
            return f"{LOADING_FAILED}{line.split(LOADING_FAILED, 1)[1]} (log: {log})"
    return "\n".join([f"the server stopped; its log ({log}) ends with:", *lines[-10:]])
