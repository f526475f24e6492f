"""The pipelines of the template, a copy of them to break, and a project to run them in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from baking import BakedProject
from pipelines import recorders
from pipelines.agent import Agent, Run
from pipelines.events import Event
from pipelines.expansion import Expander

SOURCE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"


@pytest.fixture(scope="session")
def folder() -> Path:
    """The pipelines as they are in the template: no Jinja is in them."""
    return SOURCE / ".azuredevops"


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """`broken("ci.yml", "old", "new")` is a copy of the pipelines with that one change."""

    def change(name: str, old: str, new: str) -> Path:
        copy = shutil.copytree(folder, tmp_path / "pipelines", dirs_exist_ok=True)
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not say {old!r}"
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return change


@pytest.fixture
def play(folder: Path, baked: Callable[[str], BakedProject], tmp_path: Path) -> Callable[..., Run]:
    """`play("ci.yml", event, rules, …)` runs a pipeline in a new project; `before` may change the project."""
    project = shutil.copytree(baked("Azure Pipelines").root, tmp_path / "agent" / "s", symlinks=True)

    def run(
        name: str,
        event: Event,
        rules: list[tuple[str, int, str]] | None = None,
        parameters: dict[str, str] | None = None,
        agreed: bool = True,
        secrets: dict[str, str] | None = None,
        change: Callable[[Path], object] | None = None,
    ) -> Run:
        if change:
            change(project)
        document = Expander(folder).pipeline(name, parameters, event.variables)
        tools = recorders.install(tmp_path / "tools", rules or [])
        return Agent(project, tools, agreed=agreed, secrets=secrets or {}).run(document, event)

    return run
