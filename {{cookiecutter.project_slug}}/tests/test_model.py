"""Models: what they take, how they are chosen, and how they are saved and read."""

import functools
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator
from sklearn.model_selection import TimeSeriesSplit
from sklearn.preprocessing import FunctionTransformer

from science import choose, model, store
from science.contract import Contract, Feature
from science.metrics import METRICS, Rows
from science.step import DataError

RANDOM = np.random.default_rng(0)
COUNT = 600
FRAME = pd.DataFrame(
    {
        "amount": np.where(RANDOM.random(COUNT) < 0.1, np.nan, RANDOM.normal(size=COUNT)),
        "town": RANDOM.choice(["Bern", "Lyon", None], COUNT),
        "code": RANDOM.choice([f"c{place}" for place in range(400)], COUNT),
        "level": RANDOM.integers(1, 4, COUNT),
        "flag": RANDOM.random(COUNT) < 0.5,
        "at": pd.date_range("2026-01-01", periods=COUNT, freq="7h"),
        "empty": np.full(COUNT, np.nan),
        "nearly_empty": [1.0] + [np.nan] * (COUNT - 1),
        "who": RANDOM.integers(0, 40, COUNT),
    }
)
FEATURES = [
    Feature("amount", "float", nullable=True),
    Feature("town", "string", ["Bern", "Lyon"], nullable=True),
    Feature("code", "string"),
    Feature("level", "integer", [1, 2, 3]),
    Feature("flag", "boolean"),
    Feature("at", "datetime"),
    Feature("empty", "float", nullable=True),
    Feature("nearly_empty", "float", nullable=True),
]
NUMBER = FRAME["amount"].fillna(0) + 2 * (FRAME["level"] == 2) + RANDOM.normal(0, 0.3, COUNT)
TARGETS = {
    "regression": NUMBER,
    "text classes": pd.Series(np.where(NUMBER > 0.5, "yes", "no")),
    "three classes": pd.Series(np.where(NUMBER > 1, "high", np.where(NUMBER > 0, "middle", "low"))),
    "boolean classes": NUMBER > 0.5,
    "number classes": (NUMBER > 0.5).astype(int),
}


def contract(target: pd.Series, **more: object) -> Contract:
    regression = target.dtype.kind == "f"
    labels = None if regression else sorted(target.unique().tolist())
    settings = {
        "task": "regression" if regression else "classification",
        "target": "y",
        "positive": labels[1] if labels and len(labels) == 2 else None,
        "classes": labels,
        "metric": "mae" if regression else "log_loss",
        "features": FEATURES,
        "sensitive": [],
        "time": None,
        "group": None,
        "seed": 1,
        "confidence": 0.95,
        "group_min_rows": 20,
        "rows": {"train": COUNT, "test": 0},
        "data": {"file": "t.csv", "sha256": "0", "rows": COUNT, "columns": 9},
    }
    return Contract(**settings | more)


def members(agreed: Contract) -> dict[str, BaseEstimator]:
    return {"linear": model.linear(agreed), "boosting": model.boosting(agreed, 0.1, 30)}


@pytest.mark.parametrize("kind", TARGETS)
def test_every_learner_takes_every_type_and_survives_a_file(kind, tmp_path):
    target = TARGETS[kind]
    agreed = contract(target)
    both = members(agreed)
    blend = model.blend(agreed, both, {"linear": 0.5, "boosting": 0.5})
    for name, learner in {"dummy": model.dummy(agreed), **both, "blend": blend}.items():
        fitted = model.fit(learner, agreed, FRAME.assign(y=target))
        said = model.predict(fitted, agreed, FRAME)
        if agreed.task == "classification":
            np.testing.assert_allclose(said.sum(axis=1), 1)
        skops.io.dump(fitted, tmp_path / name)
        np.testing.assert_array_equal(model.predict(store.load_file(tmp_path / name), agreed, FRAME), said)


@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_values_nobody_has_seen_are_scored(name):
    agreed = contract(NUMBER)
    fitted = model.fit(members(agreed)[name], agreed, FRAME.assign(y=NUMBER))
    new = FRAME.head(3).assign(town=["Rome", None, "Bern"], code="new", amount=np.nan, flag=np.nan)
    assert np.isfinite(model.predict(fitted, agreed, new)).all()


def test_the_same_seed_gives_the_same_model():
    agreed = contract(NUMBER)
    twice = [model.fit(model.boosting(agreed, 0.1, 30), agreed, FRAME.assign(y=NUMBER)) for _ in range(2)]
    np.testing.assert_array_equal(twice[0].predict(FRAME), twice[1].predict(FRAME))


