"""`tdsp notebooks` as it is typed: what it prints, writes and refuses."""

import subprocess
import sys

import notebook_cells
import pytest
from notebook_cells import code, stream
from tdsp.notebooks import reading, script


def test_findings_are_lines_and_the_exit_code_is_1(here, tdsp):
    notebook_cells.write(here / "notebooks" / "a.ipynb", "x = 1", "print(x, y)")
    notebook_cells.write(here / "notebooks" / "deep" / "b.ipynb", "1")
    assert tdsp("notebooks", code=1).splitlines() == [
        "notebooks/a.ipynb:cell 2:1:10: F821 Undefined name `y`",
        "2 notebooks, 1 finding",
    ]


def test_in_a_project_the_folder_need_not_be_named(here, monkeypatch, tdsp):
    (here / "project.yml").touch()
    assert tdsp() == "0 notebooks, 0 findings\n"
    notebook_cells.write(here / "notebooks" / "a.ipynb", "y")
    (here / "src").mkdir()
    monkeypatch.chdir(here / "src")
    assert tdsp(code=1).startswith("../notebooks/a.ipynb:cell 1:1:1: F821")


def test_hidden_folders_are_left_alone(here, tdsp):
    notebook_cells.write(here / "a.ipynb", "1")
    for folder in (".ipynb_checkpoints", ".venv"):
        notebook_cells.write(here / folder / "a-checkpoint.ipynb", "y")
    assert tdsp(".") == "1 notebook, 0 findings\n"


def test_another_language_is_not_linted(here, tdsp):
    notebook_cells.write(here / "r.ipynb", "x <- c(1, 2)", kernelspec={"language": "R", "name": "ir"})
    assert tdsp("r.ipynb") == "1 notebook (1 not in Python, so not linted), 0 findings\n"


BROKEN = {
    "empty": ("", "empty"),
    "half": ('{"cells": [', "not JSON: Expecting value"),
    "no object": ("[1]", "the JSON is not an object"),
    "no notebook": ("{}", "no nbformat; save it in a current Jupyter"),
    "an old one": ('{"nbformat": 3, "worksheets": []}', "nbformat 3; save it in a current Jupyter"),
    "no cells": ('{"nbformat": 4, "metadata": {}}', "no list of cells"),
    "no metadata": ('{"nbformat": 4, "cells": []}', "no metadata"),
    "no kind": ('{"nbformat": 4, "metadata": {}, "cells": [{"source": ""}]}', "cell 1 has none of the types code"),
    "no source": ('{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "raw"}]}', "cell 1 has no source"),
    "no outputs": (
        '{"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": []}]}',
        "cell 1 has no list of outputs",
    ),
    "no text": (b"\xff\xfe", "not UTF-8 text"),
    "deep": ('{"cells": ' + "[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_notebook_is_one_line_and_code_2(here, content, reason, tdsp):
    file = here / "a.ipynb"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    said = tdsp("a.ipynb", "--outputs", "strip", code=2)
    assert said.startswith("error: a.ipynb: ")
    assert reason in said
    assert said.count("\n") == 1
    assert file.read_bytes() == (content.encode() if isinstance(content, str) else content)


def test_each_wrong_path_is_named_and_nothing_is_written(here, tdsp):
    good = notebook_cells.write(here / "good.ipynb", code("1", stream("1")))
    before = good.read_bytes()
    (here / "bad.ipynb").write_text("{")
    said = tdsp("good.ipynb", "bad.ipynb", "none.ipynb", "--outputs", "strip", "--to", "out", code=2)
    assert "bad.ipynb: not JSON" in said
    assert "none.ipynb: No such file" in said
    assert good.read_bytes() == before
    assert not (here / "out").exists()


def test_nothing_named_outside_a_project_is_a_question(tdsp):
    assert "name notebooks or a folder" in tdsp(code=2)


def test_settings_that_ruff_cannot_read_are_one_line(here, tdsp):
    notebook_cells.write(here / "a.ipynb", "1")
    (here / "ruff.toml").write_text("line-length = 'long'")
    said = tdsp("a.ipynb", code=1)
    assert said.startswith("error: ")
    assert said.count("\n") == 1


def test_a_missing_tool_is_one_line(here, monkeypatch, tdsp):
    notebook_cells.write(here / "a.ipynb", "1")
    monkeypatch.setitem(sys.modules, "nbconvert", None)
    said = tdsp("a.ipynb", code=1)
    assert "nbconvert" in said
    assert said.count("\n") == 1


def test_scripts_keep_their_folders_and_run(here, tdsp):
    notebook_cells.write(here / "n" / "a.ipynb", notebook_cells.text("# A"), "%time x = 41", "!echo {x + 1}")
    notebook_cells.write(here / "n" / "deep" / "a.ipynb", "print(7)")
    assert tdsp("n", "--to", "out").startswith("2 scripts in out\n")
    assert (here / "out" / "a.py").read_text().splitlines() == [
        "# %% [markdown] cell 1",
        "# # A",
        "",
        "# %% cell 2",
        "x = 41",
        "",
        "# %% cell 3",
        "get_ipython().system('echo {x + 1}')",
        "",
    ]
    run = [sys.executable, "-m", "IPython", "--no-banner", "--colors=nocolor", "out/a.py"]
    assert "42" in subprocess.run(run, check=True, capture_output=True, text=True).stdout
    plain = subprocess.run([sys.executable, "out/deep/a.py"], check=True, capture_output=True, text=True)
    assert plain.stdout == "7\n"


def test_two_notebooks_never_become_one_script(here, tdsp):
    for folder in ("one", "two"):
        notebook_cells.write(here / folder / "a.ipynb", "1")
    said = tdsp("one", "two", "--to", "out", code=2)
    assert "one/a.ipynb and two/a.ipynb would both become out/a.py" in said
    assert not (here / "out").exists()
    tdsp("one", "one/a.ipynb", "--to", "out")


def test_a_cell_that_looks_like_a_heading_moves_nothing(here):
    path = notebook_cells.write(here / "a.ipynb", "# %% cell 5\nx = 1", "x")
    (made,) = script.convert([reading.read(path, here)])
    assert [(place.cell, place.line) for place in made.places] == [
        *((1, 0), (1, 1), (1, 2), (1, 3)),
        *((2, 0), (2, 1), (2, 2)),
        (2, 0),
    ]


@pytest.mark.parametrize("name", ["the defaults", "a classification"])
def test_the_notebooks_of_a_project_are_clean(baked, monkeypatch, tdsp, name):
    monkeypatch.chdir(baked(name).root)
    assert tdsp() == "2 notebooks, 0 findings\n"
