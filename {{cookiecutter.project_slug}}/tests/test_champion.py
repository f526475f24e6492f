"""The champion of older runs: when it can be asked about today's rows, and when its answer is doubted."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from science import model, store
from science.champion import ask
from science.contract import Contract
from science.prepare import prepare


def changed(study, folder, **facts):
    """Return a copy of the study's model whose contract says something else."""
    champion = shutil.copytree(study.model, folder / "champion")
    contract = json.loads((champion / "contract.json").read_text()) | facts
    (champion / "contract.json").write_text(json.dumps(contract))
    return champion


def without(contract, *names):
    """Return the contract of a challenger that does not see some columns."""
    return dataclasses.replace(contract, features=[item for item in contract.features if item.name not in names])


def test_where_no_model_is_there_is_no_champion(regression):
    answer = ask(regression.nobody, regression.contract(), regression.test_rows())
    assert (answer.status, answer.absent, answer.predictions) == ("none", "there is no champion yet", None)


def test_a_champion_of_the_same_split_is_compared_and_not_doubted(either):
    contract, rows = either.contract(), either.test_rows()
    answer = ask(either.model, contract, rows)
    assert (answer.status, answer.absent, answer.doubt, answer.forbidden) == ("compared", None, None, [])
    np.testing.assert_array_equal(answer.predictions, model.predict(store.load(either.model), contract, rows))


def test_a_champion_of_another_task_answers_another_question(regression, classification):
    answer = ask(classification.model, regression.contract(), regression.test_rows())
    assert answer.status == "other-question"
    assert answer.absent == "the champion answers another question: classification of 'diagnosis'"


def test_a_champion_of_other_classes_answers_another_question(classification, tmp_path):
    other = changed(classification, tmp_path, classes=["benign", "doubtful", "malignant"])
    answer = ask(other, classification.contract(), classification.test_rows())
    assert answer.status == "other-question"
    assert answer.absent.endswith("it tells apart benign, doubtful, malignant instead of benign, malignant")


def test_a_champion_that_knows_an_excluded_column_is_still_compared(regression):
    answer = ask(regression.model, without(regression.contract(), "bmi", "s5"), regression.test_rows())
    assert (answer.status, answer.absent) == ("compared", None)
    assert answer.forbidden == ["bmi", "s5"]


def test_a_champion_that_needs_a_lost_column_cannot_be_run(regression):
    rows = regression.test_rows().drop(columns="s1")
    answer = ask(regression.model, without(regression.contract(), "s1"), rows)
    assert (answer.status, answer.predictions) == ("cannot-run", None)
    assert answer.absent.endswith("columns that the schema no longer has: s1")


@pytest.mark.parametrize("name", ["model.skops", "contract.json", "code/science/features.py"])
def test_a_broken_champion_cannot_be_run(regression, tmp_path, name):
    broken = changed(regression, tmp_path)
    (broken / name).write_text("not what it was")
    answer = ask(broken, regression.contract(), regression.test_rows())
    assert (answer.status, answer.predictions) == ("cannot-run", None)
    assert answer.absent.startswith("the champion cannot be run: ")


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"seed": 7}, "its rows were held out by another rule (seed was 7)"),
        ({"test_fraction": 0.3}, "(test_fraction was 0.3)"),
        ({"columns": [["bmi", "number"]]}, "(the columns or their types were others)"),
        ({"columns": None}, "(the columns or their types were others)"),
        ({"strategy": "time", "by": "age"}, "(strategy was time)"),
        (None, "its contract does not say which rows were held out"),
    ],
)
def test_a_champion_of_another_split_is_compared_and_doubted(regression, tmp_path, split, said):
    champion = changed(regression, tmp_path, split=split and regression.contract().split | split)
    answer = ask(champion, regression.contract(), regression.test_rows())
    assert answer.status == "compared"
    assert said in answer.doubt
    assert "may have been trained on some of these rows" in answer.doubt


@pytest.mark.parametrize("cuts", [(60.0, 50.0), ("2026-03-01T00:00:00", "2026-02-01T00:00:00"), (None, 50.0)])
def test_a_champion_that_learned_from_what_is_held_out_now_is_doubted(regression, tmp_path, cuts):
    rule = {"strategy": "time", "test_fraction": 0.2, "by": "age"}
    theirs, ours = ({**rule, "first_held_out": cut} for cut in cuts)
    champion = changed(regression, tmp_path, split=theirs)
    rows = regression.test_rows()
    doubted = ask(champion, dataclasses.replace(regression.contract(), split=ours), rows)
    assert f"it learned from rows up to {cuts[0]}, and rows are held out from {cuts[1]} on" in doubted.doubt
    assert ask(champion, dataclasses.replace(regression.contract(), split=theirs), rows).doubt is None
    later = {**rule, "first_held_out": {float: 1e9, str: "2027-01-01T00:00:00"}[type(cuts[1])]}
    trusted = ask(champion, dataclasses.replace(regression.contract(), split=later), rows)
    assert (trusted.doubt is None) == (cuts[0] is not None)


def test_a_champion_that_read_a_column_as_another_type_is_doubted(regression, tmp_path):
    schema = yaml.safe_load(regression.schema.read_text())
    schema["columns"]["s6"] = {"type": "string"}
    (tmp_path / "schema.yml").write_text(yaml.safe_dump(schema, sort_keys=False))
    split = tmp_path / "split"
    prepare(regression.raw, tmp_path / "schema.yml", regression.folder / "facts.yml", split, tmp_path / "quality")
    rows = pd.read_parquet(split / "test.parquet")
    learned = pd.read_parquet(regression.split / "train.parquet").index
    assert rows.index.isin(learned).any()  # the hash of a text is another one
    answer = ask(regression.model, Contract.load(split), rows)
    assert "the columns or their types were others" in answer.doubt
