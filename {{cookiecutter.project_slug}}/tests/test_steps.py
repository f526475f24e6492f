"""Each step as a function: what it writes, what it refuses, and that it leaves nothing half-written."""

import json
import shutil
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from science.contract import Contract
from science.evaluate import evaluate
from science.groups import group_names
from science.prepare import prepare
from science.sample import sample
from science.step import DataError, output, run
from science.train import train


def again(study, folder, change=None, table=None, schema=None):
    """Prepare a study once more, with changed facts or another table."""
    facts = study.facts()
    file = facts["data"]["file"]
    if change:
        change(facts)
    folder.mkdir(exist_ok=True)
    (folder / "facts.yml").write_text(yaml.safe_dump(facts))
    raw = study.raw
    if table is not None:
        raw = folder / "raw"
        raw.mkdir()
        table.to_csv(raw / file, index=False)
    prepare(raw, schema or study.schema, folder / "facts.yml", split=folder / "split", quality=folder / "quality")
    return folder / "split"


def raw_table(study) -> pd.DataFrame:
    return pd.read_csv(study.raw / study.facts()["data"]["file"])


# --- prepare


def test_prepare_divides_the_file_and_says_how(either):
    agreed, table = either.contract(), raw_table(either)
    train_rows, test_rows = pd.read_parquet(either.split / "train.parquet"), either.test_rows()
    assert agreed.rows == {"train": len(train_rows), "test": len(test_rows)}
    assert sorted([*train_rows.index, *test_rows.index]) == list(range(1, len(table) + 1))
    row = test_rows.index[0]  # the index leads back to the line of the file
    assert test_rows.loc[row, agreed.target] == table[agreed.target].iloc[row - 1]
    assert set(agreed.names) == set(table) - {agreed.target}


def test_quality_describes_what_pandas_sees(either):
    quality, table = either.json("quality/quality.json"), raw_table(either)
    assert quality["passed"] is True
    assert quality["duplicates"]["rows"] == int(table.duplicated().sum())
    for item in quality["variables"]:
        assert item["missing"] == int(table[item["name"]].isna().sum())
        assert item["mean"] == pytest.approx(table[item["name"]].mean())
    assert quality["ranking"][0]["name"] in ("bmi", "s5", "mean_concave_points", "mean_perimeter")
    assert (either.quality / "variables.png").stat().st_size > 5_000


def test_prepare_refuses_data_that_breaks_the_schema_and_keeps_the_evidence(regression, tmp_path):
    table = raw_table(regression).astype({"age": float})
    table.loc[[3, 9], "age"] = -5
    with pytest.raises(DataError, match=r"age: not at least \d+ in 2 row\(s\) \(row 4: -5"):
        again(regression, tmp_path, table=table)
    assert json.loads((tmp_path / "quality" / "quality.json").read_text())["passed"] is False
    assert not (tmp_path / "split").exists()


def test_copies_in_the_data_are_counted(regression, tmp_path):
    table = raw_table(regression)
    again(regression, tmp_path, table=pd.concat([table, table.head(50)]))
    duplicates = json.loads((tmp_path / "quality" / "quality.json").read_text())["duplicates"]
    split = pd.read_parquet(tmp_path / "split" / "train.parquet"), pd.read_parquet(tmp_path / "split" / "test.parquet")
    seen, held = (set(rows.itertuples(index=False, name=None)) for rows in split)
    assert duplicates == {"rows": 50, "across_split": len(seen & held), "groups_across_split": 0}
    assert 0 < len(seen & held) < 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda facts: facts["data"].update(exclude=["nobody"]), "data.exclude names 'nobody'"),
        (lambda facts: facts["data"].update(file="absent.csv"), "absent.csv does not exist"),
        (
            lambda facts: facts["data"].update(target="sex", positive=3) or facts.update(task="classification"),
            "is 3",
        ),
        (
            lambda facts: facts["data"].update(target="grade", positive="a") or facts.update(task="classification"),
            "data.positive is for two classes, grade has 3 classes: set it to null",
        ),
        (
            lambda facts: facts["data"].update(target="progression") or facts.update(task="classification"),
            "rows",
        ),
    ],
)
def test_facts_that_do_not_fit_the_data_are_refused(regression, tmp_path, change, message):
    schema = yaml.safe_load(regression.schema.read_text())
    schema["columns"]["grade"] = {"type": "string"}
    (tmp_path / "schema.yml").write_text(yaml.safe_dump(schema, sort_keys=False))
    table = raw_table(regression)
    with pytest.raises(DataError, match=message):
        again(regression, tmp_path, change, table.assign(grade=["a", "b", "c"] * 147 + ["a"]), tmp_path / "schema.yml")
    assert not (tmp_path / "split").exists()


