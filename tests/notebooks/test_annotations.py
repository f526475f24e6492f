"""Findings appear beside the changed lines of a pull request."""

import json

import notebook_cells
from tdsp.notebooks import reading
from tdsp.notebooks.findings import Finding, annotated

FOUND = [Finding(reading.Path("notebooks/a, b.ipynb"), 2, 3, 5, "F821", "50 % of [x]; no\nline")]


def test_github_shows_a_finding_beside_the_changed_line(here):
    path = notebook_cells.write(here / "notebooks" / "a, b.ipynb", "1", "a\nb\nprint(x)")
    (told,) = annotated(FOUND, {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(here)})
    at = path.read_text().splitlines().index('    "print(x)"') + 1
    assert told == (
        f"::error file=notebooks/a%2C b.ipynb,line={at},title=F821 in cell 2%2C line 3::50 %25 of [x]; no%0Aline"
    )


def test_azure_pipelines_shows_it_too(here):
    path = notebook_cells.write(here / "notebooks" / "a, b.ipynb", "1", "a\nb\nprint(x)")
    (told,) = annotated(FOUND, {"TF_BUILD": "True", "BUILD_SOURCESDIRECTORY": str(here)})
    at = path.read_text().splitlines().index('    "print(x)"') + 1
    assert told == (
        f"##vso[task.logissue type=error;sourcepath=notebooks/a, b.ipynb;linenumber={at};columnnumber=5;code=F821]"
        "F821 in cell 2, line 3: 50 %AZP25 of [x%5D%3B no%0Aline"
    )


def test_a_notebook_laid_out_otherwise_is_shown_from_its_top(here):
    path = here / "notebooks" / "a, b.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook_cells.notebook("1", "a\nb\nc")))
    assert ",line=1," in annotated(FOUND, {"GITHUB_ACTIONS": "true"})[0]


def test_the_environment_decides_what_ci_sees(here, monkeypatch, tdsp):
    notebook_cells.write(here / "a.ipynb", "y")
    assert "::error" not in tdsp("a.ipynb", code=1)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "\n::error file=a.ipynb," in tdsp("a.ipynb", code=1)
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.setenv("TF_BUILD", "True")
    assert "\n##vso[task.logissue type=error;sourcepath=a.ipynb;" in tdsp("a.ipynb", code=1)


def test_what_is_wrong_with_the_whole_notebook_names_no_cell(here):
    notebook_cells.write(here / "a.ipynb", "1", widgets={})
    (told,) = annotated([Finding(reading.Path("a.ipynb"), 0, 1, 1, "output", "no")], {"GITHUB_ACTIONS": "true"})
    assert told == "::error file=a.ipynb,line=1,title=output::no"