def test_a_class_without_training_rows_gets_no_probability():
    agreed = contract(TARGETS["three classes"])
    frame = FRAME.assign(y=TARGETS["three classes"])
    fitted = model.fit(model.linear(agreed), agreed, frame[frame["y"] != "low"])
    said = model.predict(fitted, agreed, FRAME)
    assert (said[:, agreed.classes.index("low")] == 0).all()


def test_cross_validation_prefers_the_model_that_fits_the_data():
    straight = 3 * FRAME["amount"].fillna(0) + RANDOM.normal(0, 0.1, COUNT)
    bent = 5.0 * ((FRAME["level"] == 2) ^ FRAME["flag"]) + RANDOM.normal(0, 0.1, COUNT)
    for target, best in ((straight, "linear"), (bent, "boosting")):
        agreed = contract(target)
        weights, report = choose.choose(agreed, FRAME.assign(y=target), members(agreed))
        assert weights[best] >= 0.75
        assert report["value"] == min(item["value"] for item in report["candidates"])


def test_folds_keep_groups_together_and_never_learn_from_the_future():
    frame = FRAME.assign(y=NUMBER).sort_values("at")
    found, judged_on, instead_of = choose.folds(contract(NUMBER, group="who"), frame)
    assert (judged_on, instead_of) == ("other groups", None)
    for fit, judge in found:
        assert not set(frame["who"].iloc[fit]) & set(frame["who"].iloc[judge])
    found, judged_on, instead_of = choose.folds(contract(NUMBER, time="at"), frame)
    assert (judged_on, instead_of) == ("later rows", None)
    for fit, judge in found:
        assert frame["at"].iloc[fit].max() < frame["at"].iloc[judge].min()


def test_folds_of_rows_with_times_of_their_own_are_those_of_scikit_learn():
    frame = FRAME.assign(y=NUMBER).sort_values("at")
    found, *_ = choose.folds(contract(NUMBER, time="at"), frame)
    for ours, theirs in zip(found, TimeSeriesSplit(choose.FOLDS).split(frame), strict=True):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))


