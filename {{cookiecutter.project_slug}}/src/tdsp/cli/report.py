"""Command that writes documents: `tdsp report`."""

from __future__ import annotations

from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command("report")(report_)


def report_(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="A folder's name in .tdsp/runs; the last run if left out."),
    ] = None,
) -> None:
    """Write a run's report and refresh the documents.

    The report is docs/reports/train.md and, as one page that needs nothing else, train.html. In the documents
    only the sections between `tdsp:begin` and `tdsp:end` marks are replaced.
    """
    from tdsp import project, report
    from tdsp.errors import WrongInput

    root = project.find_root()
    folder = root / ".tdsp" / "runs" / run if run else None
    if folder and not (folder / "run.json").is_file():
        raise WrongInput(f"there is no run {run}: the names are those of the folders in .tdsp/runs")
    page = report.write(root, project.load(root / project.FILE), folder)
    print(f"report: {page.relative_to(root).as_posix()}")
    print(f"documents: {', '.join(f'docs/{name}' for name in report.DOCUMENTS)}")
