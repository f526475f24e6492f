"""Every generation starts each hook as a Python of its own: what they import at their start, everybody waits for.

Imports are counted, not seconds; `benchmarks/render.py` takes the time.
"""

import ast

import pytest

# os and sys are there when Python starts; subprocess brings re and most of what json needs.
ALLOWED = {
    "pre_prompt": {"os", "sys"},
    "pre_gen_project": {"json", "os", "re", "sys"},
    "post_gen_project": {"json", "os", "subprocess", "sys"},
}


def at_start(source: str) -> set[str]:
    """The modules that a script imports whatever happens: outside functions."""
    found = set()
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Import):
            found |= {name.name for name in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            found.add(statement.module)
    return found


@pytest.mark.parametrize("hook", ALLOWED)
def test_a_hook_imports_no_more_than_it_needs(kitchen, hook):
    assert at_start((kitchen.template / "hooks" / f"{hook}.py").read_text(encoding="utf-8")) <= ALLOWED[hook]


@pytest.mark.parametrize("line", ["import pathlib", "from shutil import which", "import os, tempfile"])
def test_one_import_more_would_be_noticed(kitchen, line):
    source = (kitchen.template / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    assert not at_start(f"{source}\n{line}\n") <= ALLOWED["pre_gen_project"]
