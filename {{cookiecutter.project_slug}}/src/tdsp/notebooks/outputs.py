"""Whether a notebook may keep what its cells printed."""

from __future__ import annotations

import copy
from typing import Any, Literal

from tdsp import files
from tdsp.notebooks.findings import Finding
from tdsp.notebooks.reading import Notebook

Policy = Literal["keep", "refuse", "strip"]


def refused(notebook: Notebook) -> list[Finding]:
    """Return one finding for each cell that carries output, count or times of a run, and one for widgets."""
    kept = [(number, _kept(cell)) for number, cell in enumerate(notebook.content["cells"], 1)]
    if "widgets" in notebook.content["metadata"]:
        kept.append((0, "the state of widgets"))
    message = "the file keeps {}; `tdsp notebooks --outputs strip` takes it out"
    return [Finding(notebook.path, number, 1, 1, "output", message.format(what)) for number, what in kept if what]


def _kept(cell: dict[str, Any]) -> str | None:
    if cell["cell_type"] != "code":
        return None
    if cell["outputs"]:
        return "output of this cell"
    if cell.get("execution_count") is not None:
        return "the count of this cell's last run"
    return "the times of this cell's last run" if "execution" in cell.get("metadata", {}) else None


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
