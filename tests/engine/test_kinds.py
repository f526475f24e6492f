"""Sweep, parallel, distributed and warm steps, and MLflow runs."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from tdsp.engine.executor.processes import Processes
from tdsp.engine.mlflow_runs import KNOWN_SCHEMAS, Runs
from tdsp.engine.warm import client as fork

# the code of steps

LOGGING = """\
import mlflow
with mlflow.start_run():
    mlflow.log_metric('m', 3)
    mlflow.log_text('hi', 'a.txt')
"""

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

SUMS = """\
def init(): pass
def run(frame, context):
    return [(context.partition_key_value['k'], int(frame.v.sum()))]
"""

THREADED = """\
import threading, time
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
"""


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"


# MLflow


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


# sweep


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


# parallel

ENTRY = """
import argparse, os, time
def init():
    global arguments
    parser = argparse.ArgumentParser()
    parser.add_argument("--mark")
    arguments, _ = parser.parse_known_args()
def run(batch, context):
    rows = []
    for path in batch:
        text = open(path).read()
        if text == "bad": raise ValueError("bad file")
        if text == "slow": time.sleep(30)
        if text == "die": os._exit(7)
        rows.append(f"{arguments.mark} {os.path.basename(path)} {text}")
    return rows
def shutdown():
    print("shut down")
"""


def batches(bench, contents: dict[str, str], **extra):
    bench.write({"src/entry.py": ENTRY, **{f"raw/{name}": text for name, text in contents.items()}})
    (bench.folder / "raw").mkdir(exist_ok=True)
    bench.pipeline(
        {
            "p": {
                "type": "parallel",
                "inputs": {"d": {"type": "uri_folder", "path": "./raw"}},
                "outputs": {"rows": {"type": "uri_file"}},
                "input_data": "${{inputs.d}}",
                "mini_batch_size": "2",
                "retry_settings": {"max_retries": 1, "timeout": 1},
                "task": {
                    "type": "run_function",
                    "code": "./src",
                    "entry_script": "entry.py",
                    "environment": {"image": "x"},
                    "program_arguments": "--mark m",
                    "append_row_to": "${{outputs.rows}}",
                },
                **extra,
            }
        }
    )


def test_mini_batches_are_run_and_their_rows_joined(bench):
    batches(bench, {f"{number}.txt": str(number) for number in range(5)}, max_concurrency_per_instance=2)
    result = bench.run()
    rows = Path(result.steps["p"].outputs["rows"]).read_text().splitlines()
    assert rows == [f"m {number}.txt {number}" for number in range(5)]
    assert "3 mini-batches, 0 failed, 5 rows" in bench.log(result, "p")
    assert "shut down" in bench.log(result, "p")


@pytest.mark.parametrize("trouble", ["bad", "slow", "die"])
@pytest.mark.parametrize(("threshold", "state"), [(0, "failed"), (1, "ok")])
def test_failed_mini_batches_count_against_the_threshold(bench, trouble: str, threshold: int, state: str):
    batches(bench, {"a": "1", "b": "2", "c": trouble}, mini_batch_error_threshold=threshold)
    result = bench.run()
    assert bench.states(result) == {"p": state}
    assert "mini-batch 1, attempt 2" in bench.log(result, "p")


POOLED = """
import math
from concurrent.futures import ProcessPoolExecutor
def run(batch):
    with ProcessPoolExecutor(1) as pool:
        return list(pool.map(math.sqrt, [4 for _ in batch]))
