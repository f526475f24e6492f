"""What cells printed stays out of the files."""

import json
import os

import notebook_cells
import pytest
from notebook_cells import code, stream
from tdsp.notebooks import outputs, reading

OUTPUT = {
    "output of this cell": code("print(1)", stream("1\n")),
    "the count of this cell's last run": code("print(1)", count=3),
    "the times of this cell's last run": code("print(1)") | {"metadata": {"execution": {"iopub.status.idle": "2026"}}},
}


@pytest.mark.parametrize("what", OUTPUT)
def test_outputs_are_refused_by_default(here, what, tdsp):
    notebook_cells.write(here / "a.ipynb", "x = 1", OUTPUT[what])
    assert f"a.ipynb:cell 2:1:1: output the file keeps {what}" in tdsp("a.ipynb", code=1)
    assert tdsp("a.ipynb", "--outputs", "keep") == "1 notebook, 0 findings\n"


def test_outputs_are_taken_out_and_nothing_else(here, tdsp):
    """Byte for byte the notebook that never ran, when Jupyter laid it out."""
    cells = ("x = 'é'", code("print(x)", stream("é"), count=2), notebook_cells.text("# Title\nand text"))
    clean = notebook_cells.write(here / "clean.ipynb", cells[0], "print(x)", cells[2], kernelspec={"name": "python3"})
    ran = notebook_cells.notebook(*cells, kernelspec={"name": "python3"}, widgets={"state": {}})
    ran["cells"][1]["metadata"] = {"scrolled": True, "execution": {"iopub.execute_input": "2026"}}
    (here / "ran.ipynb").write_text(json.dumps(ran))
    assert "the file keeps the state of widgets" in tdsp("ran.ipynb", code=1)
    assert tdsp("ran.ipynb", "--outputs", "strip") == "ran.ipynb: outputs taken out\n1 notebook, 0 findings\n"
    assert (here / "ran.ipynb").read_bytes() == clean.read_bytes()
    tdsp("ran.ipynb")


def test_a_clean_notebook_is_not_written(here, tdsp):
    """Not even laid out anew: a commit hook that changes a file fails."""
    path = here / "a.ipynb"
    path.write_text(json.dumps(notebook_cells.notebook("1"), indent=4))
    before = path.read_bytes(), path.stat().st_mtime_ns
    tdsp("a.ipynb", "--outputs", "strip")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_full_disk_leaves_the_notebook_as_it_was(here, monkeypatch):
    path = notebook_cells.write(here / "a.ipynb", code("1", stream("1")))
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError, match="no space"):
        outputs.strip(reading.read(path, here))
    assert path.read_bytes() == before
    assert list(here.iterdir()) == [path]


def test_how_a_cell_is_shown_is_no_output(here, tdsp):
    notebook_cells.write(here / "a.ipynb", code("1") | {"metadata": {"scrolled": True, "tags": ["parameters"]}})
    tdsp("a.ipynb")
