"""Run a job file on the user's screen; what `tdsp run` and `tdsp score --batch` share."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from tdsp.engine import Result
    from tdsp.project import Project


def home_of(root: Path | None) -> Path:
    """Return where runs are kept: in the project, or here outside any."""
    return (root or Path.cwd()) / ".tdsp"


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
    from tdsp.engine.progress import Progress

    facts, overrides, extra = None, {}, {"tracking_uri": os.environ.get("MLFLOW_TRACKING_URI")}
    if root:  # a pipeline outside any project needs neither the facts nor what they import
        from tdsp import project
        from tdsp.cli import lifecycle

        facts = project.load(root / project.FILE)
        overrides, extra = lifecycle.prepare(root, facts, file)
    options, progress = engine.Options(**how, **extra), Progress(verbose=verbose)
    try:
        with _ended_as_by_ctrl_c():
            result = engine.run(file, home=home_of(root), overrides=overrides | chosen, options=options, tell=progress)
    except KeyboardInterrupt:
        progress.interrupted()
        raise typer.Exit(130) from None
    progress.end(result, None if root else options.tracking_uri)  # a project has `tdsp ui`
    return result, facts


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
