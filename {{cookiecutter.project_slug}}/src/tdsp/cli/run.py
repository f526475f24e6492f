"""Commands that run and look at pipelines: `run`, `check`, `graph`, `cache`."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

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

    - `tdsp run --force train --until train`: one step again, with nothing after it

    - `tdsp run --stub clean=saved/clean`: a saved folder in place of a step that only Azure ML can run
    """
    from tdsp import engine
    from tdsp.engine.progress import Progress

    root, file = _locate(pipeline)
    overrides, extra = {}, {"tracking_uri": os.environ.get("MLFLOW_TRACKING_URI")}
    if root:  # a pipeline outside any project needs neither the facts nor what they import
        from tdsp import project
        from tdsp.cli import lifecycle

        facts = project.load(root / project.FILE)
        overrides, extra = lifecycle.prepare(root, facts, file)
    overrides |= dict(_pair(text, "--set") for text in set_ or [])
    stubs = {name: Path(folder) for name, folder in (_pair(text, "--stub") for text in stub or [])}
    options = engine.Options(force=frozenset(force or ()), until=until, stubs=stubs, warm=warm, **extra)
    progress = Progress()
    try:
        with _ended_as_by_ctrl_c():
            result = engine.run(file, home=_home(root), overrides=overrides, options=options, tell=progress)
    except KeyboardInterrupt:
        progress.interrupted()
        raise typer.Exit(130) from None
    progress.end(result, None if root else options.tracking_uri)  # a project has `tdsp ui`
    if root:
        lifecycle.finish(root, facts, result)
    if not result.ok:
        raise typer.Exit(1)


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
        _, file = _locate(given)
        report = look(file, judge=sdk, cloud=cloud)
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

    root, file = _locate(pipeline)
    plan = engine.read(file, home=_home(root))
    states: dict[str, str] = {}
    last = None if plain else records.latest(_home(root) / "runs")
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
    days: Annotated[float | None, typer.Option(metavar="DAYS", help="Remove results older than this.")] = None,
    gigabytes: Annotated[float | None, typer.Option(metavar="GB", help="Remove the oldest down to this size.")] = None,
) -> None:
    """Make the store of results smaller; without an option, remove only what nothing refers to."""
    from tdsp.engine.store.prune import prune

    gone = prune(_home(project_root(Path())), days=days, gigabytes=gigabytes)
    print(
        f"removed {gone.removed} results ({gone.removed_bytes / 1e6:.1f} MB),"
        f" kept {gone.kept} ({gone.kept_bytes / 1e6:.1f} MB)"
    )


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let a closed terminal and a cancelled CI job end the steps too, and the run's record be written."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in wanted}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _locate(pipeline: Path | None) -> tuple[Path | None, Path]:
    """Return the project's root, if any, and the job file."""
    from tdsp.errors import WrongInput

    root = project_root(pipeline.parent if pipeline else Path())
    if pipeline is None and root is None:
        raise WrongInput("there is no project.yml here or above: name a pipeline file")
    return root, pipeline or root / "pipelines" / "train.yml"


def project_root(start: Path) -> Path | None:
    """Return the nearest folder at or above `start` with a project.yml.

    `tdsp.project.find_root` would do, but it brings pydantic, which a bare pipeline and a notebook do without.
    """
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "project.yml").is_file()), None)


def _home(root: Path | None) -> Path:
    return (root or Path.cwd()) / ".tdsp"


def _pair(text: str, option: str) -> tuple[str, str]:
    from tdsp.errors import WrongInput

    key, mark, value = text.partition("=")
    if not mark or not key:
        raise WrongInput(f"{option} {text}: write {option} NAME=VALUE")
    return key, value