def test_excluded_and_group_columns_stay_out_of_the_model_but_not_out_of_the_split(regression, tmp_path):
    def change(facts):
        facts["data"].update(exclude=["age", "s1"], group="s6")
        facts["split"]["strategy"] = "group"

    split = again(regression, tmp_path, change)
    agreed, rows = Contract.load(split), pd.read_parquet(split / "test.parquet")
    assert not {"age", "s1", "s6"} & set(agreed.names)
    assert {"age", "s6"} <= set(rows)  # sensitive, group
    assert "s1" in rows  # a champion may know it
    assert not set(rows["s6"]) & set(pd.read_parquet(split / "train.parquet")["s6"])


# --- train


def test_training_says_how_the_model_was_chosen(either):
    training = either.json("model/training.json")
    assert sum(training["weights"].values()) == 1
    assert training["features"] == either.contract().names
    values = [item["value"] for item in training["validation"]["candidates"]]
    better = min if either.contract().task == "regression" else max
    assert training["validation"]["value"] == better(values)
    assert Contract.load(either.model) == either.contract()


def test_the_model_beats_the_dumb_baseline_by_more_than_noise(either):
    assert either.json("evaluation/metrics.json")["comparisons"]["dummy"]["low"] > 0


# --- evaluate


def test_evaluation_agrees_with_its_predictions(regression):
    metrics = regression.json("evaluation/metrics.json")
    said = pd.read_parquet(regression.evaluation / "predictions.parquet")
    for model in ("challenger", "dummy", "linear"):
        found = metrics["models"][model]["mae"]
        assert found["value"] == pytest.approx((said["truth"] - said[model]).abs().mean())
        assert found["low"] < found["value"] < found["high"]
    better = metrics["models"]["linear"]["mae"]["value"] - metrics["models"]["challenger"]["mae"]["value"]
    assert metrics["comparisons"]["linear"]["improvement"] == pytest.approx(better)
    assert metrics["champion_absent"] == "there is no champion yet"
    assert metrics["champion_status"] == "none"
    assert "champion" not in metrics["models"]


def test_probabilities_of_the_classes_are_kept(classification):
    said = pd.read_parquet(classification.evaluation / "predictions.parquet")
    both = said[["challenger_benign", "challenger_malignant"]]
    np.testing.assert_allclose(both.sum(axis=1), 1)
    assert ((both.idxmax(axis=1) == "challenger_" + said["truth"]).mean()) > 0.9


@pytest.mark.parametrize(
    ("study", "names"),
    [
        ("regression", ["error-by-group", "importance", "predicted", "residuals"]),
        ("classification", ["calibration", "confusion", "importance", "precision-recall", "roc"]),
    ],
)
def test_the_plots_are_drawn(study, names, request):
    folder = request.getfixturevalue(study).evaluation / "plots"
    assert sorted(file.stem for file in folder.iterdir()) == names
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in folder.iterdir())


def test_groups_of_sensitive_columns_are_judged(regression):
    groups = pd.DataFrame(regression.json("evaluation/metrics.json")["groups"])
    rows = regression.test_rows()
    assert groups.groupby("column")["rows"].sum().to_dict() == {"sex": len(rows), "age": len(rows)}
    assert (groups["column"] == "age").sum() == 4  # quarters
    assert groups.loc[groups["rows"] >= 20, "judged"].all()
    sex = groups[groups["column"] == "sex"]
    overall = regression.json("evaluation/metrics.json")["models"]["challenger"]["mae"]["value"]
    assert (sex["metric_value"] * sex["rows"]).sum() / len(rows) == pytest.approx(overall)