"""


def test_an_entry_script_may_start_processes(bench):
    batches(bench, {"a": "1", "b": "2"}, retry_settings={"max_retries": 0, "timeout": 30})
    bench.write({"src/entry.py": POOLED})
    assert Path(bench.run().steps["p"].outputs["rows"]).read_text() == "2.0\n2.0\n"


def test_an_entry_script_that_cannot_start_fails_at_once(bench):
    batches(bench, {str(number): "1" for number in range(4)}, max_concurrency_per_instance=2)
    bench.write({"src/entry.py": "raise ValueError"})
    result = bench.run()
    assert (result.steps["p"].state, result.steps["p"].seconds < 10) == ("failed", True)


def test_items_without_a_result_count_against_the_error_threshold(bench):
    batches(bench, {"a": "1", "b": "2", "c": "bad"}, error_threshold=0)
    assert bench.states(bench.run()) == {"p": "failed"}


def test_no_mini_batches_are_a_failure(bench):
    batches(bench, {})
    result = bench.run()
    assert bench.states(result) == {"p": "failed"}
    assert "no mini-batches" in bench.log(result, "p")


def test_a_table_is_cut_by_its_partition_keys(bench):
    batches(
        bench,
        {
            "t.csv": "k,v\na,1\nb,2\na,3\n",
            "MLTable": "paths:\n  - file: ./t.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n",
        },
        partition_keys=["k"],
    )
    bench.write({"src/entry.py": SUMS})
    text = bench.file.read_text().replace(
        "type: uri_folder\n          path: ./raw", "type: mltable\n          path: ./raw"
    )
    bench.file.write_text(text)
    assert Path(bench.run().steps["p"].outputs["rows"]).read_text() == "a 4\nb 2\n"


# distribution


@pytest.mark.parametrize(
    ("how", "command", "expected"),
    [
        (
            {"type": "pytorch", "process_count_per_instance": 1},
            "echo $RANK/$WORLD_SIZE/$NODE_RANK",
            {"0/2/0", "1/2/1"},
        ),
        (
            {"type": "mpi", "process_count_per_instance": 2},
            "echo $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_LOCAL_RANK",
            {"0/0", "1/1"},
        ),
    ],
)
def test_ranks_of_all_nodes_run_here(bench, how, command, expected):
    nodes = 1 if how["type"] == "mpi" else 2
    bench.pipeline({"a": {"command": command, "distribution": how, "resources": {"instance_count": nodes}}})
    assert set(bench.log(bench.run(), "a").split()) == expected


def test_tensorflow_gets_its_cluster(bench):
    bench.pipeline({"a": {"command": "echo $TF_CONFIG", "distribution": {"type": "tensorflow", "worker_count": 2}}})
    configs = [json.loads(line) for line in bench.log(bench.run(), "a").splitlines()]
    assert sorted(config["task"]["index"] for config in configs) == [0, 1]
    assert len(configs[0]["cluster"]["worker"]) == 2


def test_one_failed_rank_ends_the_others(bench):
    bench.pipeline(
        {
            "a": {
                "command": "[ $RANK = 0 ] && exit 5 || sleep 60",
                "distribution": {"type": "pytorch"},
                "resources": {"instance_count": 2},
            }
        }
    )
    result = bench.run()
    assert (result.steps["a"].reason, result.steps["a"].seconds < 5) == ("exit code 5", True)


# warm start


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python a.py --x 1\n", ["a.py", "--x", "1"]),
        ("python -m pkg.mod 'a b'", ["-m", "pkg.mod", "a b"]),
        ("python a.py && ls", None),
        ("python a.py > x", None),
        ("python -c 1", None),
        ("echo", None),
        ("python a.py $HOME", None),
    ],
)
def test_only_plain_python_is_forked(command: str, words):
    assert fork.arguments(command) == words


def test_unsafe_imports_are_not_forked(tmp_path: Path):
    (tmp_path / "a.py").write_text("import json, util\nfrom sklearn.tree import x\ndef f():\n    import torch\n")
    (tmp_path / "util.py").write_text("import csv\n")
    files = {name: tmp_path / name for name in ("a.py", "util.py")}
    assert fork.imports(files) is None
    (tmp_path / "a.py").write_text("import json, util\nfrom sklearn.tree import x\n")
    assert fork.imports(files) == ["json", "sklearn.tree", "csv"]


PROBE = """
import os, random, sys, traceback
print(sys.argv, __name__, os.getcwd() == os.path.realpath(sys.path[0]), os.environ.get("AZUREML_CR_NODE_RANK"))
print("HUSH" in os.environ, __file__.endswith("probe.py"), sys.stdin.read())
"""


@pytest.fixture
def forked(monkeypatch) -> list[int]:
    """The processes that were forked, not started."""
    found, follow = [], fork.Warm._follow

    def noted(self, pid: int, *rest):
        found.append(pid)
        return follow(self, pid, *rest)

    monkeypatch.setattr(fork.Warm, "_follow", noted)
    return found


@pytest.mark.parametrize("command", ["python probe.py 1 'a b'", "python -m probe 1 'a b'"])
def test_a_forked_step_is_like_a_started_one(bench, forked, command: str):
    bench.write({"src/probe.py": PROBE})
    bench.pipeline({"a": {"command": command, "code": "./src"}, "b": {"command": f"{command} c", "code": "./src"}})
    plain = bench.log(bench.run(), "a")
    warmed = bench.log(bench.run(warm=True, workers=1, force=frozenset("*")), "a")
    assert len(forked) == 2
    # The script's path differs from run to run; all else must be the same.
    assert re.sub(r"'[^']*probe.py'", "it", plain) == re.sub(r"'[^']*probe.py'", "it", warmed)


def test_forked_steps_do_not_share_their_randomness(bench):
    bench.write({"src/r.py": "import random, sys, numpy\nprint(random.random(), numpy.random.rand())\n"})
    bench.pipeline({name: {"command": f"python r.py {name}", "code": "./src"} for name in "ab"})
    result = bench.run(warm=True)
    first, second = (bench.log(result, name).split() for name in "ab")
    assert not set(first) & set(second)


def test_a_forked_failure_has_code_traceback_and_source_path(bench):
    bench.write(
        {"src/f.py": "import sys\ndef g():\n    raise ValueError('no')\nsys.exit(3) if len(sys.argv) > 1 else g()\n"}
    )
    bench.pipeline(
        {"a": {"command": "python f.py", "code": "./src"}, "b": {"command": "python f.py 1", "code": "./src"}},
        settings={"continue_on_step_failure": True},
    )
    result = bench.run(warm=True)
    assert (result.steps["a"].reason, result.steps["b"].reason) == ("exit code 1", "exit code 3")
    tail = result.steps["a"].tail
    assert str(bench.folder / "src" / "f.py") in tail
    assert "warm" not in tail
    assert "runpy" not in tail


def test_a_failure_ends_forked_siblings(bench, forked):
    mark = bench.folder / "sleeps"
    bench.write({"src/s.py": "import sys, time\nopen(sys.argv[1], 'w').close()\ntime.sleep(60)\n"})
    bench.pipeline(
        {
            "a": {"command": f"python s.py {mark}", "code": "./src"},
            "b": f"until [ -e {mark} ]; do sleep 0.1; done; exit 1",
            "c": {"command": f"python s.py {mark} c", "code": "./src"},
        }
    )
    started = time.monotonic()
    result = bench.run(warm=True, workers=3)
    assert forked
    assert bench.states(result) == {"a": "stopped", "b": "failed", "c": "stopped"}
    assert time.monotonic() - started < 20


def test_a_module_of_the_steps_own_wins_over_one_that_is_loaded(bench):
    bench.write({"a/calendar.py": "print('mine')", "a/s.py": "import calendar", "q/s.py": "import calendar"})
    bench.pipeline({name: {"command": f"python s.py {name}", "code": f"./{name}"} for name in "aq"})
    assert bench.log(bench.run(warm=True), "a") == "mine\n"


def test_variables_that_are_read_at_the_start_count(bench):
    bench.write({"src/s.py": "import time\nprint(time.localtime(0).tm_hour)"})
    zone = {"environment_variables": {"TZ": "Asia/Tokyo"}}
    bench.pipeline({name: {"command": f"python s.py {name}", "code": "./src", **zone} for name in "ab"})
    assert bench.log(bench.run(warm=True), "a") == "9\n"


def test_a_thread_in_an_import_turns_forking_off(bench):
    site = bench.folder / "site"
    bench.write({"site/threaded_thing.py": THREADED})
    server = fork.Warm({"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}, Processes())
    server.preload(["json"])
    bench.write({"x.py": ""})
    rest = ([], bench.folder, {}, bench.folder / "log", None)
    try:
        assert server.run(["x.py"], ["json"], *rest) == 0
        assert server.run(["x.py"], ["threaded_thing"], *rest) is None
    finally:
        server.close()
