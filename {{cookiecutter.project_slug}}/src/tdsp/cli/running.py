"""What `tdsp run` does. Without typer, so that a run with nothing to do takes no longer than it must."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from tdsp.errors import WrongInput


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
    """Run a pipeline and tell how it goes.

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
    from tdsp import engine
    from tdsp.engine.progress import Progress

    root, file = locate(pipeline)
    overrides, extra = {}, {"tracking_uri": os.environ.get("MLFLOW_TRACKING_URI")}
    if root:  # a pipeline outside any project needs neither the facts nor what they import
        from tdsp import project
        from tdsp.cli import lifecycle

        facts = project.load(root / project.FILE)
        overrides, extra = lifecycle.prepare(root, facts, file)
    overrides |= dict(_pair(text, "--set KEY=VALUE") for text in settings)
    saved = {name: Path(folder) for name, folder in (_pair(text, "--stub STEP=FOLDER") for text in stubs)}
    options = engine.Options(force=frozenset(force), until=until, stubs=saved, warm=warm, **extra)
    progress = Progress(verbose=verbose)
    try:
        with _ended_as_by_ctrl_c():
            result = engine.run(file, home=home(root), overrides=overrides, options=options, tell=progress)
    except KeyboardInterrupt:
        progress.interrupted()
        return 130
    progress.end(result, None if root else options.tracking_uri)  # a project has `tdsp ui`
    if root:
        lifecycle.finish(root, facts, result)
    return 0 if result.ok else 1


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


def locate(pipeline: Path | None) -> tuple[Path | None, Path]:
    """Return the project's root, if any, and the job file."""
    root = project_root(pipeline.parent if pipeline else Path())
    if pipeline is None and root is None:
        raise WrongInput("there is no project.yml here or above: name a pipeline file")
    return root, pipeline or root / "pipelines" / "train.yml"


def project_root(start: Path) -> Path | None:
    """Return the nearest folder at or above `start` that holds a project, if any."""
    # `tdsp.project.find_root` would do, but it brings pydantic, which a bare pipeline does without.
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / "project.yml").is_file()), None)


def home(root: Path | None) -> Path:
    """Return the engine's folder."""
    return (root or Path.cwd()) / ".tdsp"


def _pair(text: str, usage: str) -> tuple[str, str]:
    key, mark, value = text.partition("=")
    if not mark or not key:
        raise WrongInput(f"{usage.split()[0]} {text}: write {usage}")
    return key, value
