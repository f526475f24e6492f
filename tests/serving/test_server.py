"""The life of a server: it starts, says why when it cannot, and nothing of it outlives whoever started it."""

import http.client
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from tdsp.errors import TdspError, WrongInput
from tdsp.serving import check as serving_check
from tdsp.serving import server as serving
from tdsp.serving.client import predict, predict_all, read_csv, send

SRC = Path(serving.__file__).parents[2]
SCORING = SRC.parent / "scoring"


def processes_of(port: int) -> list[str]:
    """Return the command lines of this machine's processes that serve at `port`."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if line.endswith(f"--port {port}")]


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_every_answer_is_as_it_should_be(project, models, task):
    cases = serving_check.cases_for(models / task, models / task / "sample-request.json", SCORING)
    with serving.running(project, models / task) as server:
        results = list(serving_check.check(server.score, cases))
    assert len(results) > 20
    assert [(result.name, result.problem) for result in results if result.problem] == []


def test_only_this_machine_is_answered(project, models):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # sends nothing: only picks an interface
        probe.connect(("192.0.2.1", 9))
        outside = probe.getsockname()[0]
    with serving.running(project, models / "regression") as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert outside != "127.0.0.1"
        with socket.socket() as caller:
            assert caller.connect_ex((outside, port)) != 0
            assert socket.create_connection(("127.0.0.1", port), 5).close() is None


def test_a_server_that_ends_by_itself_is_reported(project, models):
    with serving.running(project, models / "regression") as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert processes_of(port)
        os.killpg(server.process.pid, signal.SIGKILL)
        with pytest.raises(TdspError, match="the server stopped; its log"):
            server.wait()
    assert processes_of(port) == []


def test_a_killed_starter_leaves_nothing_behind(project, models):
    code = (
        "import sys, time, pathlib; from tdsp.serving import server as serving\n"
        "with serving.running(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])) as server:\n"
        "    print(server.url, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(project), str(models / "regression")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(SRC)}
    ) as starter:
        port = int(starter.stdout.readline().rsplit(":", 1)[1])
        assert len(processes_of(port)) >= 2
        starter.kill()
    deadline = time.monotonic() + 20
    while processes_of(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(port) == []


def test_a_taken_port_is_said_before_anything_starts(project, models):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(WrongInput, match=f"port {port} is taken"),
            serving.running(project, models / "regression", port),
        ):
            pytest.fail("it must not start")


def test_a_model_that_cannot_be_served_stops_the_server_with_its_reason(project, copied):
    model = copied()
    (model / "model.skops").write_bytes(b"\x80\x04N.")
    with (
        pytest.raises(TdspError, match=r"cannot serve this model: .*not a skops file") as failed,
        serving.running(project, model),
    ):
        pytest.fail("it must not start")
    assert "\n" not in str(failed.value)


def test_a_folder_without_a_model_is_wrong_input(project, tmp_path):
    with pytest.raises(WrongInput, match="no MLmodel file"), serving.running(project, tmp_path):
        pytest.fail("it must not start")


def test_the_server_sees_no_secret_and_no_setting_of_ours():
    kept = serving.environment(
        {
            "PATH": "p", "Path": "q", "LC_ALL": "C", "UV_CACHE_DIR": "c",
            "AZURE_CLIENT_SECRET": "s", "GITHUB_TOKEN": "t", "AZUREML_MODEL_DIR": "m", "AML_APP_ROOT": "a",
            "GUNICORN_CMD_ARGS": "g", "WORKER_COUNT": "9", "PYTHONPATH": "x", "VIRTUAL_ENV": "v",
            "UV_PROJECT_ENVIRONMENT": "e",
        }
    )  # fmt: skip
    assert kept.keys() == {"PATH", "Path", "LC_ALL", "UV_CACHE_DIR", "PYTHONUNBUFFERED"}


@pytest.fixture(scope="module")
def served(project, models):
    """A running regression and a running classification."""
    with (
        serving.running(project, models / "regression") as regression,
        serving.running(project, models / "classification") as classification,
    ):
        yield {"regression": regression.score, "classification": classification.score}


def test_the_check_finds_another_model_behind_the_address(served, models):
    other = models / "regression"
    cases = serving_check.cases_for(other, other / "sample-request.json", SCORING)
    results = serving_check.check(served["classification"], cases)
    wrong = {result.name: result.problem for result in results if result.problem}
    assert wrong.keys() == {"the sample request", "10,000 rows", "the sample request again"}


def test_a_sample_of_other_data_is_said_to_be_one(models, tmp_path):
    sample = tmp_path / "sample.json"
    for content, said in [
        (
            '{"data": [{"a": 1}]}',
            r"has other columns than this model \(the model needs .+\): train one on today's facts",
        ),
        ('{"data": []}', "has other columns than this model"),
        ('{"data": 5}', "is not a sample request"),
        ("[", "is not a sample request"),
    ]:
        sample.write_text(content)
        with pytest.raises(WrongInput, match=said):
            serving_check.cases_for(models / "regression", sample, SCORING)


class Opened:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_the_check_opens_no_pickle_that_the_folder_names(copied, tmp_path):
    model, trace = copied(), tmp_path / "opened"
    (model / "model.pkl").write_bytes(pickle.dumps(Opened(trace)))
    description = yaml.safe_load((model / "MLmodel").read_text())
    for flavor in description["flavors"].values():
        flavor |= {"model_path": "model.pkl", "pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    (model / "MLmodel").write_text(yaml.safe_dump(description))
    assert serving_check.cases_for(model, model / "sample-request.json", SCORING)
    assert not trace.exists()


def test_a_model_that_cannot_be_used_offline_is_one_line(copied):
    model = copied()
    (model / "model.skops").write_bytes(b"")
    with pytest.raises(TdspError, match="cannot be loaded and used without a server: ") as failed:
        serving_check.cases_for(model, model / "sample-request.json", SCORING)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("status", "answer", "problem"),
    [
        (200, {"predictions": [1.0]}, ""),
        (200, {"predictions": [1.0001]}, "row 1: predictions: 1.0001 served, 1.0 offline"),
        (200, {"predictions": []}, "predictions must be a list with one entry for each of 1 rows"),
        (200, {"predictions": None}, "predictions must be a list with one entry for each of 1 rows"),
        (200, {"prediction": [1.0]}, "the answer must hold predictions"),
        (200, None, "the answer must hold predictions"),
        (500, {"predictions": [1.0]}, "status 500 instead of 200"),
    ],
)
def test_the_check_compares_predictions(status, answer, problem):
    case = serving_check.Case("it", b"", 200, predictions={"predictions": [1.0]})
    assert serving_check.problem_of(case, serving_check.Answer(status, answer)) == problem


@pytest.mark.parametrize(
    ("status", "answer", "problem"),
    [
        (400, {"error": "row 3: column 'age' is missing"}, ""),
        (400, {"error": "wrong"}, "the sentence does not say 'row 3', 'age'"),
        (400, {}, "no sentence that says what is wrong"),
        (200, {"predictions": [1.0]}, "status 200 instead of 400"),
    ],
)
def test_the_check_reads_the_sentence(status, answer, problem):
    case = serving_check.Case("it", b"", 400, ("row 3", "age"))
    assert serving_check.problem_of(case, serving_check.Answer(status, answer)) == problem


def test_a_csv_is_scored_like_the_request_it_stands_for(served, models, tmp_path):
    folder = models / "classification"
    contract = json.loads((folder / "contract.json").read_text())
    rows = json.loads((folder / "sample-request.json").read_text())["data"]
    header = ["target", *rows[0]]
    lines = [["?", *("" if value is None else str(value) for value in row.values())] for row in rows]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(";".join(line) for line in [header, *lines]), encoding="utf-8")
    batches, left_out = read_csv(file, contract["features"])
    found = list(predict_all(served["classification"], batches))
    answer = predict(served["classification"], (folder / "sample-request.json").read_bytes())
    assert left_out == ["target"]
    assert [row["prediction"] for row in found] == answer["predictions"]
    assert [row["probability_low"] for row in found] == [share["low"] for share in answer["probabilities"]]


def test_a_refused_row_of_a_csv_is_found_in_later_parts_too(served, models, tmp_path, monkeypatch):
    monkeypatch.setattr("tdsp.serving.client.BATCH", 2)
    contract = json.loads((models / "regression" / "contract.json").read_text())
    row = json.loads((models / "regression" / "sample-request.json").read_text())["data"][0]
    batches = [[row, row], [row, row | {"hour": 99}]]
    with pytest.raises(WrongInput, match=r"row 2: column 'hour': 99 is above 23 \(counted from row 3 of the file\)"):
        list(predict_all(served["regression"], batches))
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(WrongInput, match="none of its columns is one the model takes: day, temp"):
        read_csv(file, contract["features"])


def test_no_server_and_a_wrong_address_are_one_line(served):
    with pytest.raises(TdspError, match=r"no scoring server answers at .*tdsp serve"):
        send("http://127.0.0.1:9/score", b"")
    with pytest.raises(WrongInput, match="is not an address"):
        send("file:///etc/passwd", b"")
    with pytest.raises(TdspError, match="status 404 and no predictions; the address ends in /score"):
        predict(served["regression"].removesuffix("score") + "nowhere", b"{}")


def test_a_body_that_is_too_large_is_not_read(served):
    address = urlsplit(served["regression"])
    caller = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    caller.putrequest("POST", address.path)
    caller.putheader("Content-Length", str(65 * 2**20))
    caller.endheaders()  # and not a byte of the body
    answer = caller.getresponse()
    assert (answer.status, json.load(answer)) == (
        413,
        {"error": "the request is larger than 64 MB; send fewer rows"},
    )
