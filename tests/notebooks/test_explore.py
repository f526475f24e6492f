"""The notebook that explores a new project's data takes any table."""

import runpy

import matplotlib as mpl
import nbformat
import pandas as pd
import yaml
from nbconvert import PythonExporter
from science.infer import infer


def test_data_without_a_number_can_be_explored(root, tmp_path, monkeypatch):
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    table = {"colour": ["red", "green", "blue", "grey"] * 60, "size": ["s", "m", "l"] * 80, "buys": ["yes", "no"] * 120}
    pd.DataFrame(table).to_csv(raw / "texts.csv", index=False)
    written = {"schema": "data/schema.yml", "dictionary": "d.csv", "request": "r.json", "findings": "f.json"}
    infer(raw / "texts.csv", "buys", **{name: tmp_path / place for name, place in written.items()})
    about = {"file": "texts.csv", "target": "buys"}
    facts = {"task": "classification", "data": about, "split": {"strategy": "stratified"}, "metric": "roc_auc"}
    (tmp_path / "project.yml").write_text(yaml.safe_dump(facts | {"project": {"question": "Who buys?"}}))
    notebook = nbformat.read(root / "{{cookiecutter.project_slug}}" / "notebooks" / "01-explore.ipynb", as_version=4)
    script, _ = PythonExporter().from_notebook_node(notebook)
    (tmp_path / "explore.py").write_text(script, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        found = runpy.run_path("explore.py")
    assert found["numbers"].empty
    assert set(found["features"]) == {"colour", "size"}
