"""The notebooks run from top to bottom on this project's data, and carry no output."""

import runpy

import matplotlib as mpl
import nbformat
import pandas as pd
import pytest
import yaml
from nbclient import NotebookClient
from nbconvert import PythonExporter

from science.infer import infer

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


def test_data_without_a_number_can_be_explored(root, facts, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    table = {"colour": ["red", "green", "blue", "grey"] * 60, "size": ["s", "m", "l"] * 80, "buys": ["yes", "no"] * 120}
    pd.DataFrame(table).to_csv(raw / "texts.csv", index=False)
    written = {"schema": "data/schema.yml", "dictionary": "d.csv", "request": "r.json", "findings": "f.json"}
    infer(raw / "texts.csv", "buys", **{name: tmp_path / place for name, place in written.items()})
    about = {"file": "texts.csv", "target": "buys"}
    these = {"task": "classification", "data": about, "split": {"strategy": "stratified"}, "metric": "roc_auc"}
    (tmp_path / "project.yml").write_text(yaml.safe_dump(facts | these), encoding="utf-8")
    script, _ = PythonExporter().from_notebook_node(read(root, "01-explore"))
    (tmp_path / "explore.py").write_text(script, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        found = runpy.run_path("explore.py")
    assert found["numbers"].empty
    assert set(found["features"]) == {"colour", "size"}
