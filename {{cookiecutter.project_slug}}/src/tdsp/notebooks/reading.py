"""Find notebooks and read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tdsp.errors import WrongInput

SUFFIX = ".ipynb"
KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True)
class Notebook:
    """A notebook as it lies on the disk.

    Attributes:
        path: the file, as the user named it.
        content: its JSON.
        base: the folder that was searched; the folder of the file when it was named itself.
    """

    path: Path
    content: dict[str, Any] = field(repr=False)
    base: Path

    @property
    def sources(self) -> list[tuple[str, str]]:
        """Kind and source of each cell, lines ending in a line feed."""
        return [(cell["cell_type"], "".join(cell["source"]).replace("\r\n", "\n")) for cell in self.content["cells"]]

    @cached_property
    def node(self) -> Any:
        """What nbformat makes of it."""
        from nbformat import v4

        return v4.to_notebook(self.content)

    @property
    def is_python(self) -> bool:
        """Whether its kernel speaks Python; a notebook that does not say is taken for one that does."""
        about = self.content["metadata"]
        names = about.get("kernelspec", {}).get("language"), about.get("language_info", {}).get("name")
        return next(filter(None, names), "python").lower() in {"python", "ipython"}


def read_all(paths: list[Path]) -> list[Notebook]:
    """Return the notebooks among `paths` and in the folders among them, each once, in order.

    Raises:
        WrongInput: one line for each path that does not exist and each file that is no notebook.
    """
    found: dict[Path, Notebook] = {}
    wrong = []
    for given in paths:
        try:
            files = sorted(_below(given)) if given.is_dir() else [given]
            for file in files:
                if file.resolve() not in found:
                    found[file.resolve()] = read(file, given if given.is_dir() else file.parent)
        except WrongInput as error:
            wrong.append(str(error))
    if wrong:
        raise WrongInput("\n".join(wrong))
    return list(found.values())


def _below(folder: Path) -> Iterator[Path]:
    """Yield the notebooks below a folder, without hidden places: checkpoints, virtual environments."""
    for path in folder.rglob(f"*{SUFFIX}"):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def read(path: Path, base: Path) -> Notebook:
    """Read one notebook.

    Raises:
        WrongInput: it cannot be read, or is no notebook; one line.
    """
    try:
        text = path.read_bytes().decode()
        content = json.loads(text)
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}") from None
    except UnicodeError:
        raise WrongInput(f"{path}: not UTF-8 text, so not a notebook") from None
    except (ValueError, RecursionError) as error:
        reason = "empty" if not text.strip() else f"not JSON: {error}"
        raise WrongInput(f"{path}: {reason}, so not a notebook") from None
    if trouble := _trouble(content):
        raise WrongInput(f"{path}: not a notebook: {trouble}")
    return Notebook(path, content, base)


def _trouble(content: Any) -> str | None:
    """Return why `content` is no notebook, if so: what Jupyter could not open either."""
    if not isinstance(content, dict):
        return "the JSON is not an object"
    version = content.get("nbformat")
    if version != 4:
        said = "no nbformat" if version is None else f"nbformat {version!r}"
        return f"{said}; save it in a current Jupyter, which writes 4"
    cells = content.get("cells")
    if not isinstance(cells, list):
        return "no list of cells"
    if not isinstance(content.get("metadata"), dict):
        return "no metadata"
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in KINDS:
            return f"cell {number} has none of the types {', '.join(KINDS)}"
        lines = cell.get("source")
        if not isinstance(lines, str) and not (
            isinstance(lines, list) and all(isinstance(line, str) for line in lines)
        ):
            return f"cell {number} has no source"
        if cell["cell_type"] == "code" and not isinstance(cell.get("outputs"), list):
            return f"cell {number} has no list of outputs"
    return None
