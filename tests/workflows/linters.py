"""The linters that others made: actionlint with shellcheck, zizmor, and GitHub's own schemas."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCHEMAS = {"vendor.github-workflows": "workflows/*.yml", "vendor.github-actions": "actions/*/action.yml"}


def findings(root: Path) -> dict[str, str]:
    """Return what each linter says against the workflows below `root`; one that is content is left out."""
    commands = {"actionlint": ["actionlint", "-no-color", "-oneline"]}
    commands["zizmor"] = ["zizmor", "--offline", "--no-progress", "--quiet", ".github"]
    for schema, pattern in SCHEMAS.items():
        files = [str(file.relative_to(root)) for file in sorted((root / ".github").glob(pattern))]
        if files:
            commands[schema] = ["check-jsonschema", "--builtin-schema", schema, *files]
    found = {}
    running = {name: _start(command, root) for name, command in commands.items()}
    for name, process in running.items():
        printed, _ = process.communicate(timeout=120)
        if process.returncode:
            found[name] = printed or f"ended with {process.returncode}"
    return found


def _start(command: list[str], root: Path) -> subprocess.Popen[str]:
    """Start a linter that lies beside this Python, or on PATH; git is asked for nothing above `root`."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, "PATH": path, "GIT_CEILING_DIRECTORIES": str(root.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
