"""`tdsp --help` answers at once, because it imports nothing heavy; what it shows as an example can be typed.

Imports are counted, not seconds.
"""

import os
import re
import shlex
import subprocess
import sys

import click
import pytest
import typer
from tdsp.cli import app

HEAVY = {
    "azure",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "scipy",
    "skops",
    "sklearn",
}


def imported(*arguments, root):
    """The top-level packages that a Python process imports."""
    source = str(root / "{{cookiecutter.project_slug}}" / "src")
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return {name.split(".")[0] for name in re.findall(r"\|\s+([\w.]+)$", result.stderr, re.MULTILINE)}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["data", "--help"],
        ["serve", "--help"],
        ["connect", "--help"],
        ["deploy", "--help"],
    ],
)
def test_help_imports_nothing_heavy(root, arguments):
    packages = imported("-c", "from tdsp.cli import main; main()", *arguments, root=root)
    assert "typer" in packages
    assert not packages & HEAVY


def test_a_heavy_import_would_be_noticed(root):
    assert "numpy" in imported("-c", "import numpy", root=root) & HEAVY


def helps(command, name="tdsp"):
    """The text of each command's help, with those of its options, under the command's name."""
    options = (getattr(parameter, "help", None) for parameter in command.params)
    yield name, "\n".join(filter(None, [command.help, command.epilog, *options]))
    for sub, below in getattr(command, "commands", {}).items():
        yield from helps(below, f"{name} {sub}")


def examples(text):
    """What stands in backticks as something to type."""
    return re.findall(r"`(?:uv run )?(tdsp [^`]+)`", text)


def parse(command, line):
    """Read a command line as `tdsp` does, without doing what it says."""
    words = shlex.split(line.partition(" > ")[0])[1:]
    while "commands" in vars(command):
        assert words and words[0] in command.commands, f"{line}: there is no such command"
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)


TDSP = typer.main.get_command(app)
SHOWN = [(name, example) for name, text in helps(TDSP) for example in examples(text)]


@pytest.mark.parametrize("example", sorted({example for _, example in SHOWN}))
def test_every_example_of_the_help_can_be_typed(example):
    parse(TDSP, example)


def test_the_help_of_what_people_type_most_has_examples():
    assert {"tdsp run", "tdsp check", "tdsp data add", "tdsp serve", "tdsp score"} <= {name for name, _ in SHOWN}


@pytest.mark.parametrize(
    "broken",
    [
        "tdsp runn",
        "tdsp data",
        "tdsp run --sett inputs.x=1",
        "tdsp run a.yml b.yml",
        "tdsp serve --port many",
        "tdsp data add sales.csv",  # --target is missing
    ],
)
def test_an_example_that_cannot_be_typed_is_found(broken):
    (example,) = examples(f"For example `{broken}`, and `uv.lock`.")
    with pytest.raises((AssertionError, click.UsageError)):
        parse(TDSP, example)
