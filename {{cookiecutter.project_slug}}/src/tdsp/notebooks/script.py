"""Join a notebook's cells to a script, and remember where each of its lines came from."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from tdsp.notebooks.findings import Finding
from tdsp.notebooks.plain import Line, commented, mistake, plain, tree
from tdsp.notebooks.reading import Notebook

# One line of the notebook is one line here; a heading before each cell, an empty line behind it.
_TEMPLATE = """
{%- for cell in nb.cells -%}
# %% {{ "" if cell.cell_type == "code" else "[markdown] " }}cell {{ loop.index }}
{{ cell.source }}

{% endfor -%}"""
_WORD = re.compile(r"[^\W\d]\w*")
_AWAITS = re.compile(r"\b(?:async|await)\b")
_BINDS_ANYTHING = re.compile(r"^\s*%(?:run|pylab|load|macro|store\s+-r)\b", re.MULTILINE)


class Place(NamedTuple):
    """Where a line of the script stands in the notebook.

    Attributes:
        cell: its number, from 1, all kinds counted.
        line: its number in the cell, from 1; 0 for the heading, one more than there are for the empty line.
        shift: how many columns the text stands further right in the cell.
        own: whether the text is the author's Python, not written by the conversion.
        leads: whether only imports stand before it in its cell.
        ends: whether it belongs to the last statement of its cell.
        shown: whether that is an expression, which Jupyter displays.
        at_top: whether it stands outside every function, where Jupyter can await.
    """

    cell: int
    line: int
    shift: int = 0
    own: bool = False
    leads: bool = False
    ends: bool = False
    shown: bool = False
    at_top: bool = True


@dataclass(frozen=True)
class Script:
    """A notebook as Python.

    Attributes:
        notebook: where it comes from.
        text: the script.
        places: one for each line.
        mistakes: the cells that are no Python; they are comments in the script.
        words: what could be a name in the lines that are not the author's Python, so used or set there.
        binds_anything: whether such a line may set names that stand nowhere (`%run other.py`).
    """

    notebook: Notebook
    text: str = field(repr=False)
    places: list[Place] = field(repr=False)
    mistakes: list[Finding]
    words: frozenset[str] = field(repr=False)
    binds_anything: bool

    @cached_property
    def lines(self) -> list[str]:
        """Those of the text, one for each place."""
        return self.text.split("\n")


def convert(notebooks: Iterable[Notebook]) -> list[Script]:
    """Return the scripts of the notebooks that speak Python, in one go."""
    from nbconvert import PythonExporter

    exporter = PythonExporter(default_preprocessors=[])  # each would validate the notebook again
    exporter.raw_template = _TEMPLATE
    return [_convert(notebook, exporter) for notebook in notebooks if notebook.is_python]


def _convert(notebook: Notebook, exporter: Any) -> Script:
    cells, places, mistakes, foreign = [], [], [], []
    for number, (kind, source) in enumerate(notebook.sources, 1):
        if kind == "code":
            lines = plain(source)
            if error := mistake(lines):
                mistakes.append(_no_python(notebook, number, error, lines))
                lines = commented(source)
            foreign += [line.original for line in lines if not line.own]
        else:
            lines = commented(source)
        text = "\n".join(line.text for line in lines)
        cells.append({"cell_type": kind, "id": str(number), "metadata": {}, "source": text})
        places += _places(number, lines)
    text, _ = exporter.from_notebook_node(_bare(cells))
    places.append(Place(len(cells), 0))  # behind the last line end
    magic = "\n".join(foreign)
    words = frozenset(_WORD.findall(magic))
    return Script(notebook, text, places, mistakes, words, bool(_BINDS_ANYTHING.search(magic)))


def _bare(cells: list[dict[str, Any]]) -> Any:
    """Return a notebook of these cells that nbconvert need not copy (it does so three times): nobody else has it."""
    from nbformat import NotebookNode

    class Bare(NotebookNode):
        def __deepcopy__(self, memo: Any) -> Bare:
            return self

    return Bare(cells=[NotebookNode(cell) for cell in cells], metadata=NotebookNode(), nbformat=4, nbformat_minor=5)


def _places(cell: int, lines: list[Line]) -> Iterator[Place]:
    yield Place(cell, 0)
    facts = _Facts(tree(lines), awaits=any(_AWAITS.search(line.text) for line in lines))
    for number, line in enumerate(lines, 1):
        ends = number >= facts.ends
        top = number not in facts.inside
        yield Place(cell, number, line.shift, line.own, number <= facts.leads, ends, ends and facts.shown, top)
    yield Place(cell, len(lines) + 1)


class _Facts:
    """What the syntax tree of a cell tells about its lines (from 1).

    Attributes:
        leads: the last line before which there are only imports.
        ends: the first line of the last statement; beyond the end if there is none.
        shown: whether that is an expression.
        inside: the lines of functions, where something awaits.
    """

    def __init__(self, module: ast.Module, awaits: bool) -> None:
        end = 1 << 30
        nodes = ast.walk(module) if awaits else ()
        code = [node for node in module.body if not _is_import(node) and not _is_magic(node)]
        docstring = bool(code) and code[0] is module.body[0] and ast.get_docstring(module) is not None
        other = code[1:] if docstring else code
        self.leads = other[0].lineno - 1 if other else end
        last = module.body[-1] if module.body else None
        self.ends = last.lineno if last else end
        self.shown = isinstance(last, ast.Expr)
        functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.Lambda))
        self.inside = {line for node in functions for line in range(node.lineno, node.end_lineno + 1)}


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _is_magic(node: ast.stmt) -> bool:
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    called = node.value.func  # `get_ipython().….…`
    while isinstance(called, ast.Attribute | ast.Call):
        called = called.value if isinstance(called, ast.Attribute) else called.func
    return isinstance(called, ast.Name) and called.id == "get_ipython"


def _no_python(notebook: Notebook, cell: int, error: SyntaxError, lines: list[Line]) -> Finding:
    line = min(error.lineno or 1, len(lines))
    column = (error.offset or 1) + lines[line - 1].shift
    return Finding(notebook.path, cell, line, max(column, 1), "invalid-syntax", error.msg)
