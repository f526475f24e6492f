"""A component takes along what its step imports: no less, and no more, or other edits would rerun it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from science import store

SOURCE = Path(__file__).parents[1] / "src"
COMPONENTS = sorted((SOURCE.parent / "pipelines" / "components").glob("*.yml"))


def imported(file: Path) -> set[str]:
    """Return the modules of this project that a file imports, also inside functions, as `package.module`."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in ("science", "tdsp"):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("science", "tdsp") and "." in name}


def closure(module: str) -> set[Path]:
    """Return the files that a module needs, itself included."""
    files, waiting = set(), [module]
    while waiting:
        file = SOURCE.joinpath(*waiting.pop().split(".")).with_suffix(".py")
        if file not in files:
            files.add(file)
            waiting += imported(file)
    return files


def parts(component: Path) -> tuple[str, set[Path], Path]:
    """Return the module a component runs, the files it takes along, and its snapshot folder."""
    content = yaml.safe_load(component.read_text(encoding="utf-8"))
    module = re.search(r"python -m ([\w.]+)", content["command"]).group(1)
    files = {(component.parent / name).resolve() for name in content["additional_includes"]}
    return module, files, component.parent / content["code"]


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda file: file.stem)
def test_a_component_takes_along_what_its_step_imports(component):
    module, files, _ = parts(component)
    assert {file.name for file in files} == {file.name for file in closure(module)}
    assert files == {file.resolve() for file in closure(module)}


STARTS = """
import importlib, os, sys

for line in sys.stdin.read().splitlines():
    module, place = line.split(" ", 1)
    os.chdir(place)
    sys.path[0] = place
    for name in [name for name in sys.modules if name.split(".")[0] in ("science", "tdsp")]:
        del sys.modules[name]
    print(importlib.import_module(module).__file__)
"""


def test_each_step_starts_in_its_snapshot(tmp_path):
    """In one process, because the packages that steps import take seconds."""
    places = {}
    for component in COMPONENTS:
        module, files, snapshot = parts(component)
        places[module] = shutil.copytree(snapshot, tmp_path / component.stem)
        for file in files:
            shutil.copy(file, places[module])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    lines = "\n".join(f"{module} {place}" for module, place in places.items())
    command = [sys.executable, "-c", STARTS]
    done = subprocess.run(command, cwd=tmp_path, env=environment, input=lines, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [Path(line).parent for line in done.stdout.splitlines()] == list(places.values())


def test_the_model_takes_along_what_its_features_import():
    assert store.code_files() == closure("science.features")


def test_what_features_import_goes_along_wherever_it_is_imported(tmp_path, monkeypatch):
    (tmp_path / "store.py").touch()
    (tmp_path / "features.py").write_text("import math\nfrom science.ratios import ratio\nfrom science import dates\n")
    (tmp_path / "ratios.py").write_text("def ratio():\n    import science.zero\n")
    (tmp_path / "dates.py").write_text("import science.features\n")
    (tmp_path / "zero.py").touch()
    monkeypatch.setattr(store, "__file__", str(tmp_path / "store.py"))
    assert {file.name for file in store.code_files()} == {"features.py", "ratios.py", "dates.py", "zero.py"}


def test_the_check_sees_imports_inside_functions(tmp_path):
    file = tmp_path / "step.py"
    file.write_text(
        "def f():\n    from science import data\n    import science.split\n    from tdsp.gate import judge\n"
    )
    assert imported(file) == {"science.data", "science.split", "tdsp.gate"}
