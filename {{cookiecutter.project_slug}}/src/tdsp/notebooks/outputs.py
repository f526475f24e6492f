"""Whether a notebook may keep what its cells printed."""

from __future__ import annotations

import copy
from typing import Any, Literal

from tdsp import files
from tdsp.notebooks.findings import Finding
from tdsp.notebooks.reading import Notebook

Policy = Literal["keep", "refuse", "strip"]


def refused(notebook: Notebook) -> list[Finding]:
    """Return one finding for each cell that carries output or a count, and one for the state of widgets."""
    found = []
    for number, (cell, bare) in enumerate(zip(notebook.node.cells, stripped(notebook).cells, strict=True), 1):
        if cell != bare:
            what = "output" if cell.outputs else "the count of its last run"
            message = f"the file keeps {what} of this cell; `tdsp notebooks --outputs strip` takes it out"
            found.append(Finding(notebook.path, number, 1, 1, "output", message))
    if "widgets" in notebook.node.metadata:
        message = "the file keeps the state of widgets; `tdsp notebooks --outputs strip` takes it out"
        found.append(Finding(notebook.path, 0, 1, 1, "output", message))
    return found


def strip(notebook: Notebook) -> bool:
    """Write the notebook without outputs if it has any, in one piece; tell whether it was written."""
    from nbformat import v4

    if not refused(notebook):
        return False
    files.write_text(notebook.path, v4.writes(stripped(notebook)) + "\n")
    return True


def stripped(notebook: Notebook) -> Any:
    """Return a copy of the notebook without what running it left behind."""
    from nbconvert.preprocessors import ClearOutputPreprocessor

    bare, _ = ClearOutputPreprocessor().preprocess(copy.deepcopy(notebook.node), {})
    bare.metadata.pop("widgets", None)
    for cell in bare.cells:
        cell.metadata.pop("execution", None)  # times of the last run, by JupyterLab
    return bare
