"""The type checker finds nothing in a generated project, and would find something."""

import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def mypy(folder, cache):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(cache)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_types_of_a_generated_project_are_right_and_a_wrong_one_is_found(generated, tmp_path):
    project = shutil.copytree(generated, tmp_path / "project")
    found = mypy(project, tmp_path / "cache")
    assert found.returncode == 0, found.stdout
    file = project / "src" / "science" / "metrics.py"
    file.write_text(file.read_text(encoding="utf-8") + "\n\nLIMIT: int = 'five'\n", encoding="utf-8")
    assert "src/science/metrics.py" in mypy(project, tmp_path / "cache").stdout
