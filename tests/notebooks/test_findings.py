"""A mistake of each kind is found, at its cell, line and column, whatever stands before it."""

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import hypothesis
import notebook_cells
import pytest
from hypothesis import strategies
from notebook_cells import text
from tdsp.notebooks import lint, reading, script

# The cells, the place of the mistake, its rule.
WRONG = {
    "an import that nobody uses": (["import os"], (1, 1, 8), "F401"),
    "an alias that nobody uses": (["import numpy as np", "!echo numbers"], (1, 1, 17), "F401"),
    "a name that nobody set": (["x = 1", "print(x, y)"], (2, 1, 10), "F821"),
    "a name in a %time": (["%time print(y)"], (1, 1, 13), "F821"),
    "a name in a %%time": (["%%time\nprint(y)"], (1, 2, 7), "F821"),
    "an expression before the last": (["x = 1", "x\nprint(x)"], (2, 1, 1), "B018"),
    "a comparison before the last": (["x = 1", "x == 2\nprint(x)"], (2, 1, 1), "B015"),
    "an import behind code": (["x = 1\nimport os\n\nprint(os.name, x)"], (1, 2, 1), "E402"),
    "imports out of order": (["x = 1\nprint(x)", "import sys\nimport os\n\nprint(sys, os)"], (2, 1, 1), "I001"),
    "await where nobody can": (["def f(g):\n    await g", "f(1)"], (1, 2, 5), "PLE1142"),
    "yield outside": (["yield 1"], (1, 1, 1), "F704"),
    "return outside": (["return 1"], (1, 1, 1), "F706"),
    "a line of 80": ([f'x = "{"a" * 74}"', "x"], (1, 1, 80), "E501"),
    "blank behind the line": (["x = 1 \nx"], (1, 1, 6), "W291"),
    "a semicolon in the middle": (["x = 1;\nprint(x)"], (1, 1, 6), "E703"),
    "a variable that a function forgets": (["def f():\n    x = 1", "f()"], (1, 2, 5), "F841"),
    "a comparison with None": (["x = 1", "x == None"], (2, 1, 6), "E711"),
    "a bare except": (["try:\n    print(1)\nexcept:\n    print(2)"], (1, 3, 1), "E722"),
    "a password": (['password = "correct horse"', "print(password)"], (1, 1, 12), "S105"),
    "a list as default": (["def f(x=[]):\n    return x", "f()"], (1, 1, 9), "B006"),
    "an old way to write types": (["import typing\n\nx: typing.List[int] = []", "x"], (1, 3, 4), "UP006"),
    "a name of a builtin": (["list = [1]", "list"], (1, 1, 1), "A001"),
    "code behind a magic of several lines": (["%timeit -n 1 \\\n  -r 1 \\\n  x\nprint(y)"], (1, 4, 7), "F821"),
    "code behind empty lines": (["\n\nprint(y)"], (1, 3, 7), "F821"),
    "code behind a heading of the same looks": (["# %% cell 9\nprint(y)"], (1, 2, 7), "F821"),
    "code behind long text": ([text("a\n\nb\n"), "print(1)", text("c\n" * 9), "print(y)"], (4, 1, 7), "F821"),
    "code with carriage returns": (["x = 1\r\nprint(x, y)\r\n"], (1, 2, 10), "F821"),
    "code in an indented cell": (["    print(1)\n    print(y)"], (1, 2, 11), "F821"),
    "a bracket that stays open": (["x = 1", "print(x\n"], (2, 1, 6), "invalid-syntax"),
    "no Python": (["x = 1\nx = = 2"], (1, 2, 5), "invalid-syntax"),
    "no Python behind a magic": (["%matplotlib inline\nx = ("], (1, 2, 5), "invalid-syntax"),
    "a magic where none may stand": (["x = [\n%time 1\n]"], (1, 2, 1), "invalid-syntax"),
}


