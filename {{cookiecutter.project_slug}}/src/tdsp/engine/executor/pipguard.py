"""Keeps `pip install` in a step from changing the user's environment.

In Azure ML a step installs into its own container. Here every step shares one environment, and two
installations at once can wreck it. So `pip`, `conda` and `python -m pip` say what they would have done, and
do nothing; a package that is really missing shows itself one line later. Commands that only look (`pip list`)
work as ever.
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from tdsp import files

_PIP = '''"""Stands before the real pip while a step runs."""
import os
import runpy
import shutil
import sys

CHANGES = {
    "install", "uninstall", "download", "wheel", "sync", "create", "update", "upgrade", "remove", "add", "lock",
    "inject", "uninject", "reinstall", "ensurepath", "build", "clean", "rename", "venv",
}
name = os.environ.pop("TDSP_GUARDED", "pip")
said = " ".join([name, *sys.argv[1:]])
if CHANGES.intersection(sys.argv[1:]):  # any word: an option's value may stand before the command
    print(f"[tdsp] not run here: {said} (the project's environment stands for the step's)")
    sys.exit(0)
guard = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if name in ("uv", "pipx", "poetry") and "run" in sys.argv[1:]:  # it would install first
    sys.exit(f"[tdsp] not run here: {said} (start `python` itself: it is the project's)")
if not name.startswith("pip") or name == "pipx":
    stands_in = os.path.join(os.path.dirname(guard), "bin")
    places = [place for place in os.environ["PATH"].split(os.pathsep) if os.path.abspath(place) != stands_in]
    real = shutil.which(name, path=os.pathsep.join(places))
    if real is None:
        print(f"{name}: command not found", file=sys.stderr)
        sys.exit(127)
    os.execv(real, [real, *sys.argv[1:]])
sys.path[:] = [place for place in sys.path if os.path.abspath(place) != guard]
for module in [name for name in sys.modules if name == "pip" or name.startswith("pip.")]:
    del sys.modules[module]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''
_COMMANDS = (
    *("pip", "pip3", *(f"pip3.{minor}" for minor in range(10, 16))),
    *("conda", "mamba", "micromamba", "uv", "pipx", "poetry"),
)


def write(folder: Path) -> Path:
    """Make the guard in `folder`, once, and return it; see `variables.clean` for how it comes first."""
    mark = folder / "python" / "pip" / "__main__.py"
    if mark.is_file() and mark.read_text(encoding="utf-8") == _PIP and _complete(folder):
        return folder
    for name in _COMMANDS:
        program = folder / "bin" / name
        files.write_text(program, f'#!/bin/sh\nTDSP_GUARDED={name} exec "{sys.executable}" -m pip "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    files.write_text(folder / "python" / "pip" / "__init__.py", "")
    files.write_text(mark, _PIP)
    return folder


def _complete(folder: Path) -> bool:
    try:
        return all(sys.executable in (folder / "bin" / name).read_text(encoding="utf-8") for name in _COMMANDS)
    except OSError:
        return False
