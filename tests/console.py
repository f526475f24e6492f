"""Read a document's commands and run them in order, the way its reader would type them."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

BLOCK = re.compile(r"^```(console|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
URL = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+")
STAYS_UP = re.compile(r"\btdsp (serve(?! --check)|ui)\b")  # commands that run until Ctrl-C
SECONDS_TO_START = 180
ANYTHING = r"[^\n]*"
ANY_LINES = r"(?:[^\n]*\n)*?"


@dataclass(frozen=True)
class Command:
    """One command of a document, and what the document says it prints.

    `…` stands for anything in its line; a line of its own, for any number of lines, none included.
    """

    text: str
    output: str

    def check(self, printed: str) -> None:
        """Compare what was printed with what the document shows.

        Raises:
            AssertionError: they differ.
        """
        if not self.output:
            return
        lines = self.output.splitlines()
        pattern = "".join(ANY_LINES if line == "…" else _line(line) for line in lines)
        whole = printed.rstrip("\n") + "\n"
        assert re.fullmatch(pattern, whole), f"$ {self.text}\nprinted\n{printed}\nthe document shows\n{self.output}"


def _line(shown: str) -> str:
    return ANYTHING.join(map(re.escape, shown.split("…"))) + r"\n"


def commands(document: str) -> list[Command]:
    """Return the commands of a document in order.

    In a `console` block, a command stands behind a `$ ` prompt, with what it prints below it. In a `bash` block, each
    line is a command.
    """
    found = []
    for kind, block in BLOCK.findall(document):
        if kind == "bash":
            found += [Command(line, "") for line in block.splitlines() if line and not line.startswith("#")]
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            text, _, output = part.partition("\n")
            found.append(Command(text, output.rstrip("\n")))
    return found


class Reader:
    """Somebody at a terminal who types a document's commands one after the other.

    Args:
        folder: where the reader starts.
        environment: variables of the shell.
        replace: text in a command -> what this machine uses instead (a URL -> the checkout).
    """

    def __init__(self, folder: Path, environment: dict[str, str], replace: dict[str, str] | None = None):
        self.folder = folder
        self.environment = environment
        self.replace = replace or {}
        self.servers: list[tuple[str, subprocess.Popen, Path]] = []

    def type(self, command: str) -> str:
        """Run one command and return what it printed.

        Raises:
            AssertionError: it failed, or did not get up.
        """
        for text, other in self.replace.items():
            command = command.replace(text, other)
        if command.startswith("cd "):
            self.folder = self.folder / shlex.split(command)[1]
            assert self.folder.is_dir(), f"{command}: there is no such folder"
            return ""
        if STAYS_UP.search(command):
            return self._start(command)
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, text=True, capture_output=True
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _start(self, command: str) -> str:
        log = self.folder.parent / f"server-{len(self.servers)}.txt"
        with log.open("w") as stream:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.servers.append((command, process, log))
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and process.poll() is None:
            address = URL.search(log.read_text())
            if address and _answers(address[0]):
                return log.read_text()
            time.sleep(0.3)
        raise AssertionError(f"$ {command}\ndid not get up:\n{log.read_text()}")

    def stop(self) -> Iterator[str]:
        """Press Ctrl-C in each server and yield the commands that did not end by it."""
        for command, process, _ in self.servers:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                yield command


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False
