"""Sweep steps: trials, their limits, the best of them."""

from __future__ import annotations

import json
import sqlite3

import pytest
from tdsp.engine.mlflow_runs import Runs

LOSS = """\
import sys, mlflow
x = float(sys.argv[1])
mlflow.log_metric('loss', (x - 2) ** 2)
open(sys.argv[2], 'w').write(str(x))
"""

QUICK = """\
import os, sqlite3, sys
x = float(sys.argv[1])
with sqlite3.connect(os.environ['MLFLOW_TRACKING_URI'].removeprefix('sqlite:///')) as store:
    store.execute('INSERT INTO metrics VALUES (?, ?, 0, ?, 0, 0)', ('loss', x, os.environ['MLFLOW_RUN_ID']))
"""

SCORE = """\
import sys, time, mlflow
x = float(sys.argv[1])
for step in range(3 if x == 1 else 60):
    mlflow.log_metric('score', x, step=step)
    time.sleep(0.5 if x < 1 else 0)
"""


@pytest.mark.slow
def test_a_sweep_keeps_the_best_trial(bench, uri: str):
    bench.write({"src/t.py": LOSS})
    trial = {
        "code": "./src",
        "environment": {"image": "x"},
        "command": "python t.py ${{search_space.x}} ${{outputs.best}}",
    }
    bench.pipeline(
        {
            "tune": {
                "type": "sweep",
                "trial": trial,
                "outputs": {"best": {"type": "uri_file"}},
                "sampling_algorithm": "grid",
                "search_space": {"x": {"type": "choice", "values": [1, 2, 5]}},
                "objective": {"primary_metric": "loss", "goal": "minimize"},
            },
            "use": {
                "command": "cat ${{inputs.i}}",
                "inputs": {"i": {"type": "uri_file", "path": "${{parent.jobs.tune.outputs.best}}"}},
            },
        }
    )
    result = bench.run(tracking_uri=uri)
    assert bench.log(result, "use") == "2.0"
    table = json.loads((result.folder / "artifacts" / "tune" / "outputs" / "trials.json").read_text())
    assert [(row["values"]["x"], row["loss"], row["state"]) for row in table] == [
        (1, 1.0, "ok"),
        (2, 0.0, "ok"),
        (5, 9.0, "ok"),
    ]
    assert set(bench.states(bench.run(tracking_uri=uri)).values()) == {"cached"}


@pytest.mark.slow
def test_a_sweep_ends_hopeless_trials(bench, uri: str):
    bench.write({"src/t.py": SCORE})
    bench.pipeline(
        {
            "tune": {
                "type": "sweep",
                "trial": {"code": "./src", "environment": {"image": "x"}, "command": "python t.py ${{search_space.x}}"},
                "sampling_algorithm": "grid",
                "search_space": {"x": {"type": "choice", "values": [1, 0.1]}},
                "objective": {"primary_metric": "score", "goal": "maximize"},
                "early_termination": {"type": "bandit", "slack_factor": 0.1},
            }
        }
    )
    result = bench.run(tracking_uri=uri)
    assert result.steps["tune"].seconds < 25
    table = json.loads((result.folder / "artifacts" / "tune" / "outputs" / "trials.json").read_text())
    assert [row["state"] for row in table] == ["ok", "ended early"]


def grid(command: str, values: list, **extra) -> dict:
    return {
        "type": "sweep",
        "trial": {"code": "./src", "environment": {"image": "x"}, "command": command},
        "sampling_algorithm": "grid",
        "search_space": {"x": {"type": "choice", "values": values}},
        "objective": {"primary_metric": "loss", "goal": "minimize"},
        **extra,
    }


def trials(result) -> list[dict]:
    return json.loads((result.folder / "artifacts" / "tune" / "outputs" / "trials.json").read_text())


@pytest.mark.slow
def test_a_trial_without_a_number_never_wins(bench, uri: str):
    bench.write({"src/t.py": "import sys, mlflow\nmlflow.log_metric('loss', float(sys.argv[1]))\n"})
    bench.pipeline({"tune": grid("python t.py ${{search_space.x}}", [1, "nan"])})
    result = bench.run(tracking_uri=uri)
    assert "best of 2 trials: 0 " in bench.log(result, "tune")
    assert [row["loss"] for row in trials(result)] == [1.0, None]
    histories = [Runs(uri, "", "", "").metrics(run, "loss") for (run,) in _query(uri, "SELECT run_uuid FROM metrics")]
    assert sorted(map(len, histories)) == [0, 1]


def _query(uri: str, text: str) -> list[tuple]:
    return sqlite3.connect(uri.removeprefix("sqlite:///")).execute(text).fetchall()


@pytest.mark.slow
def test_the_limit_of_a_sweep_is_one_for_all_its_trials(bench, uri: str):
    limits = {"timeout": 4, "max_concurrent_trials": 1}
    bench.write({"src/t.py": QUICK + "import time\ntime.sleep(60 if x else 0)\n"})
    command = "python t.py ${{search_space.x}}"
    bench.pipeline({"tune": grid(command, [0, 1, 2], limits=limits)})
    result = bench.run(tracking_uri=uri)
    assert result.steps["tune"].seconds < 20
    assert [row["state"] for row in trials(result)] == ["ok", "ended early", "ended early"]


@pytest.mark.slow
def test_a_sweep_without_its_metric_fails_with_the_reason(bench, uri: str):
    bench.pipeline(
        {
            "tune": {
                "type": "sweep",
                "trial": {"environment": {"image": "x"}, "command": "echo ${{search_space.x}}"},
                "sampling_algorithm": "grid",
                "search_space": {"x": {"type": "choice", "values": [1]}},
                "objective": {"primary_metric": "loss", "goal": "minimize"},
            }
        }
    )
    assert "logged 'loss'" in bench.run(tracking_uri=uri).steps["tune"].reason
