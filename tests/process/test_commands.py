"""`tdsp models`, `tdsp report` and `tdsp ui` as a user types them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from process import evidence
from tdsp import registry, tracking

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
NAME = "disease-progression"
COMMAND = [sys.executable, "-c", "from tdsp.cli import main; main()"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A project with two registered versions and a finished run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "project.yml").write_text(yaml.safe_dump(evidence.facts()), encoding="utf-8")
    shutil.copytree(PROJECT / "docs", folder / "docs")
    evidence.run_folder(folder)
    tracking.make(folder)
    uri = tracking.uri(folder)
    tags = {
        "tdsp.metric.mae": "44.04",
        "tdsp.commit": "c" * 40,
        "tdsp.dirty": "True",
        "tdsp.data_sha256": "d" * 64,
    }
    registry.register(uri, NAME, evidence.model(folder / "one", "one"), tags, None)
    registry.register(uri, NAME, evidence.model(folder / "two", "two"), {}, None)
    return folder


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return kept | {"PYTHONPATH": str(PROJECT / "src")}


def tdsp(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=root, env=environment(), capture_output=True, text=True)


def test_models_lists_versions_and_marks_the_champion(root):
    done = tdsp(root, "models")
    head, second, first, legend = done.stdout.splitlines()
    assert head.split() == ["version", "mae", "data", "commit", "registered", "started", "by"]
    assert second.startswith("v2 *")
    assert first.split()[:4] == ["v1", "44.04", "dddddddd", "cccccccc+"]
    assert legend.startswith("* champion")


def champion(root: Path) -> int | None:
    versions = json.loads(tdsp(root, "models", "--json").stdout)
    return next((version["version"] for version in versions if version["champion"]), None)


def test_a_person_may_decide_who_is_champion(root):
    went = tdsp(root, "models", "--champion", "none")
    assert (went.returncode, champion(root)) == (0, None)
    assert "before: v2" in went.stderr
    assert tdsp(root, "models", "--champion", "none").returncode == 0
    assert tdsp(root, "models", "--champion", "v1").returncode == 0
    assert champion(root) == 1
    for wrong, said in (("7", "there is no version 7"), ("best", "give the number of a version, or none")):
        refused = tdsp(root, "models", "--champion", wrong)
        assert refused.returncode == 2
        assert said in refused.stderr
    assert tdsp(root, "models", "--champion", "2").returncode == 0
    assert champion(root) == 2


@pytest.mark.parametrize(("chosen", "held"), [({}, "true"), ({"MLFLOW_DISABLE_TELEMETRY": "false"}, "false")])
def test_nothing_reports_its_use_unless_its_user_wants_that(chosen, held):
    code = "import atexit, os; atexit.register(lambda: print(os.environ['MLFLOW_DISABLE_TELEMETRY']))\n"
    variables = {name: value for name, value in environment().items() if name != "MLFLOW_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", code + COMMAND[-1], "--help"]
    done = subprocess.run(command, env=variables | chosen, capture_output=True, text=True)
    assert done.stdout.endswith(f"\n{held}\n")


def test_models_for_machines(root):
    champion, other = json.loads(tdsp(root, "models", "--json").stdout)
    assert (champion["version"], champion["champion"], other["champion"]) == (2, True, False)
    assert other["tags"]["tdsp.commit"] == "c" * 40


def test_models_reads_the_local_store_without_mlflow(root):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], "models"],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert " mlflow" not in done.stderr
    assert " sqlite3" in done.stderr


def test_models_before_the_first_run_says_what_to_do(tmp_path):
    (tmp_path / "project.yml").write_text(yaml.safe_dump(evidence.facts()), encoding="utf-8")
    assert tdsp(tmp_path, "models").stdout == f"no version of {NAME} is registered yet: uv run tdsp run\n"
    assert json.loads(tdsp(tmp_path, "models", "--json").stdout) == []


def test_report_writes_the_report_of_a_run(root):
    done = tdsp(root, "report")
    assert done.stdout.startswith("report: docs/reports/train.html\n")
    assert (root / "docs" / "reports" / "train.html").is_file()


def test_report_of_data_that_fails_names_the_two_documents_and_tells_a_pull_request(root, tmp_path):
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    evidence.broken_folder(copy)
    done = tdsp(copy, "report")
    assert done.stdout.splitlines()[1] == "documents: docs/2-data/data-report.md, docs/2-data/data-quality.md"
    done = tdsp(copy, "report", "--summary", "s.md", "--strict")
    assert (done.returncode, done.stdout) == (1, "failed: s.md\n")
    assert "| `age` | in range 0 to 120 | 12 | row 7: `130`" in (copy / "s.md").read_text(encoding="utf-8")


def test_report_of_an_unknown_run_is_wrong_input(root):
    done = tdsp(root, "report", "nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: there is no run nowhere")


def test_a_taken_port_is_told(root):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = tdsp(root, "ui", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "is taken; stop what listens there" in done.stderr


def test_with_a_server_ui_only_says_where_it_is(root):
    variables = environment() | {"MLFLOW_TRACKING_URI": "http://mlflow.example.org"}
    done = subprocess.run([*COMMAND, "ui"], cwd=root, env=variables, capture_output=True, text=True)
    assert done.stdout == "MLflow is at http://mlflow.example.org\n"


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ui_serves_mlflow_and_leaves_nothing_running(root, end):
    process = subprocess.Popen(
        [*COMMAND, "ui", "--port", "0"],
        cwd=root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = process.stdout.readline().split()[1]
    assert "experiments" in wait_for(f"{address}/api/2.0/mlflow/experiments/search?max_results=5")
    process.send_signal(end)
    assert process.wait(30) == 0
    assert process.stdout.read() == "", "MLflow's own log hides the address"
    with pytest.raises(OSError):
        urllib.request.urlopen(address, timeout=2)


def wait_for(address: str, seconds: float = 60) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(address, timeout=5).read().decode()
        time.sleep(0.3)
    raise AssertionError(f"{address} gave no answer")


def test_a_file_that_cannot_be_written_is_one_line(root, tmp_path):
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    shutil.rmtree(copy / "docs" / "reports", ignore_errors=True)
    (copy / "docs" / "reports").write_text("in the way", encoding="utf-8")
    done = tdsp(copy, "report")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