def test_small_groups_and_groups_without_a_value_are_named_but_not_judged():
    names = group_names(pd.Series(["a", None, "b"]))
    assert names.tolist() == ["a", "missing", "b"]
    assert group_names(pd.Series(range(100))).nunique() == 4


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10115.0, 10117.0, np.nan], {"10115", "10117", "missing"}),
        ([0.123451, 0.123452], {"0.123451", "0.123452"}),
        ([1, 1.5], {"1", "1.5"}),
        (pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:05"]), {"2026-01-01 10:00:00", "2026-01-01 10:05:00"}),
    ],
)
def test_groups_that_are_close_keep_names_of_their_own(values, names):
    assert set(group_names(pd.Series(values))) == names


@pytest.mark.parametrize(
    "values", [np.linspace(1_000_001, 1_000_400, 400), pd.date_range("2026", periods=400, freq="5min")]
)
def test_close_values_have_four_quarters(values):
    assert group_names(pd.Series(values)).value_counts().tolist() == [100] * 4


def test_importance_finds_what_the_model_uses(regression):
    importance = regression.json("evaluation/metrics.json")["importance"]
    assert {importance[0]["feature"], importance[1]["feature"]} == {"bmi", "s5"}
    assert importance[0]["mean"] > 3 * importance[-1]["std"]


@pytest.mark.parametrize(("shuffles", "repeats"), [(500, 5), (20, 2), (1, 1)])
def test_of_many_columns_each_is_shuffled_less_often(regression, tmp_path, monkeypatch, shuffles, repeats):
    monkeypatch.setattr("science.evaluate.IMPORTANCE_SHUFFLES", shuffles)
    challenger = regression.split, regression.model, regression.baselines
    evaluate(*challenger, regression.nobody, tmp_path / "evaluation")
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["sampled"]["importance_repeats"] == repeats
    assert (max(item["std"] for item in metrics["importance"]) > 0) == (repeats > 1)


def test_importance_is_known_where_one_class_is_rare(classification, tmp_path, monkeypatch):
    rows = classification.test_rows()
    rare = rows[rows["diagnosis"] == "malignant"].head(2)
    split = shutil.copytree(classification.split, tmp_path / "split")
    pd.concat([rows[rows["diagnosis"] == "benign"], rare]).to_parquet(split / "test.parquet")
    monkeypatch.setattr("science.evaluate.IMPORTANCE_ROWS", 20)
    evaluate(split, classification.model, classification.baselines, classification.nobody, tmp_path / "evaluation")
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert None not in [item["mean"] for item in metrics["importance"]]
    assert metrics["sampled"]["importance_rows"] == len(rare) + 50


def test_what_decides_the_split_is_in_the_contract(regression, classification, tmp_path):
    rule = regression.contract().split
    assert rule == {"strategy": "random", "test_fraction": 0.2, "by": None, "seed": 1, "columns": rule["columns"]}
    assert rule["columns"] == [[name, "number"] for name in pd.read_csv(regression.raw / "diabetes.csv", nrows=0)]
    assert classification.contract().split["by"] == "diagnosis"
    by_time = again(regression, tmp_path, lambda f: f["data"].update(time="age") or f["split"].update(strategy="time"))
    assert Contract.load(by_time).split == {
        "strategy": "time",
        "test_fraction": 0.2,
        "by": "age",
        "first_held_out": pd.read_parquet(by_time / "test.parquet")["age"].min(),
    }


def test_a_leak_is_told_by_every_run(regression, tmp_path, capsys):
    raw = tmp_path / "raw"
    raw.mkdir()
    frame = pd.read_csv(regression.raw / "diabetes.csv")
    frame.assign(fee=frame["progression"] * 0.08 + frame["age"] / 1000).to_csv(raw / "diabetes.csv", index=False)
    schema = tmp_path / "schema.yml"
    schema.write_text(regression.schema.read_text().replace("columns:\n", "columns:\n  fee: {type: float}\n"))
    prepare(raw, schema, regression.folder / "facts.yml", tmp_path / "split", tmp_path / "quality")
    (leak,) = json.loads((tmp_path / "quality" / "quality.json").read_text())["leaks"]
    assert (leak["kind"], leak["columns"]) == ("leak", ["fee"])
    assert "warning: fee alone predicts the target almost perfectly" in capsys.readouterr().out
    assert regression.json("quality/quality.json")["leaks"] == []


