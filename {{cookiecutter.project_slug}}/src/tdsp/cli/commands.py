"""The command line's grammar: the groups of commands as one `typer` application."""

import typer

from tdsp.cli import automation, azure, data, live, models, notebooks, people, report, run, score, serve

app = typer.Typer(
    name="tdsp",
    help="Run, judge, register, serve and document this project's model.",
    no_args_is_help=True,
    add_completion=False,
    suggest_commands=False,  # click does already
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (run, data, notebooks, serve, score, models, report, people, azure, live, automation):
    group.add_to(app)