@pytest.mark.parametrize(("instants", "number"), [(10, 5), (4, 3), (3, 2), (2, 1)])
def test_no_fold_cuts_through_an_instant(instants, number):
    frame = FRAME.assign(y=NUMBER, at=np.arange(COUNT) * instants // COUNT)
    found, judged_on, instead_of = choose.folds(contract(NUMBER, time="at"), frame)
    assert (len(found), judged_on, instead_of) == (number, "later rows", None)
    for fit, judge in found:
        assert frame["at"].iloc[fit].max() < frame["at"].iloc[judge].min()
    assert set(found[-1][1]) >= set(np.flatnonzero(frame["at"] == instants - 1))


def test_rows_of_one_instant_are_judged_by_chance():
    frame = FRAME.assign(y=NUMBER, at=7)
    assert choose.folds(contract(NUMBER, time="at"), frame)[1:] == ("rows by chance", None)


def test_folds_of_a_classification_do_not_learn_from_the_future_either():
    frame = FRAME.assign(y=TARGETS["text classes"]).sort_values("at")
    for more in ({"time": "at"}, {"time": "at", "group": "who"}):
        found, *_ = choose.folds(contract(frame["y"], **more), frame)
        assert len(found) == choose.FOLDS
        for fit, judge in found:
            assert frame["at"].iloc[fit].max() < frame["at"].iloc[judge].min()


@pytest.mark.parametrize("kind", ["regression", "text classes"])
@pytest.mark.parametrize("groups", [2, 3, 4])
def test_few_groups_give_few_folds_and_are_not_split(kind, groups):
    frame = FRAME.assign(y=TARGETS[kind], who=np.arange(COUNT) % groups)
    found, *_ = choose.folds(contract(TARGETS[kind], group="who"), frame)
    assert len(found) == groups
    for fit, judge in found:
        assert not set(frame["who"].iloc[fit]) & set(frame["who"].iloc[judge])


@pytest.mark.parametrize("metric", ["mae", "median_ae", "rmse", "r2"])
def test_no_constant_beats_the_dumb_baseline(metric):
    skewed = pd.Series(np.exp(NUMBER))
    agreed = contract(skewed, metric=metric)
    dummy = model.predict(model.fit(model.dummy(agreed), agreed, FRAME.assign(y=skewed)), agreed, FRAME)
    judge = METRICS[metric]
    sign = 1 if judge.higher_is_better else -1
    best = sign * judge.value(Rows(skewed.to_numpy(), dummy))
    for constant in (skewed.mean(), skewed.median()):
        assert best >= sign * judge.value(Rows(skewed.to_numpy(), np.full(COUNT, constant))) - 1e-9


def test_the_dumb_baseline_says_yes_to_all_where_f1_is_judged():
    rare = pd.Series(np.where(np.arange(COUNT) % 10, "no", "yes"))
    agreed = contract(rare, metric="f1")
    said = model.predict(model.fit(model.dummy(agreed), agreed, FRAME.assign(y=rare)), agreed, FRAME)
    assert METRICS["f1"].value(Rows(agreed.coded(rare), said, 1)) == pytest.approx(2 * 0.1 / 1.1)


def test_a_rare_class_is_not_lost_when_folds_are_made(monkeypatch):
    monkeypatch.setattr(choose, "ROWS", 300)
    rare = pd.Series(np.where(np.arange(COUNT) < 40, "rare", "common"))
    agreed = contract(rare, group="who")
    frame = FRAME.assign(y=rare, who=np.where(np.arange(COUNT) < 40, 0, FRAME["who"]))  # all of them in one group
    _, report = choose.choose(agreed, frame, members(agreed))
    assert np.isfinite(report["value"])
    assert 300 <= report["rows"] <= 350
    assert (report["judged_on"], report["instead_of"]) == ("rows by chance", "other groups")


def test_a_class_that_comes_late_is_judged_by_other_groups_and_that_is_said():
    frame = FRAME.assign(y=np.where(np.arange(COUNT) < COUNT * 0.8, "old", "new")).sort_values("at")
    frame["at"] = np.arange(COUNT)
    frame["y"] = np.where(np.arange(COUNT) < COUNT * 0.8, "old", "new")
    *_, judged_on, instead_of = choose.folds(contract(frame["y"], time="at", group="who"), frame)
    assert (judged_on, instead_of) == ("other groups", "later rows")
    *_, judged_on, instead_of = choose.folds(contract(frame["y"], time="at"), frame)
    assert (judged_on, instead_of) == ("rows by chance", "later rows")
    *_, judged_on, instead_of = choose.folds(contract(frame["y"]), frame)
    assert (judged_on, instead_of) == ("rows by chance", None)


# --- on disk


def test_a_saved_model_is_an_mlflow_model_that_needs_no_project(either):
    import mlflow

    loaded = mlflow.pyfunc.load_model(str(either.model))
    rows = either.test_rows()[either.contract().names]
    said = loaded.predict(rows)
    assert list(said) == list(store.load(either.model).predict(rows))
    files = {item.relative_to(either.model).as_posix() for item in either.model.rglob("*")}
    assert {"model.skops", "contract.json", "training.json", "input_example.json"} <= files
    code = {f"code/science/{name}" for name in ("__init__.py", *(file.name for file in store.code_files()))}
    assert {name for name in files if name.startswith("code/science/")} == code


def test_the_same_training_writes_the_same_bytes(regression, root, tmp_path):
    command = [sys.executable, "-m", "science.train", "--split", regression.split, "--max_iter", "50"]
    command += ["--model", tmp_path / "model", "--baselines", tmp_path / "baselines"]
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONHASHSEED": "7"}
    subprocess.run(command, check=True, env=environment)

    def content(folder):
        return {item.relative_to(folder).as_posix(): item.read_bytes() for item in folder.rglob("*") if item.is_file()}

    for name in ("model", "baselines"):
        once, again = content(regression.folder / name), content(tmp_path / name)
        assert [file for file in once if once[file] != again.get(file)] == []
        assert once.keys() == again.keys()


def test_a_model_is_loaded_with_the_feature_code_it_was_saved_with(regression, tmp_path):
    folder = shutil.copytree(regression.model, tmp_path / "model")
    code = folder / "code" / "science" / "features.py"
    code.write_text(code.read_text().replace("column.cast(nw.Float64) if", "column.cast(nw.Float64) * 2 if"))
    rows = regression.test_rows()
    theirs, ours = store.load(folder), store.load(regression.model)
    assert not np.allclose(theirs.predict(rows), ours.predict(rows))
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize(
    "function", [os.system, functools.partial(os.system, "true"), eval], ids=["system", "partial", "eval"]
)
def test_a_file_with_other_types_is_refused(function, tmp_path):
    skops.io.dump(FunctionTransformer(function), tmp_path / "bad.skops")
    with pytest.raises(DataError, match="not trusted"):
        store.load_file(tmp_path / "bad.skops")


def test_nothing_is_trusted_that_no_model_needs(either, tmp_path):
    agreed, needed = contract(TARGETS["three classes"]), set()
    blend = model.blend(agreed, members(agreed), {"linear": 0.5, "boosting": 0.5})
    fitted = model.fit(blend, agreed, FRAME.assign(y=TARGETS["three classes"]))
    skops.io.dump(fitted, tmp_path / "m.skops")
    for file in (tmp_path / "m.skops", either.model / "model.skops"):
        needed |= set(skops.io.get_untrusted_types(file=file))
    assert needed == set(store.TRUSTED_TYPES)
