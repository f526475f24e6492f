"""The first edit that a new project invites: a feature of one's own, from a module of one's own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = '    # if {"s1", "s3"} <= types.keys():\n    #     columns.append((nw.col("s1") / nw.col("s3"))'
MINE = '    if {"s1", "s3"} <= types.keys():\n        columns.append(ratio(nw.col("s1"), nw.col("s3"))'
TESTS = ("test_champion.py", "test_features.py", "test_model.py")


@pytest.mark.slow
def test_a_project_with_a_feature_of_its_own_passes_its_tests(baked, tmp_path):
    project = shutil.copytree(baked("the defaults").root, tmp_path / "project", ignore=shutil.ignore_patterns(".git"))
    file = project / "src" / "science" / "features.py"
    text = file.read_text(encoding="utf-8")
    assert EXAMPLE in text
    text = text.replace(EXAMPLE, MINE)
    text = text.replace("\nNUMBERS", "\nfrom science.ratios import ratio\n\nNUMBERS", 1)
    file.write_text(text, encoding="utf-8")
    file.with_name("ratios.py").write_text("def ratio(above, below):\n    return above / below\n", encoding="utf-8")
    tests = [str(project / "tests" / name) for name in TESTS]
    kept_out = ("PYTEST_", "TDSP_", "MLFLOW_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(kept_out)}
    alone = ["-q", "-n0", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "t")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *alone, *tests],
        cwd=project,
        env=variables | {"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    (trained,) = Path(tmp_path / "t" / "study-diabetes").glob("model/training.json")
    assert "cholesterol_ratio" in trained.read_text()
    assert (trained.parent / "code" / "science" / "ratios.py").is_file()