def test_the_same_model_is_recognised_as_champion_and_a_worse_one_is_beaten(regression, tmp_path):
    def judge(champion):
        evaluate(regression.split, regression.model, regression.baselines, champion, tmp_path / "evaluation")
        return json.loads((tmp_path / "evaluation" / "metrics.json").read_text())

    same = judge(regression.model)
    assert (same["champion_status"], same["champion_split"]) == ("compared", None)
    assert same["same_as_champion"] is True
    assert same["comparisons"]["champion"]["improvement"] == same["comparisons"]["champion"]["high"] == 0
    weak = shutil.copytree(regression.model, tmp_path / "weak")
    shutil.copy(regression.baselines / "dummy.skops", weak / "model.skops")
    worse = judge(weak)
    assert worse["same_as_champion"] is False
    assert worse["comparisons"]["champion"] == worse["comparisons"]["dummy"]
    assert worse["comparisons"]["champion"]["low"] > 0


def test_a_champion_that_is_not_compared_leaves_the_reason(regression, classification, tmp_path):
    challenger = regression.split, regression.model, regression.baselines
    evaluate(*challenger, classification.model, tmp_path / "evaluation")
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["champion_status"] == "other-question"
    assert metrics["champion_absent"].startswith("the champion answers another question: ")
    assert "champion" not in metrics["models"] | metrics["comparisons"]


# --- all of them


def test_a_failing_step_leaves_its_output_as_it_was(tmp_path):
    with output(tmp_path / "o") as folder:
        (folder / "a").write_text("old")

    def fail():
        with output(tmp_path / "o") as folder:
            (folder / "a").write_text("new")
            raise DataError("no")

    with pytest.raises(DataError):
        fail()
    assert (tmp_path / "o" / "a").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["o"]


@pytest.mark.parametrize("broken", ["o", "new"])
def test_an_output_that_cannot_be_replaced_is_not_mixed(tmp_path, monkeypatch, broken):
    with output(tmp_path / "o") as folder:
        (folder / "old").write_text("old")
    rename = Path.rename

    def refuse(self, target):
        if self.name == broken:
            raise PermissionError(13, "in use", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError), output(tmp_path / "o") as folder:
        (folder / "new").write_text("new")
    assert [item.relative_to(tmp_path).as_posix() for item in tmp_path.rglob("*")] == ["o", "o/old"]


def test_an_output_that_is_an_empty_mount_is_filled(tmp_path, monkeypatch):
    (tmp_path / "o").mkdir()

    def refuse(self, _):
        raise OSError(16, "busy", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    with output(tmp_path / "o") as folder:
        (folder / "new").write_text("new")
    assert (tmp_path / "o" / "new").read_text() == "new"


def test_an_output_that_is_there_already_is_replaced_whole(tmp_path):
    for name in ("a", "b"):
        with output(tmp_path / "o") as folder:
            (folder / name).write_text(name)
    assert [item.name for item in (tmp_path / "o").iterdir()] == ["b"]


@pytest.mark.parametrize(
    ("function", "arguments", "code", "says"),
    [
        (sample, "--name iris --file f.csv", 2, "iris"),
        (prepare, "--raw nowhere", 2, "required"),
        (train, "--split nowhere --model m --baselines b", 1, "error: nowhere"),
        (train, "--split s --model m --baselines b --learning_rate -1", 2, "v>0"),
    ],
)
def test_a_command_ends_with_one_line(function, arguments, code, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["step", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        run(function)
    assert ended.value.code == code
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_command_whose_file_cannot_be_written_says_which(tmp_path, monkeypatch, capsys):
    (tmp_path / "a-file").touch()
    monkeypatch.setattr(sys, "argv", ["step", "diabetes", str(tmp_path / "a-file" / "f.csv")])
    with pytest.raises(SystemExit) as ended:
        run(sample, as_positional=True)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "a-file" in said


def test_steps_log_to_the_run_that_was_started_for_them(regression, tmp_path, monkeypatch):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run() as run:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    train(regression.split, tmp_path / "model", tmp_path / "baselines", max_iter=5)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)  # mlflow forgets it, as each step is a process
    evaluate(regression.split, tmp_path / "model", tmp_path / "baselines", tmp_path, tmp_path / "evaluation")
    logged = mlflow.get_run(run.info.run_id).data
    assert logged.params["max_iter"] == "5"
    found = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())["models"]["challenger"]
    assert logged.metrics["test_mae"] == pytest.approx(found["mae"]["value"])
