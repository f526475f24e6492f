"""The `tdsp` command. Each module beside this one holds a group of commands and imports what it needs when it runs."""

import sys

import typer

from tdsp.cli import azure, data, live, models, notebooks, people, report, run, serve
from tdsp.errors import TdspError, shown

app = typer.Typer(
    name="tdsp",
    help="Run, judge, register, serve and document this project's model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (run, data, notebooks, serve, models, report, people, azure, live):
    group.add_to(app)


def main() -> None:
    """Run the command line; a `TdspError`, or a file that cannot be used, is one line and an exit code."""
    try:
        app()
    except TdspError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.code) from None
    except OSError as error:  # a full disk, a folder without permission, a file that another program holds
        print(f"error: {shown(error)}", file=sys.stderr)
        raise SystemExit(1) from None
