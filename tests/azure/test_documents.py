"""Every `tdsp` command that a document names is one: the command line itself reads it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer.main

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(TEMPLATE.glob("docs/*.md"))]
PAGES.append(TEMPLATE / "README.md")
NAMED = re.compile(r"(?:`|^ {4}|^\$ |\| )(?:uv run )?tdsp +([a-z][^`\n#|]*)", re.MULTILINE)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The words after `tdsp` of each command in a document, without the brackets of what may be left out."""
    named = NAMED.findall(JINJA.sub("VALUE", text))
    return [shlex.split(words.split(" (")[0].translate(str.maketrans("", "", "[],…"))) for words in named]


def read(words: list[str]) -> None:
    """Let the command line read a command, without running it.

    Raises:
        click.UsageError: it is none.
    """
    from tdsp.cli import app

    command = typer.main.get_command(app)
    context = click.Context(command, info_name="tdsp")
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, words)
        context = click.Context(command, context, info_name=name)
        if not words:
            return  # the command is named, not given
    command.make_context(context.info_name, list(words), parent=context.parent)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_is_one(page):
    for words in commands(page.read_text(encoding="utf-8")):
        try:
            read(words)
        except click.UsageError as error:
            pytest.fail(f"tdsp {' '.join(words)}: {error.message}")


@pytest.mark.parametrize(
    "wrong", ["`tdsp conect`", "`uv run tdsp deploy --fast`", "    tdsp submit --set", "`tdsp status now`"]
)
def test_a_command_that_does_not_exist_is_found(wrong):
    (words,) = commands(f"Run\n{wrong}\n")
    with pytest.raises(click.UsageError):
        read(words)


def test_the_pages_on_azure_name_every_command_for_azure():
    from tdsp.cli import app

    pages = "".join(
        (TEMPLATE / "docs" / f"{page}.md").read_text() for page in ("connect-a-workspace", "deploy-and-roll-back")
    )
    told = {words[0] for words in commands(pages)}
    for command in app.registered_commands:
        if command.callback.__module__ in {"tdsp.cli.azure", "tdsp.cli.live"}:
            assert command.callback.__name__ in told
