"""Run a job file on the user's screen; what `tdsp run` and `tdsp score --batch` share.

Without typer, so that a run with nothing to do takes no longer than it must.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp.errors import WrongInput

if TYPE_CHECKING:
    from tdsp.engine import Result
    from tdsp.project import Project


def home_of(root: Path | None) -> Path:
    """Return where runs are kept: in the project, or here outside any."""
    return (root or Path.cwd()) / ".tdsp"


def project_root(start: Path) -> Path | None:
    """Return the nearest folder at or above `start` with a project.yml.

    `tdsp.project.find_root` would do, but it brings pydantic, which a bare pipeline and a notebook do without.
    """
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "project.yml").is_file()), None)


def locate(pipeline: Path | None) -> tuple[Path | None, Path]:
    """Return the project's root, if any, and the job file."""
    root = project_root(pipeline.parent if pipeline else Path())
    if pipeline is None and root is None:
        raise WrongInput("there is no project.yml here or above: name a pipeline file")
    return root, pipeline or root / "pipelines" / "train.yml"


def run(
    pipeline: Path | None,
    *,
    settings: Sequence[str] = (),
    force: Sequence[str] = (),
    until: str | None = None,
    stubs: Sequence[str] = (),
    verbose: bool = False,
    warm: bool = True,
) -> int:
    """Run a pipeline, tell how it goes and what came of it.

    Args:
        pipeline: job file; None for the project's own.
        settings: `KEY=VALUE` each.
        force: steps to run again; `*` means all.
        until: last step.
        stubs: `STEP=FOLDER` each.
        verbose: whether to show what steps print.
        warm: whether steps may be forked.

    Returns:
        The exit code.
    """
    saved = {name: Path(folder) for name, folder in (_pair(text, "--stub STEP=FOLDER") for text in stubs)}
    chosen = dict(_pair(text, "--set KEY=VALUE") for text in settings)
    root, file = locate(pipeline)
    how = {"force": frozenset(force), "until": until, "stubs": saved, "warm": warm}
    result, facts = carry_out(root, file, chosen, verbose=verbose, **how)
    if root:
        from tdsp.cli import lifecycle

        lifecycle.finish(root, facts, result)
    return 0 if result.ok else 1


def carry_out(
    root: Path | None, file: Path, chosen: dict[str, str], *, verbose: bool = False, **how: Any
) -> tuple[Result, Project | None]:
    """Run a job file with its progress on the screen; return how it ended, and the facts of the project around it.

    Args:
        root: the project's folder, None outside any.
        file: the job file.
        chosen: what differs from it, as `inputs.x` -> value.
        verbose: show what the steps print.
        how: options of the engine.
    """
    from tdsp import engine
    from tdsp.engine import records
    from tdsp.engine.progress import Progress

    facts, overrides, extra = None, {}, {"tracking_uri": os.environ.get("MLFLOW_TRACKING_URI")}
    if root:  # a pipeline outside any project needs neither the facts nor what they import
        from tdsp import project
        from tdsp.cli import lifecycle

        facts = project.load(root / project.FILE)
        overrides, extra = lifecycle.prepare(root, facts, file)
    options, progress = engine.Options(**how, **extra), Progress(verbose=verbose)
    try:
        with ended_as_by_ctrl_c():
            result = engine.run(file, home=home_of(root), overrides=overrides | chosen, options=options, tell=progress)
    except KeyboardInterrupt:
        progress.interrupted(records.latest(home_of(root) / "runs"))
        raise SystemExit(130) from None
    progress.end(result, None if root else options.tracking_uri)  # a project has `tdsp ui`
    return result, facts


@contextlib.contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Let a closed terminal and a cancelled CI job end the block as Ctrl-C does: with what it does at its end."""

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


def _pair(text: str, usage: str) -> tuple[str, str]:
    key, mark, value = text.partition("=")
    if not mark or not key:
        raise WrongInput(f"{usage.split()[0]} {text}: write {usage}")
    return key, value
