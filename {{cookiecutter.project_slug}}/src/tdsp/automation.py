"""What a CI system needs to know: whether an environment may be used, values for its next steps, a summary page.

GitHub Actions reads files that it names in variables, Azure Pipelines reads lines of the log. On a laptop there is
neither, and nothing is written.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tdsp import lineage, project
from tdsp.errors import WrongInput

IDENTITY = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID")  # variables that `tdsp connect` sets in each environment


def tell(**values: str) -> None:
    """Give values to the next steps of the CI system that this runs in, if there is one.

    Raises:
        WrongInput: a value has line ends, which would let it give others.
    """
    for name, value in values.items():
        if set(value) & {"\n", "\r"}:
            raise WrongInput(f"{name}: has a line end, which no CI system takes")
    if file := os.environ.get("GITHUB_OUTPUT"):
        with Path(file).open("a", encoding="utf-8") as output:
            output.writelines(f"{name}={value}\n" for name, value in values.items())
    if os.environ.get("TF_BUILD"):
        for name, value in values.items():
            print(f"##vso[task.setvariable variable={name};isOutput=true]{value}")


def who(root: Path) -> str:
    """Return who gives a command: a CI system, which lets no two of them run at once, or a person at a machine."""
    if os.environ.get("CI") or os.environ.get("TF_BUILD"):
        return "the CI system"
    return f"{lineage.of(root).started_by or 'somebody'} on {platform.node()}"


def hide(value: str) -> None:
    """Have GitHub leave a value out of the log, where the runner prints what actions are given."""
    if os.environ.get("GITHUB_ACTIONS"):
        print(f"::add-mask::{value}")


def summarise(markdown: str) -> None:
    """Add to the page that GitHub shows with a run, if this runs there."""
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8") as page:
            page.write(f"{markdown}\n")


def place(root: Path, env: str) -> project.Environment | None:
    """Return where an environment lies; None until `project.yml` names its workspace.

    Raises:
        WrongInput: there is no such environment.
    """
    known = dict(project.load(root / project.FILE).environments)
    found = next((place for name, place in known.items() if name == env), None)
    if found is None:
        raise WrongInput(f"{project.FILE} has no environment {env!r}; it has {', '.join(known)}")
    return found if all(found.model_dump().values()) else None


def demand_identity(env: str) -> None:
    """Make sure that the CI system gave this step the ids of the identity to become.

    Raises:
        WrongInput: it did not.
    """
    missing = [name for name in IDENTITY if not os.environ.get(name)]
    if missing:
        raise WrongInput(
            f"environment {env} has no variable {' and no '.join(missing)}: "
            f"run `uv run tdsp connect --env {env}` on your machine, then start this again"
        )
