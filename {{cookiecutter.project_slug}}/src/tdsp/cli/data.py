"""Commands about the data: `tdsp data add` and `tdsp data look`."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    data = typer.Typer(help="Bring your own data.", no_args_is_help=True, rich_markup_mode="markdown")
    data.command()(add)
    data.command()(look)
    app.add_typer(data, name="data")


def add(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet file with a row of column names.")],
    target: Annotated[str, typer.Option(metavar="COL", help="The column to predict.")],
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="regression or classification; found from the target if not given."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="A column the model must not see; may be given again."),
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="COL", help="Column that orders the rows: the latest are held out.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Column whose rows stay together (a patient, a machine)."),
    ] = None,
    sensitive: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Column of groups, for gate.group_threshold; may be given again."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to judge by: mae or roc_auc if not given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it and change nothing.")] = False,
) -> None:
    """Make FILE the project's data: copy it to data/raw, describe it, and set the facts.

    Writes `data/schema.yml` (types, ranges and categories as found, yours to edit), `data/dictionary.csv`,
    `scoring/sample-request.json` and the facts in `project.yml`; comments there stay. Tells what looks wrong
    with the data, such as a column that gives the answer away. If it fails, nothing has changed; if it is killed while
    it writes, the same command again finishes it.
    Thresholds of the gate that were chosen for other data are forgotten. A large file need not be copied: move it to
    data/raw first.

    For example:

    - `tdsp data add ~/sales.csv --target revenue`
    - `tdsp data add rentals.csv --target count --time day --exclude casual --exclude registered`
    - `tdsp data add patients.parquet --target outcome --group patient --sensitive sex --dry-run`
    """
    from tdsp import dataset
    from tdsp.errors import WrongInput
    from tdsp.project import find_root

    if task not in (None, "regression", "classification"):
        raise WrongInput(f"--task {task!r}: use regression or classification")
    root = find_root()
    roles = dataset.Roles(target, task, exclude or [], time, group, sensitive or [], metric)
    typer.echo(f"reading {file}")
    added = dataset.add(root, file, roles, dry_run)
    _tell(root, added, dry_run)


def look() -> None:
    """Say whether the data is on this machine, or can be made here: data stays out of Git.

    A CI system gets the value `here` (true or false) and runs the pipeline only where it can.
    """
    from tdsp import automation, project

    root = project.find_root()
    data = project.load(root / project.FILE).data
    here = bool(data.sample) or (root / "data" / "raw" / data.file).is_file()
    automation.tell(here=str(here).lower())
    if here:
        typer.echo(f"data/raw/{data.file} {'comes with scikit-learn' if data.sample else 'is here'}")
        return
    said = f"data/raw/{data.file} is not on this machine, so the pipeline cannot run here; it runs where the data is"
    automation.summarise(f"{said}.")
    typer.echo(said)


def _tell(root: Path, added, dry_run: bool) -> None:
    import json
    import shlex

    would = "would write" if dry_run else "wrote"
    for path in added.written:
        typer.echo(f"{would} {path.relative_to(root).as_posix()}")
    for key, value in added.facts.items():
        typer.echo(f"{'would set' if dry_run else 'set'} {key}: {json.dumps(value, ensure_ascii=False)}")
    data = added.project.data
    if data.positive is not None:
        typer.echo(f'"yes" is {json.dumps(data.positive, ensure_ascii=False)}; data.positive can name the other class')
    if data.sensitive and added.project.gate.group_threshold is None:
        typer.echo(f"groups of {', '.join(data.sensitive)}: nobody looks until gate.group_threshold is set")
    if not added.written:
        typer.echo("nothing to change: the project has this data already")
    for finding in added.findings["findings"]:
        typer.echo(f"warning: {finding['message']}")
    if added.suspects:
        again = " ".join(f"--exclude {shlex.quote(column)}" for column in added.suspects)
        typer.echo(f"to leave them out, say the same again with: {again}")
    typer.echo(
        "next: the same without --dry-run"
        if dry_run
        else "next: look at data/schema.yml, at the question in project.yml and at the origin of the data in\n"
        "  docs/1-business-understanding/data-sources.md, then: uv run tdsp run"
    )
