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
import sys

CHANGES = {"install", "uninstall", "download", "wheel", "sync", "create", "update", "upgrade", "remove"}
words = [word for word in sys.argv[1:] if not word.startswith("-")]
if CHANGES.intersection(words[:2]):
    name = os.environ.get("TDSP_GUARDED", "pip")
    said = " ".join([name, *sys.argv[1:]])
    print(f"[tdsp] not run here: {said} (the project's environment stands for the step's)")
    sys.exit(0)
guard = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [place for place in sys.path if os.path.abspath(place) != guard]
for module in [name for name in sys.modules if name == "pip" or name.startswith("pip.")]:
    del sys.modules[module]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
'''
_COMMANDS = ("pip", "pip3", "conda", "mamba", "micromamba", "uv")


def write(folder: Path) -> Path:
    """Make the guard in `folder`, once, and return it; see `variables.clean` for how it comes first."""
    mark = folder / "python" / "pip" / "__main__.py"
    if mark.is_file() and mark.read_text(encoding="utf-8") == _PIP and _for_this_python(folder):
        return folder
    for name in _COMMANDS:
        program = folder / "bin" / name
        files.write_text(program, f'#!/bin/sh\nTDSP_GUARDED={name} exec "{sys.executable}" -m pip "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    files.write_text(folder / "python" / "pip" / "__init__.py", "")
    files.write_text(mark, _PIP)
    return folder


def _for_this_python(folder: Path) -> bool:
    try:
        return sys.executable in (folder / "bin" / "pip").read_text(encoding="utf-8")
    except OSError:
        return False
