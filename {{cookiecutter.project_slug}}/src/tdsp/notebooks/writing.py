"""Write scripts as files."""

from __future__ import annotations

from pathlib import Path

from tdsp import files
from tdsp.errors import WrongInput
from tdsp.notebooks.script import Script


def write(scripts: list[Script], folder: Path) -> list[Path]:
    """Write each script below `folder`, in the folders that its notebook had below the one that was named.

    Raises:
        WrongInput: two notebooks would become the same file; nothing is written.
    """
    planned: dict[Path, Script] = {}
    for script in scripts:
        file = folder / script.notebook.path.relative_to(script.notebook.base).with_suffix(".py")
        if file in planned:
            both = f"{planned[file].notebook.path} and {script.notebook.path}"
            raise WrongInput(f"{both} would both become {file}: name a folder above them")
        planned[file] = script
    for file, script in planned.items():
        files.write_text(file, script.text)
    return list(planned)