@pytest.mark.parametrize(("cells", "place", "code"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_found_where_it_is(findings, cells, place, code):
    assert place in [(found.cell, found.line, found.column) for found in findings(*cells) if found.code == code]


def test_each_rule_has_a_mistake_that_it_finds_alone(findings):
    """Nothing is reported twice, and a mistake in one cell hides none in another."""
    found = findings("print(", "print(y)", "import os", "x = 1\nx\nx")
    assert [(one.cell, one.code) for one in found] == [
        (1, "invalid-syntax"),
        (2, "F821"),
        (3, "F401"),
        (4, "B018"),
    ]


def test_an_ignored_finding_is_ignored(findings):
    assert "F401" not in [found.code for found in findings("import os  # noqa: F401")]


def test_settings_are_those_that_ruff_has_for_the_notebook(tmp_path):
    """Line length and rules of the folder, in one run for all folders; 79 columns where nobody says anything."""
    long = f'x = "{"a" * 84}"\nx'
    for folder, settings in {
        "wide": {"pyproject.toml": "[tool.ruff]\nline-length = 100\n[tool.ruff.lint]\nselect = ['E', 'F']"},
        "narrow": {"ruff.toml": "extend = '../wide/pyproject.toml'\nline-length = 60"},
        "silent": {"ruff.toml": "[lint]\nselect = ['E501']"},
        "other": {"pyproject.toml": "[project]\nname = 'x'", ".ruff.toml": "line-length = 70\nlint.select = ['E501']"},
    }.items():
        notebook_cells.write(tmp_path / folder / "same.ipynb", long, "import os")
        for name, content in settings.items():
            (tmp_path / folder / name).write_text(content)
    found = lint.lint(script.convert(reading.read_all([tmp_path])))
    assert [(one.path.parent.name, one.code, one.column) for one in found] == [
        ("narrow", "E501", 61),
        ("narrow", "F401", 8),
        ("other", "E501", 71),
        ("silent", "E501", 80),
        ("wide", "F401", 8),
    ]


def test_modules_of_the_project_are_known_as_its_own(tmp_path):
    """Sorting imports needs to know them: ruff's own default, and the setting."""
    for settings in ("", "src = ['src']\n"):
        (tmp_path / "pyproject.toml").write_text(f"[tool.ruff]\n{settings}[tool.ruff.lint]\nselect = ['I']")
        (tmp_path / "src" / "mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "mine" / "__init__.py").touch()
        notebook_cells.write(tmp_path / "a.ipynb", "import yaml\n\nimport mine\n\nprint(yaml, mine)")
        assert lint.lint(script.convert(reading.read_all([tmp_path]))) == []
        notebook_cells.write(tmp_path / "a.ipynb", "import mine\nimport yaml\n\nprint(yaml, mine)")
        assert [found.code for found in lint.lint(script.convert(reading.read_all([tmp_path])))] == ["I001"]


def test_ruff_runs_once(findings, monkeypatch):
    runs = []
    real: Callable = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: runs.append(a) or real(*a, **k))
    assert findings("print(y)")
    assert len(runs) == 1


ODD = """
x = 1
x
    y = 2
\tx
def f():
# a comment
\"""
(
)
x = (1,
    2)
% 3
print(1);
if x:
await x
x \\
>>> x
import os
größe = 'ß'
%time x = 1
    %time x
x = %time 1
%timeit \\
%%time
%%bash
%%capture out
!ls \\
    !ls
x = !ls
x?
?x
pip install x
"""
LINES = strategies.sampled_from(ODD.splitlines())


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(strategies.lists(strategies.lists(LINES, max_size=8).map("\n".join), max_size=4))
def test_each_line_of_a_script_is_a_line_of_its_cell(cells):
    content = notebook_cells.notebook(*cells)
    (made,) = script.convert([reading.Notebook(Path("a.ipynb"), content, Path())])
    lines = made.text.split("\n")
    for line, place in zip(lines, made.places, strict=True):
        if place.own:
            original = cells[place.cell - 1].split("\n")[place.line - 1]
            assert original.endswith(line.lstrip())
            assert len(original) - len(line) == place.shift
    ast.parse(made.text)
