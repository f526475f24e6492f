"""Commands that run and look at pipelines: `tdsp run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command(cls=_OptionalValue)(run)
    app.command()(check)


class _OptionalValue(typer.core.TyperCommand):
    """Lets `--force` stand alone (everything) or before a step's name."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        """Give a bare `--force` its value."""
        filled = []
        for place, word in enumerate(args):
            after = args[place + 1] if place + 1 < len(args) else "-"
            bare = word == "--force" and (after.startswith("-") or after.endswith((".yml", ".yaml")))
            filled.append("--force=*" if bare else word)
        return super().parse_args(ctx, filled)


def run(
    pipeline: Annotated[
        Path | None, typer.Argument(help="Job file; a project's own is pipelines/train.yml.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="inputs.x=1, as in `az ml job create`."),
    ] = None,
    force: Annotated[
        list[str] | None, typer.Option(metavar="[STEP]", help="Run again what is stored: all, or one step.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="STEP", help="Stop after this step.")] = None,
    stub: Annotated[
        list[str] | None, typer.Option(metavar="STEP=FOLDER", help="A saved output in place of a step.")
    ] = None,
) -> None:
    """Run a pipeline on this machine; what has not changed is taken from the store."""
    from tdsp import engine
    from tdsp.engine.progress import Progress

    root = _project_root(pipeline)
    if root:
        from tdsp.cli import lifecycle  # brings the facts; a pipeline of its own needs none
    file = pipeline or _default(root)
    home = (root or Path.cwd()) / ".tdsp"
    overrides, extra = lifecycle.prepare(root, file) if root else ({}, {})
    overrides |= dict(_pair(text, "--set") for text in set_ or [])
    stubs = {name: Path(folder) for name, folder in (_pair(text, "--stub") for text in stub or [])}
    options = engine.Options(force=frozenset(force or ()), until=until, stubs=stubs, **extra)
    progress = Progress()
    try:
        result = engine.run(file, home=home, overrides=overrides, options=options, tell=progress)
    except KeyboardInterrupt:
        progress.interrupted()
        raise typer.Exit(130) from None
    progress.end(result)
    if root:
        lifecycle.finish(root, result)
    if not result.ok:
        raise typer.Exit(1)


def check(
    pipeline: Annotated[
        Path | None, typer.Argument(help="Job file; a project's own is pipelines/train.yml.")
    ] = None,
) -> None:
    """Find the mistakes in a pipeline without running anything."""
    from tdsp import engine
    from tdsp.engine.documents import shown

    file = pipeline or _default(_project_root(pipeline))
    plan = engine.read(file)
    print(f"{shown(file)}: {len(plan.steps)} steps, no mistakes")


def _project_root(pipeline: Path | None) -> Path | None:
    """Return the nearest folder with `project.yml` at or above the pipeline (or here)."""
    start = (pipeline.parent if pipeline else Path()).resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "project.yml").is_file()), None)


def _default(root: Path | None) -> Path:
    from tdsp.errors import WrongInput

    if root is None:
        raise WrongInput("there is no project.yml here or above: name a pipeline file")
    return root / "pipelines" / "train.yml"


def _pair(text: str, option: str) -> tuple[str, str]:
    from tdsp.errors import WrongInput

    key, mark, value = text.partition("=")
    if not mark or not key:
        raise WrongInput(f"{option} {text}: write {option} NAME=VALUE")
    return key, value
