"""Commands that run and look at pipelines: `run`, `check`, `graph`, `cache`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdsp.cli import execution
from tdsp.cli.execution import home_of, locate, project_root

PipelineFile = Annotated[
    Path | None, typer.Argument(metavar="[PIPELINE]", help="Job file; in a project, pipelines/train.yml.")
]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command(cls=_OptionalValue)(run)
    app.command()(check)
    app.command()(graph)
    app.command()(cache)


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
    pipeline: PipelineFile = None,
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
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the steps print, as they do.")] = False,
    warm: Annotated[bool, typer.Option(help="Fork steps from a Python with their imports loaded (Linux).")] = True,
) -> None:
    """Run a pipeline on this machine; what has not changed is taken from the store.

    Writes below `.tdsp/`: a folder for the run (`run.json`, `logs/`, `outputs/`), the store of results, and what
    steps send to datastores. In a project it first provides the sample data, the MLflow store and the champion; the
    project's own pipeline ends with a report in `docs/reports/`. Ends with 0, 1 (a step failed) or 2 (nothing started).

    For example:

    - `tdsp run`: the project's pipeline, what changed of it

    - `tdsp run path/to/pipeline.yml`: any Azure ML job file

    - `tdsp run --set inputs.max_iter=50`: another value, for this run

    - `tdsp run -v`: with all that the steps print

    - `tdsp run --force train --until train`: one step again, with nothing after it

    - `tdsp run --stub clean=saved/clean`: a saved folder in place of a step that only Azure ML can run
    """
    code = execution.run(
        pipeline, settings=set_ or (), force=force or (), until=until, stubs=stub or (), verbose=verbose, warm=warm
    )
    if code:
        raise typer.Exit(code)


def check(
    pipelines: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PIPELINE]…", help="Job files; in a project, pipelines/train.yml."),
    ] = None,
    sdk: Annotated[bool, typer.Option(help="Ask azure-ai-ml too, if it is installed.")] = True,
    cloud: Annotated[bool, typer.Option(help="Steps and data that only Azure ML has are fine.")] = False,
) -> None:
    """Find the mistakes in `project.yml` and in pipelines without running anything.

    Writes nothing. Each mistake is one line: file, line, key, what is wrong, what was probably meant. A warning stops
    nothing. Ends with 0 (good) or 2 (mistakes).

    For example:

    - `tdsp check`: the project's facts and its pipeline

    - `tdsp check pipelines/*.yml`: several files

    - `tdsp check --no-sdk a.yml`: only the own checks, in under a second; fit for a commit hook

    - `tdsp check --cloud a.yml`: a pipeline with steps or data that only Azure ML has
    """
    from tdsp.engine.check.mistakes import check as look
    from tdsp.engine.reader.documents import shown
    from tdsp.wording import counted

    good = True
    root = project_root(Path())
    if root and not pipelines:
        from tdsp import project

        project.load(root / project.FILE)
    for given in pipelines or [None]:
        root, file = locate(given)
        report = look(file, home=home_of(root), judge=sdk, cloud=cloud)
        for problem in report.problems:
            print(f"error: {problem}")
        for warning in report.warnings:
            print(f"warning: {warning}")
        steps = len(report.plan.steps) if report.plan else 0
        verdict = {"agrees": "azure-ai-ml agrees", "not asked": "azure-ai-ml was not asked"}.get(report.judge)
        if report.judge == "not installed":
            verdict = "azure-ai-ml is not installed, so only the own checks ran"
        elif verdict is None:
            verdict = f"azure-ai-ml objects: {report.judge}"
        counts = ", ".join(
            counted(number, word)
            for number, word in ((steps, "step"), (len(report.problems), "mistake"), (len(report.warnings), "warning"))
        )
        print(f"{shown(file)}: {counts}; {verdict}")
        good = good and report.good
    if not good:
        raise typer.Exit(2)


def graph(
    pipeline: PipelineFile = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Picture to write (.svg).")
    ] = None,
    plain: Annotated[bool, typer.Option(help="Leave out the states of the last run.")] = False,
) -> None:
    """Draw a pipeline: Mermaid text on the screen, or an SVG picture."""
    from tdsp import engine, files
    from tdsp.engine import graph as drawing
    from tdsp.engine import records
    from tdsp.engine.reader.documents import absolute
    from tdsp.errors import WrongInput

    root, file = locate(pipeline)
    plan = engine.read(file, home=home_of(root))
    states: dict[str, str] = {}
    last = None if plain else records.latest(home_of(root) / "runs")
    if last is not None:
        said = records.read(last)
        if said["pipeline"] == str(absolute(file)):
            states = {name: step["state"] for name, step in said["steps"].items()}
    if output is None:
        print(drawing.mermaid(plan, states), end="")
    elif output.suffix == ".svg":
        files.write_text(output, drawing.svg(plan, states))
        print(f"wrote {output}")
    else:
        raise WrongInput(f"{output}: a picture ends in .svg")


def cache(
    days: Annotated[float | None, typer.Option(metavar="DAYS", help="Remove what was not used for so long.")] = None,
    gigabytes: Annotated[
        float | None, typer.Option(metavar="GB", help="Remove what was not used for longest, down to this.")
    ] = None,
) -> None:
    """Make the store of results smaller; without an option, remove only what nothing refers to.

    What lies at a datastore address or under a registered name stays: other pipelines read it.
    """
    from tdsp.engine.store.prune import prune

    gone = prune(home_of(project_root(Path())), days=days, gigabytes=gigabytes)
    print(
        f"removed {gone.removed} results ({gone.removed_bytes / 1e6:.1f} MB),"
        f" kept {gone.kept} ({gone.kept_bytes / 1e6:.1f} MB)"
    )
