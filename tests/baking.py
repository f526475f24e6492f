"""Generate projects for the tests, with cookiecutter's own command and a home of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import yaml

WORKSPACE = "11111111-2222-3333-4444-555555555555/rg-churn-dev/mlw-churn-dev"

# Named answers, from which tests take their projects. Together they show every choice.
COMBINATIONS: dict[str, dict[str, str]] = {
    "the defaults": {},
    "a classification": {"task": "classification", "license": "Apache-2.0", "azure_region": "swedencentral"},
    "a chosen workspace": {"azureml_workspace": WORKSPACE, "license": "proprietary"},
    "Azure Pipelines": {"ci": "azure-pipelines", "owner": "contoso"},
    "the shortest slug": {"project_name": "K", "project_slug": "k", "task": "classification"},
    "odd characters": {
        "project_name": """Größe "x" of it's \\ 100 % <b>&amp; $HOME `id` 🎉 👩‍💻""",
        "business_question": "'''Quels \"patients\" \\n ? # - : 中文 ${{ x }} {% y %}",
    },
}


@dataclass(frozen=True)
class BakedProject:
    """A generated project, shared by tests: read it, do not change it."""

    root: Path
    printed: str = ""

    @property
    def files(self) -> list[str]:
        """All files but Git's own, with `/` on every system."""
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git")

    def has(self, name: str) -> bool:
        return (self.root / name).exists()

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    @property
    def facts(self) -> dict:
        return yaml.safe_load(self.read("project.yml"))

    @property
    def pyproject(self) -> dict:
        return tomllib.loads(self.read("pyproject.toml"))

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True)
class Kitchen:
    """Where cookiecutter runs: a clean copy of the template, and a home that is not the user's."""

    template: Path
    home: Path

    def environment(self, **changes: str) -> dict[str, str]:
        """The variables of a user without settings; `changes` are added last."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "COOKIECUTTER"))}
        # cookiecutter leaves its rendered hooks in the folder for temporary files
        apart = {name: str(self.home) for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP")}
        apart["GIT_CONFIG_NOSYSTEM"] = "1"
        return kept | apart | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"} | changes

    def cookiecutter(
        self, *arguments: str, into: Path, template: str | Path | None = None, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `cookiecutter` in the folder `into`, without a terminal."""
        into.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cookiecutter", str(template or self.template), *arguments]
        return subprocess.run(
            command,
            cwd=into,
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

    def bake(self, into: Path, *options: str, **answers: str) -> BakedProject:
        """Generate a project from `answers`; it must succeed, and be the only folder in `into`."""
        # Values from the command line are rendered once more; in a raw block they stay as given.
        given = [
            f"{key}={{% raw %}}{value}{{% endraw %}}" if "{" in value else f"{key}={value}"
            for key, value in answers.items()
        ]
        result = self.cookiecutter("--no-input", *options, *given, into=into)
        assert result.returncode == 0, result.stdout + result.stderr
        (root,) = into.iterdir()
        return BakedProject(root, result.stdout)


def questions(template: Path) -> dict:
    """The questions of the template, with everything private."""
    return json.loads((template / "cookiecutter.json").read_text(encoding="utf-8"))
