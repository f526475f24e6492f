"""Keeps installers in a step from changing the user's environment.

In Azure ML a step installs into its own container. Here every step shares one environment, and two installations at
once can wreck it. So `pip`, `conda`, `uv` and their like say what they would have done, and do nothing; a package that
is really missing shows itself one line later. Commands that only look (`pip list`) work as ever.

Three belts, for the ways to call one: programs that come first on `PATH`; packages that come first on `PYTHONPATH`, for
`python -m pip`; and variables that the installers themselves read, for `python -I -m pip`, a path of one's own and
`import pip`. Options that make an installer forget its variables (`pip --isolated`, `uv --no-config`) together with a
path of one's own get past all three: the guard is against mishaps, not against a step that means harm.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tdsp.engine.store import digests

_PROGRAMS = (
    *("pip", "pip3", *(f"pip3.{minor}" for minor in range(10, 16))),
    *("conda", "mamba", "micromamba", "uv", "uvx", "pipx", "poetry"),
)
_PACKAGES = ("pip", "uv", "pipx", "poetry", "conda", "ensurepip")


def write(folder: Path) -> Path:
    """Make the guard in a folder of `folder`, once, and return that; see `variables` for how it comes to a step."""
    sources = Path(__file__).with_name("guard")
    program = (sources / "program.py").read_text(encoding="utf-8")
    package = (sources / "package.py").read_text(encoding="utf-8")
    place = folder / digests.of_text(f"{folder}\n{__file__}\n{sys.executable}\n{program}\n{package}")[:12]
    if place.is_dir():
        return place
    import shutil  # the first time only

    aside = folder / f".{os.urandom(16).hex()}"
    try:
        start = f'#!/bin/sh\nexec "{sys.executable}" -I "{place / "program.py"}"'
        _write(aside / "program.py", program)
        _write(aside / "pip-runner", f'{start} pip-runner "$@"\n')
        for name in _PROGRAMS:
            _write(aside / "bin" / name, f'{start} {name} "$@"\n')
        for name in _PACKAGES:
            _write(aside / "python" / name / "__init__.py", package)
            _write(aside / "python" / name / "__main__.py", program)
        _write(aside / "uv.toml", 'required-version = "==0.0.0"  # a uv that passes the guard refuses itself\n')
        _rename(aside, place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return place


def variables(folder: Path) -> dict[str, str]:
    """Return what lets the guard in `folder` come first; `PATH` and `PYTHONPATH` to be put before others."""
    return {
        "PATH": str(folder / "bin"),
        "PYTHONPATH": str(folder / "python"),
        "PIP_PYTHON": str(folder / "pip-runner"),  # pip hands all it is asked over to this
        "UV_CONFIG_FILE": str(folder / "uv.toml"),
        "CONDA_DRY_RUN": "true",
    }


def _rename(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # else another engine was first, with the same
            raise


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
