"""What a step finds around it: variables, Python, programs that would install."""

from __future__ import annotations

import sys
from pathlib import Path


def test_secrets_of_the_shell_stay_out(bench, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    bench.pipeline({"a": {"command": "env", "environment_variables": {"LEVEL": "high"}}})
    log = bench.log(bench.run(), "a")
    assert "hush" not in log
    assert "/somewhere" not in log
    assert "LEVEL=high" in log
    assert "AZUREML_RUN_ID" not in log


def test_documented_variables_are_there(bench):
    (bench.folder / "d").mkdir()
    bench.pipeline(
        {
            "a": {
                "command": "echo $AZURE_ML_INPUT_d $AZUREML_CR_NODE_RANK && touch $AZURE_ML_OUTPUT_o/x",
                "inputs": {"d": {"type": "uri_folder", "path": "./d"}},
                "outputs": {"o": None},
            }
        }
    )
    result = bench.run()
    assert bench.log(result, "a") == f"{bench.folder / 'd'} 0\n"
    assert (Path(result.steps["a"].outputs["o"]) / "x").exists()


def test_python_is_the_one_that_runs_the_engine(bench):
    bench.pipeline({"a": "python -c 'import sys; print(sys.executable)'"})
    assert bench.log(bench.run(), "a").strip() == sys.executable
