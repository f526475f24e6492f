"""Whole files are scored by the same rules, with the same answers, as requests are."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from tdsp import predictions
from tdsp.errors import TdspError, WrongInput

SCORING = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}" / "scoring"


@pytest.fixture
def script(models, monkeypatch):
    """A function that returns the batch script with a model loaded, as whoever runs it does."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def load(task: str):
        spec = importlib.util.spec_from_file_location("entry_script", SCORING / "batch.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # a driver's own arguments are none of the script's business
        monkeypatch.setattr(sys, "argv", ["batch.py", "--model", str(models / task), "--model_name", "x", "--driver"])
        module.init()
        return module

    return load


def sample(models, task: str) -> tuple[pd.DataFrame, dict]:
    """Return the sample rows, and what the model answers for them without a file."""
    from request import rows_of

    request = (models / task / "sample-request.json").read_bytes()
    rows = json.loads(request)["data"]
    contract = json.loads((models / task / "contract.json").read_text())
    return pd.DataFrame(rows), rows_of(request, contract)


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("kind", [".csv", ".parquet"])
def test_a_file_gets_the_answers_of_a_request(script, models, tmp_path, task, kind):
    module = script(task)
    rows, frame = sample(models, task)
    rows["a column that nobody asked for"] = "?"
    file = tmp_path / f"rows{kind}"
    rows.to_csv(file, index=False) if kind == ".csv" else rows.to_parquet(file)
    lines = module.run([str(file)])
    (tmp_path / "out.jsonl").write_text("\n".join(lines), encoding="utf-8")
    got = predictions.answers(predictions.read(tmp_path / "out.jsonl"))
    assert got == {file.name: module.served.predict(frame)}


def test_a_long_file_is_read_part_by_part(script, models, tmp_path, monkeypatch):
    module = script("regression")
    rows, _ = sample(models, "regression")
    file = tmp_path / "rows.csv"
    pd.concat([rows] * 40).to_csv(file, index=False)
    whole = module.run([str(file)])
    monkeypatch.setattr(sys.modules["table"], "ROWS", 7)
    assert module.run([str(file)]) == whole
    assert [json.loads(line)["row"] for line in whole] == list(range(1, 40 * len(rows) + 1))
    broken = pd.concat([rows] * 40)
    broken.iloc[30, list(rows).index("hour")] = 99
    broken.to_csv(file, index=False)
    with pytest.raises(module.RequestError, match=r"^rows\.csv: row 31: column 'hour': 99.* is above 23"):
        module.run([str(file)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "a.csv: it"),
        ("a.csv", b"day,hour\n", "it has no rows"),
        ("a.csv", b"day,hour\n2026-01-01,5\n", "column 'temp .C', .* is missing"),
        ("a.csv", b"day,hour\n2026-01-01,5,6\n", "a row has more cells than the header"),
        ("a.csv", b"day,hour\n\xff\xff,5\n", "it is not UTF-8 text"),
        ("a.parquet", b"PAR1 not", "it is not a Parquet file"),
    ],
)
def test_a_file_with_a_mistake_is_named_and_gets_no_answer(script, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    module = script("regression")
    with pytest.raises(module.RequestError, match=said):
        module.run([str(tmp_path / name)])


def test_what_is_no_table_is_skipped_and_said_so(script, tmp_path):
    for name in ("README.md", "old.predictions.csv"):
        (tmp_path / name).write_text("x")
    lines = script("regression").run([str(tmp_path / "README.md"), str(tmp_path / "old.predictions.csv")])
    assert [json.loads(line)["skipped"] for line in lines] == ["no table to score, by its name"] * 2


# predictions of a job


def job(tmp_path, *lines) -> Path:
    file = tmp_path / "predictions.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


def test_lines_come_in_any_order_and_are_written_in_the_files_own(tmp_path):
    shares = [{"no": 0.75, "yes": 0.25}, {"no": 0.5, "yes": 0.5}]
    lines = [
        {"file": "b.csv", "row": 10, "prediction": "no", "probabilities": shares[0]},
        {"file": "notes.md", "skipped": "no table"},
        {"file": "b.csv", "row": 9, "prediction": "yes", "probabilities": shares[1]},
        {"file": "a.csv", "row": 1, "prediction": "no", "probabilities": shares[0]},
    ]
    predictions.write(predictions.read(job(tmp_path, *lines)), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "file,row,prediction,probability_no,probability_yes",
        "a.csv,1,no,0.75,0.25",
        "b.csv,9,yes,0.5,0.5",
        "b.csv,10,no,0.75,0.25",
    ]


@pytest.mark.parametrize("line", ["oops", {"file": "a.csv", "row": 1}, 5])
def test_what_is_no_prediction_is_never_written(tmp_path, line):
    with pytest.raises(TdspError, match="line 1 is no prediction"):
        predictions.read(job(tmp_path, line))


def test_a_job_that_leaves_nothing_has_not_ended_well(tmp_path):
    with pytest.raises(TdspError, match="left no predictions"):
        predictions.read(job(tmp_path, {"file": "notes.md", "skipped": "no table"}))


def test_an_input_that_cannot_be_told_apart_is_refused(tmp_path):
    for place in ("one", "two"):
        (tmp_path / "in" / place).mkdir(parents=True)
        (tmp_path / "in" / place / "a.csv").write_text("x\n1\n")
    with pytest.raises(WrongInput, match=r"more than one file is called a\.csv"):
        predictions.folder_of(tmp_path / "in", tmp_path / "home")
    with pytest.raises(WrongInput, match="holds no CSV or Parquet file"):
        predictions.folder_of((tmp_path / "empty").mkdir() or tmp_path / "empty", tmp_path / "home")
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(WrongInput, match="give a CSV or Parquet file"):
        predictions.folder_of(tmp_path / "a.json", tmp_path / "home")


def test_a_single_file_is_alone_in_its_folder(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    folder = predictions.folder_of(tmp_path / "a.csv", tmp_path / "home")
    assert [file.name for file in folder.iterdir()] == ["a.csv"]
    assert predictions.folder_of(tmp_path / "a.csv", tmp_path / "home") == folder
    assert predictions.place_for(tmp_path / "a.csv") == tmp_path / "a.predictions.csv"


# what is collected


class FakeCollector:
    made: ClassVar[dict] = {}

    def __init__(self, *, name, on_error):
        self.name, self.on_error = name, on_error
        self.made[name] = []

    def collect(self, frame, context=None):
        if "boom" in frame:
            raise RuntimeError("boom")
        self.made[self.name].append((frame, context))
        return "context"


@pytest.fixture
def collect(monkeypatch):
    """`scoring/collect.py`, with a stand-in for Azure's package."""
    import types

    monkeypatch.syspath_prepend(str(SCORING))
    for name in ("azureml", "azureml.ai", "azureml.ai.monitoring"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["azureml.ai.monitoring"].Collector = FakeCollector
    monkeypatch.setattr(FakeCollector, "made", {})
    monkeypatch.delitem(sys.modules, "collect", raising=False)
    import collect

    yield collect
    sys.modules.pop("collect")


def test_nothing_is_collected_and_nothing_imported_unless_the_deployment_says_so(collect, monkeypatch):
    for name in collect.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "azureml.ai.monitoring", None)  # importing it would fail
    assert collect.collector() is None


def test_rows_and_answers_are_collected_as_belonging_together(collect, monkeypatch):
    monkeypatch.setenv("AZUREML_MDC_CONFIG_PATH", "there")
    rows = pd.DataFrame({"x": [1.0, 2.0]})
    answer = {"predictions": ["no", "yes"], "probabilities": [{"no": 0.9, "yes": 0.1}, {"no": 0.2, "yes": 0.8}]}
    collect.collector()(rows, answer)
    (inputs, _), (outputs, context) = FakeCollector.made["model_inputs"][0], FakeCollector.made["model_outputs"][0]
    assert (inputs is rows, context) == (True, "context")
    assert outputs.to_dict("list") == {
        "prediction": ["no", "yes"],
        "probability_no": [0.9, 0.2],
        "probability_yes": [0.1, 0.8],
    }


def test_a_collector_that_fails_harms_no_answer(collect, monkeypatch, caplog):
    monkeypatch.setenv("AZUREML_MDC_ENABLED", "true")
    collect.collector()(pd.DataFrame({"boom": [1]}), {"predictions": [1]})
    assert "not collected: RuntimeError: boom" in caplog.text
    monkeypatch.setitem(sys.modules, "azureml.ai.monitoring", None)
    assert collect.collector() is None
