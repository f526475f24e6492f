"""`tdsp --help` answers at once, because it imports nothing heavy. Imports are counted, not seconds."""

import os
import re
import subprocess
import sys

import pytest

HEAVY = {
    "azure",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "scipy",
    "skops",
    "sklearn",
}


def imported(*arguments, root):
    """The top-level packages that a Python process imports."""
    source = str(root / "{{cookiecutter.project_slug}}" / "src")
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return {name.split(".")[0] for name in re.findall(r"\|\s+([\w.]+)$", result.stderr, re.MULTILINE)}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["data", "--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(root, arguments):
    packages = imported("-c", "from tdsp.cli import main; main()", *arguments, root=root)
    assert "typer" in packages
    assert not packages & HEAVY


def test_a_heavy_import_would_be_noticed(root):
    assert "numpy" in imported("-c", "import numpy", root=root) & HEAVY
