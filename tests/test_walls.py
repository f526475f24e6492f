"""The walls of the design: who may import whom. Read from the source, so that a lazy import counts too."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "{{cookiecutter.project_slug}}" / "src"
FACTS = {
    "automation",
    "editing",
    "errors",
    "files",
    "predictions",
    "project",
    "registry_azure",  # a workspace's models: both the registry and the deployments need them
    "shell",
    "tables",
    "tracking",
    "lineage",
    "wording",
}  # what every capability may use
JOINING = {"cli", "register", "__init__"}  # the command line and the register step put capabilities together
HEAVY = {
    "azure",
    "fairlearn",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "pandera",
    "scipy",
    "skops",
    "sklearn",
}


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module of a file, and whether importing the file imports it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    at_import = {id(node) for statement in tree.body for node in _run_at_import(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in at_import
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import; snapshots need absolute ones"
            yield node.module, id(node) in at_import
            for alias in node.names:  # `from tdsp import registry` imports a module too
                yield f"{node.module}.{alias.name}", id(node) in at_import


def _run_at_import(statement: ast.stmt) -> Iterator[ast.AST]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if isinstance(statement, ast.If) and ast.unparse(statement.test) in {
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    }:
        return
    yield statement
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield from _run_at_import(child)


def modules(package: str) -> list[Path]:
    return sorted((SOURCE / package).rglob("*.py"))


def room(module: str) -> str:
    """`tdsp.engine.store` -> `engine`."""
    return module.split(".")[1]


def violations(file: Path, forbidden) -> list[str]:
    return [name for name, _ in imports(file) if forbidden(name)]


def own_room(file: Path) -> str:
    return file.relative_to(SOURCE / "tdsp").parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", modules("science"), ids=str)
def test_science_never_imports_the_process(file):
    assert not violations(file, lambda name: name.split(".")[0] == "tdsp")


@pytest.mark.parametrize("file", modules("tdsp"), ids=str)
def test_the_process_never_imports_science(file):
    assert not violations(file, lambda name: name.split(".")[0] == "science")


@pytest.mark.parametrize("file", [f for f in modules("tdsp") if own_room(f) not in FACTS | JOINING], ids=str)
def test_capabilities_do_not_know_each_other(file):
    mine = own_room(file)

    def crosses(name: str) -> bool:
        return name.startswith("tdsp.") and room(name) not in FACTS | {mine}

    assert not violations(file, crosses)


@pytest.mark.parametrize("file", [f for f in modules("tdsp") if own_room(f) in FACTS], ids=str)
def test_facts_know_no_capability(file):
    assert not violations(file, lambda name: name.startswith("tdsp.") and room(name) not in FACTS)


@pytest.mark.parametrize(
    ("name", "known"),
    [("errors", set()), ("project", {"errors"}), ("register", FACTS | {"gate", "registry"})],
)
def test_some_rooms_know_even_less(name, known):
    (file,) = [file for file in modules("tdsp") if own_room(file) == name]
    assert not violations(file, lambda name: name.startswith("tdsp.") and room(name) not in known)


def test_the_science_runs_where_the_process_was_deleted(baked, tmp_path):
    project = shutil.copytree(baked("the defaults").root, tmp_path / "project")
    shutil.rmtree(project / "src" / "tdsp")
    environment = os.environ | {"PYTHONPATH": str(project / "src"), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/m.db"}
    for words in (
        "science.sample diabetes data/raw/diabetes.csv",
        "science.prepare --raw data/raw --schema data/schema.yml --facts project.yml --split s --quality q",
        "science.train --split s --model m --baselines b",
        "science.evaluate --split s --model m --baselines b --champion pipelines/no-champion --evaluation e",
    ):
        command = [sys.executable, "-m", *words.split()]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    assert (project / "e" / "metrics.json").is_file()
    assert "No module named 'tdsp'" in _import(project, "tdsp"), "another tdsp was there all along"


def _import(project: Path, name: str) -> str:
    command = [sys.executable, "-c", f"import {name}.cli"]
    environment = os.environ | {"PYTHONPATH": str(project / "src")}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True).stderr


@pytest.mark.parametrize("file", modules("tdsp"), ids=str)
def test_nothing_heavy_is_imported_before_a_command_needs_it(file):
    heavy = [name for name, at_import in imports(file) if at_import and name.split(".")[0] in HEAVY]
    assert not heavy


def test_the_walls_notice_a_hole(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import pandas\ndef f():\n    from science import metrics\n    import tdsp.engine.store\n")
    found = dict(imports(broken))
    assert found["pandas"] is True
    assert found["science.metrics"] is False
    assert room("tdsp.engine.store") == "engine"
