"""The notebooks run from top to bottom on this project's data, and carry no output."""

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = ("01-explore", "02-model")


def read(root, name):
    return nbformat.read(root / "notebooks" / f"{name}.ipynb", as_version=4)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_carries_no_output(root, name):
    cells = [cell for cell in read(root, name).cells if cell.cell_type == "code"]
    assert cells
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(root, facts, name, monkeypatch):
    if not facts["data"].get("sample") and not (root / "data" / "raw" / facts["data"]["file"]).exists():
        pytest.skip("the data is not on this machine: data stays out of Git")
    monkeypatch.setenv("PYTHONPATH", str(root / "src"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    resources = {"metadata": {"path": str(root / "notebooks")}}
    NotebookClient(read(root, name), timeout=300, kernel_name="python3", resources=resources).execute()
