"""MLflow runs of a pipeline and of its steps."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tdsp.engine.mlflow_runs import KNOWN_SCHEMAS, Runs

LOGGING = """\
import mlflow
with mlflow.start_run():
    mlflow.log_metric('m', 3)
    mlflow.log_text('hi', 'a.txt')
"""


@pytest.mark.slow
def test_the_installed_mlflow_makes_a_known_schema(empty_store: Path):
    version = sqlite3.connect(empty_store).execute("SELECT version_num FROM alembic_version").fetchone()[0]
    assert version in KNOWN_SCHEMAS


@pytest.mark.slow
def test_inserted_runs_are_those_of_the_client(uri: str, monkeypatch):
    from mlflow import MlflowClient
    from tdsp.engine import mlflow_runs

    found = []
    for known in (KNOWN_SCHEMAS, {}):
        monkeypatch.setattr(mlflow_runs, "KNOWN_SCHEMAS", known)
        runs = Runs(uri, "mine", "pipe", "p.yml")
        child = runs.start("step", "first run")
        runs.end(child, "FINISHED")
        runs.end(runs.parent, "FAILED")
        client = MlflowClient(uri)
        parent, run = client.get_run(runs.parent), client.get_run(child)
        assert run.data.tags["mlflow.parentRunId"] == runs.parent
        found.append(
            [
                (
                    item.info.run_name,
                    item.info.status,
                    item.info.experiment_id,
                    sorted(item.data.tags),
                    item.info.artifact_uri.replace(item.info.run_id, "ID"),
                    item.info.lifecycle_stage,
                    item.info.end_time > 0,
                )
                for item in (parent, run)
            ]
        )
    assert found[0] == found[1]
    assert type(runs._backend).__name__ == "_Client"


@pytest.mark.slow
def test_a_step_resumes_its_own_run_and_logs_there(bench, uri: str):
    from mlflow import MlflowClient

    bench.write({"src/s.py": LOGGING})
    bench.pipeline(
        {"a": {"command": "python s.py", "code": "./src"}, "bad": "exit 1"},
        experiment_name="mine",
        settings={"continue_on_step_failure": True},
    )
    result = bench.run(tracking_uri=uri)
    client = MlflowClient(uri)
    run = client.get_run(result.steps["a"].mlflow_run_id)
    assert run.data.metrics == {"m": 3}
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["a.txt"]
    everything = client.search_runs([run.info.experiment_id])
    assert len(everything) == 3
    assert {item.info.run_name: item.info.status for item in everything} == {
        "pipeline": "FAILED",
        "a": "FINISHED",
        "bad": "FAILED",
    }
    assert client.get_experiment(run.info.experiment_id).name == "mine"
    assert (
        bench.run(tracking_uri=uri).steps["a"].mlflow_run_id == run.info.run_id
    )  # a reused step names the run that made it
