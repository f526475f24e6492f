"""The command line's grammar: the groups of commands as one `typer` application."""

import typer

from tdsp.cli import azure, data, live, models, report, run, serve

app = typer.Typer(
    name="tdsp",
    help="Run, judge, register, serve and document this project's model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (run, data, serve, models, report, azure, live):
    group.add_to(app)
