"""`tdsp notebooks`."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

Outputs = Literal["keep", "refuse", "strip"]
Execute = Literal["changed", "all"]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command()(notebooks)


def notebooks(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]…", help="Notebooks and folders; in a project, notebooks/.")
    ] = None,
    outputs: Annotated[
        Outputs, typer.Option(help="What the cells printed: leave it, count it as a finding, or take it out.")
    ] = "refuse",
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write the scripts there.")] = None,
    execute: Annotated[
        Execute | None, typer.Option(help="Run them too, from top to bottom; the files stay as they are.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="BRANCH", help="What `--execute changed` compares with.")] = None,
) -> None:
    """Lint notebooks as scripts; keep outputs out of Git; run them.

    Each finding is one line: notebook, cell, line and column in the cell, ruff's rule. In GitHub Actions and Azure
    Pipelines it is shown beside the changed lines too. Lines have 79 columns: `notebooks/ruff.toml` has the settings,
    for this command, for `ruff format` and for the editor. `ruff check` leaves notebooks to it.
    Ends with 0 (nothing found), 1 (findings) or 2 (no notebook there, or not one).

    For example:

    - `tdsp notebooks`: all of the project, as CI looks at them

    - `tdsp notebooks --outputs strip`: take the outputs out of the files first, as the commit hook does

    - `tdsp notebooks --to build/scripts`: the scripts, to read or to run with `ipython`

    - `tdsp notebooks --execute changed`: run what this branch changed; `all` runs all
    """
    from tdsp.cli.run import project_root
    from tdsp.errors import TdspError, WrongInput

    root = project_root(Path())
    if not paths and root is None:
        raise WrongInput("there is no project.yml here or above: name notebooks or a folder")
    given = paths or [folder for folder in (Path(os.path.relpath(root / "notebooks")),) if folder.is_dir()]
    try:
        good = _look(given, outputs, to, execute, since)
    except ModuleNotFoundError as error:
        raise TdspError(f"{error.name} is not installed: `uv sync` brings it, with the group dev") from None
    if not good:
        raise typer.Exit(1)


def _look(paths: list[Path], outputs: Outputs, to: Path | None, execute: Execute | None, since: str | None) -> bool:
    """Do all that was asked for and print it; return whether nothing was found."""
    from tdsp.notebooks import lint, reading, running, script, writing
    from tdsp.notebooks import outputs as policy
    from tdsp.notebooks.findings import annotated
    from tdsp.wording import counted

    gc.disable()  # a tenth of the time, for nothing: what is read and imported here stays
    found = reading.read_all(paths)
    scripts = script.convert(found)
    if to:
        writing.write(scripts, to)
        print(f"{counted(len(scripts), 'script')} in {to}")
    findings = lint.lint(scripts)
    gc.enable()
    for notebook in found:
        if outputs == "refuse":
            findings += policy.refused(notebook)
        elif outputs == "strip" and policy.strip(notebook):
            print(f"{notebook.path}: outputs taken out")
    chosen = running.changed(found, since) if execute == "changed" else found
    for notebook in chosen if execute else ():
        started = time.monotonic()
        findings += running.execute(notebook)
        print(f"{notebook.path}: ran for {time.monotonic() - started:.1f} s", flush=True)
    findings.sort()
    for line in (*findings, *annotated(findings)):
        print(line)
    others = len(found) - len(scripts)
    skipped = f" ({others} not in Python, so not linted)" if others else ""
    print(f"{counted(len(found), 'notebook')}{skipped}, {counted(len(findings), 'finding')}")
    return not findings
