"""The generated project's own pipeline: it gets what the engine promises to plain pipelines."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from tdsp import engine, lineage

from tests.engine.watching import SRC


@pytest.mark.slow
def test_every_step_of_the_template_is_forked(baked, tmp_path, uri: str, forked: list[int]):
    root = tmp_path / "project"
    shutil.copytree(baked("the defaults").root, root)
    variables = {**os.environ, "PYTHONPATH": str(SRC)}
    data = root / "data" / "raw" / "diabetes.csv"
    subprocess.run([sys.executable, "-m", "science.sample", "diabetes", str(data)], env=variables, check=True)
    told = {"jobs.register.environment_variables": lineage.of(root).environment()}  # as `tdsp run` sets them
    options = engine.Options(tracking_uri=uri, warm=True)
    result = engine.run(root / "pipelines" / "train.yml", home=root / ".tdsp", overrides=told, options=options)
    assert result.ok, {name: (step.reason, step.tail) for name, step in result.steps.items()}
    assert len(forked) == len(result.steps) == 4
