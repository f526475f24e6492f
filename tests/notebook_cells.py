"""Write notebooks for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def text(source: str) -> dict[str, Any]:
    """A cell of prose."""
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def raw(source: str) -> dict[str, Any]:
    """A cell for another tool."""
    return {"cell_type": "raw", "metadata": {}, "source": source.splitlines(keepends=True)}


def code(source: str, *outputs: dict[str, Any], count: int | None = None) -> dict[str, Any]:
    """A cell with what it printed."""
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {},
        "outputs": list(outputs),
        "source": source.splitlines(keepends=True),
    }


def stream(printed: str) -> dict[str, Any]:
    """What `print` leaves in a cell."""
    return {"name": "stdout", "output_type": "stream", "text": [printed]}


def notebook(*cells: str | dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A notebook of cells; text stands for a code cell."""
    made = [code(cell) if isinstance(cell, str) else dict(cell) for cell in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(path: Path, *cells: str | dict[str, Any], **metadata: Any) -> Path:
    """Write a notebook as Jupyter lays it out, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(*cells, **metadata), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return path
