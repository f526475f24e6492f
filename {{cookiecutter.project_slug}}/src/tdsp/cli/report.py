"""Command that writes documents: `tdsp report`."""

from __future__ import annotations

from pathlib import Path
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
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write only this: a page for a pull request.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --summary: end with 1 unless the gate let the model in.")
    ] = False,
) -> None:
    """Write a run's report and refresh the documents.

    The report is docs/reports/train.md and, as one page that needs nothing else, train.html. In the documents
    only the sections between `tdsp:begin` and `tdsp:end` marks are replaced.

    `--summary` writes the verdict, the metrics and charts instead, also of a run that failed, and gives a CI system
    the value `outcome`: registered, unchanged, refused or failed.
    """
    from tdsp import automation, files, project, report
    from tdsp.errors import TdspError, WrongInput
    from tdsp.report import summary as short

    if strict and not summary:
        raise WrongInput("--strict: belongs to --summary FILE")
    root = project.find_root()
    facts, folder = project.load(root / project.FILE), short.folder_of(root, run)
    if summary:
        outcome, text = short.summary(root, facts, folder)
        files.write_text(summary, text)
        automation.summarise(text)
        automation.tell(outcome=outcome)
        print(f"{outcome}: {summary}")
        if strict and outcome in ("refused", "failed"):
            raise TdspError(f"the model was {outcome}" if outcome == "refused" else "the run failed")
        return
    page = report.write(root, facts, folder)
    print(f"report: {page.relative_to(root).as_posix()}")
    print(f"documents: {', '.join(f'docs/{name}' for name in report.refreshed(root, folder))}")
