"""The scoring script, its environment and the real server, on models that this project trained."""

from __future__ import annotations

import importlib.metadata
import json
import os
import pickle
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from packaging.requirements import Requirement
from sklearn.preprocessing import FunctionTransformer

from science import model, store
from tdsp.serving import check as serving_check
from tdsp.serving import server as serving

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scoring"))

import model_folder  # noqa: E402 - the path is set above
import request as scoring_request  # noqa: E402 - the path is set above
from request import RequestError, rows_of  # noqa: E402 - the path is set above

SHARED = ("narwhals", "numpy", "pandas", "scikit-learn", "skops")  # what a model needs wherever it runs


def test_a_served_model_predicts_what_the_trained_one_does(either):
    contract, rows = either.contract(), either.test_rows()
    served = model_folder.load(either.model)
    body = json.dumps({"data": json.loads(rows[contract.names].to_json(orient="records", double_precision=15))})
    answer = served.predict(rows_of(body.encode(), served.contract))
    expected = model.predict(store.load(either.model), contract, rows)
    if contract.task == "regression":
        np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-9)
    else:
        shares = [[share[label] for label in contract.classes] for share in answer["probabilities"]]
        np.testing.assert_allclose(shares, expected, rtol=1e-9)
        assert answer["predictions"] == [contract.classes[place] for place in expected.argmax(axis=1)]


def test_ten_thousand_rows_are_one_call_of_the_model(regression, monkeypatch):
    served, calls = model_folder.load(regression.model), []
    predict = served.model.predict
    monkeypatch.setattr(served.model, "predict", lambda rows: calls.append(len(rows)) or predict(rows))
    row = json.loads((regression.folder / "request.txt").read_text())["data"][0]
    rows = rows_of(json.dumps({"data": [row] * 10_000}).encode(), served.contract)
    assert len(set(served.predict(rows)["predictions"])) == 1
    assert calls == [10_000]


def feature(name, kind, **more):
    return {
        "name": name,
        "type": kind,
        "categories": None,
        "minimum": None,
        "maximum": None,
        "nullable": False,
    } | more


CONTRACT = {
    "features": [
        feature("age", "integer", minimum=0, maximum=120),
        feature("weight", "float", nullable=True),
        feature("city", "string", categories=["Basel", "Århus"]),
        feature("smokes", "boolean"),
        feature("seen", "datetime"),
    ]
}
GOOD = {"age": 40, "weight": 70.5, "city": "Århus", "smokes": True, "seen": "2026-01-31T10:00:00+02:00"}


def sentence(body) -> str:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(RequestError) as refused:
        rows_of(text, CONTRACT)
    assert refused.value.status == 400
    return str(refused.value)


def test_good_rows_get_the_types_of_the_training_data():
    rows = rows_of(json.dumps({"data": [GOOD, GOOD | {"weight": None, "age": 41.0}]}).encode(), CONTRACT)
    assert [str(kind) for kind in rows.dtypes] == ["int64", "float64", "object", "bool", "datetime64[ns]"]
    assert rows["seen"][0] == pd.Timestamp("2026-01-31T08:00:00")
    assert rows["weight"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"age": "40"}, "column 'age': '40' is not a whole number"),
        ({"age": 40.5}, "column 'age': 40.5 is not a whole number"),
        ({"age": True}, "column 'age': true is not a whole number"),
        ({"age": 10**400}, "column 'age': 1000"),
        ({"age": 2**63}, "column 'age': 9223372036854775808 is not a whole number of at most 64 bits"),
        ({"age": None}, "column 'age': null is not allowed"),
        ({"age": -1}, "column 'age': -1 is below 0"),
        ({"age": 121}, "column 'age': 121 is above 120"),
        ({"weight": [1]}, "column 'weight': [1] is not a number"),
        (
            {"weight": float("nan")},
            "column 'weight': NaN is not a finite number",
        ),
        ({"weight": float("-inf")}, "column 'weight': -Infinity is not a finite number"),
        ({"city": "Berlin"}, "column 'city': 'Berlin' is not one of 'Basel', 'Århus'"),
        ({"city": 5}, "column 'city': 5 is not text"),
        ({"smokes": 1}, "column 'smokes': 1 is not true or false"),
        ({"seen": "31.1.2026"}, "column 'seen': '31.1.2026' is not a date or time"),
        ({"seen": "now"}, "column 'seen': 'now' is not a date or time"),
        ({"seen": " Today"}, "column 'seen': ' Today' is not a date or time"),
        ({"stranger": 1}, "column 'stranger' is not one the model knows"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_column(change, said):
    assert sentence({"data": [GOOD, GOOD | change]}).startswith(f"row 2: {said}")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the request is not JSON: it is empty"),
        (b"{oops", "the request is not JSON"),
        (b"\xff\xfe\xff", "the request is not JSON"),
        (b"[" * 100_000, "the request is not JSON"),
        ([], 'the request must be an object with one key, "data"'),
        ({"rows": []}, 'the request must be an object with one key, "data"'),
        ({"data": {}}, '"data" must be a list of rows'),
        ({"data": []}, '"data" is empty; send at least one row'),
        ({"data": [GOOD, 5]}, "row 2: 5 is not an object"),
        ({"data": [{**GOOD, "age": 1}, {}]}, "row 2: column 'age' is missing; "),
    ],
)
def test_a_request_that_is_none_gets_a_sentence(body, said):
    assert sentence(body).startswith(said)


def test_of_many_mistakes_the_first_are_told_and_the_rest_counted():
    told = sentence({"data": [GOOD] + [GOOD | {"age": -row} for row in range(1, 1001)]})
    assert told.split("; ")[0] == "row 2: column 'age': -1 is below 0"
    assert told.endswith("; and 997 more")
    assert told.count("row ") == 3


def test_a_row_of_nothing_but_nulls_is_a_row():
    contract = {"features": [each | {"nullable": True} for each in CONTRACT["features"]]}
    rows = rows_of(json.dumps({"data": [dict.fromkeys(GOOD)]}).encode(), contract)
    assert [str(kind) for kind in rows.dtypes] == ["float64", "float64", "object", "float64", "datetime64[ns]"]
    assert rows.isna().all(axis=None)


def test_too_many_rows_are_too_large_a_request():
    with pytest.raises(RequestError, match="100,001 rows in one request, at most 100,000") as refused:
        rows_of(json.dumps({"data": [0] * (scoring_request.MAX_ROWS + 1)}).encode(), CONTRACT)
    assert refused.value.status == 413
    assert serving_check.TOO_MANY == scoring_request.MAX_ROWS + 1


@pytest.fixture
def copied(regression, tmp_path) -> Path:
    """A copy of a model folder, to break."""
    return Path(shutil.copytree(regression.model, tmp_path / "model"))


def test_a_pickle_is_not_opened_whatever_it_is_called(copied):
    (copied / "model.skops").write_bytes(pickle.dumps(print))
    with pytest.raises(model_folder.ModelError, match="is not a skops file; pickles"):
        model_folder.load(copied)
    (copied / "model.skops").rename(copied / "model.pkl")
    with pytest.raises(model_folder.ModelError, match=r"has no model.skops; pickles"):
        model_folder.load(copied)


def test_a_file_that_would_call_something_is_refused_even_when_the_folder_trusts_it(copied):
    skops.io.dump(FunctionTransformer(os.system), copied / "model.skops")
    description = yaml.safe_load((copied / "MLmodel").read_text())
    description["flavors"]["sklearn"]["skops_trusted_types"] += [f"{os.system.__module__}.system"]
    (copied / "MLmodel").write_text(yaml.safe_dump(description))
    with pytest.raises(model_folder.ModelError, match=r"does not trust: \w+\.system"):
        model_folder.load(copied)


def test_a_folder_without_model_or_contract_is_refused(copied):
    with pytest.raises(model_folder.ModelError, match="holds no folders with an MLmodel file"):
        model_folder.load(copied / "code")
    assert model_folder.load(copied.parent).folder == copied  # Azure ML mounts the parent
    (copied / "contract.json").unlink()
    with pytest.raises(model_folder.ModelError, match=r"contract.json cannot be read"):
        model_folder.load(copied)


def test_loading_leaves_no_trace_in_the_folder(copied):
    before = sorted(copied.rglob("*"))
    code = f"import pathlib, model_folder; model_folder.load(pathlib.Path({str(copied)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scoring", check=True)
    assert sorted(copied.rglob("*")) == before


def test_the_scoring_script_trusts_what_training_writes_and_no_more():
    assert model_folder.TRUSTED == store.TRUSTED_TYPES


def test_one_date_decides_the_versions_of_both_environments():
    ours, theirs = (tomllib.loads((ROOT / file).read_text()) for file in ("pyproject.toml", "scoring/pyproject.toml"))
    assert ours["tool"]["uv"]["exclude-newer"] == theirs["tool"]["uv"]["exclude-newer"]


@pytest.fixture(scope="session")
def locked(tmp_path_factory) -> Path:
    """The serving environment, resolved once; without an index and without uv's cache the test is skipped."""
    copy = tmp_path_factory.mktemp("scoring")
    for name in ("pyproject.toml", "uv.lock"):  # the lock is there once something was served
        if (ROOT / "scoring" / name).exists():
            shutil.copy(ROOT / "scoring" / name, copy)
    command = [serving.uv(), "lock", "--project", str(copy), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, env=serving.environment(os.environ))
    offline = ("error sending request", "Failed to fetch", "dns error", "network was disabled")
    if done.returncode and any(words.casefold() in done.stderr.casefold() for words in offline):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return copy


@pytest.fixture(scope="module")
def resolved(locked) -> list[Requirement]:
    """What the serving environment consists of, for every Python."""
    command = [
        serving.uv(),
        "export",
        "--project",
        str(locked),
        "--no-hashes",
        "--no-annotate",
        "--no-header",
        "--quiet",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=serving.environment(os.environ))
    return [Requirement(line) for line in done.stdout.splitlines()]


def versions(resolved: list[Requirement], python: str) -> dict[str, str]:
    markers = {"python_version": python, "python_full_version": f"{python}.0"}
    fitting = [each for each in resolved if each.marker is None or each.marker.evaluate(markers)]
    return {each.name: str(each.specifier).removeprefix("==") for each in fitting}


def test_a_model_is_served_by_the_versions_that_trained_it(resolved):
    found = versions(resolved, f"{sys.version_info.major}.{sys.version_info.minor}")
    assert {name: found[name] for name in SHARED} == {name: importlib.metadata.version(name) for name in SHARED}


def test_azure_ml_gets_the_same_versions(resolved):
    conda = yaml.safe_load((ROOT / "scoring" / "conda.yml").read_text())["dependencies"]
    python = next(line for line in conda if str(line).startswith("python=")).removeprefix("python=")
    pins = dict(line.split("==") for line in conda[-1]["pip"])
    found = versions(resolved, python)
    assert pins == {name: found[name] for name in (*SHARED, "azureml-ai-monitoring", "azureml-inference-server-http")}


@pytest.fixture(scope="module")
def batch_pins() -> dict[str, str]:
    """What pip installs for batch jobs in Azure ML, package -> version."""
    conda = yaml.safe_load((ROOT / "scoring" / "batch-conda.yml").read_text())["dependencies"]
    return dict(line.split("==") for line in conda[-1]["pip"])


def test_batch_jobs_get_the_same_versions_but_for_numpy(resolved, batch_pins):
    found = versions(resolved, "3.11")
    same = [name for name in SHARED if name != "numpy"]  # which Azure ML's own package holds back
    assert {name: batch_pins[name] for name in same} == {name: found[name] for name in same}


def test_the_packages_of_batch_jobs_agree_with_each_other(locked, batch_pins):
    wanted = locked / "batch.in"
    wanted.write_text("".join(f"{name}=={version}\n" for name, version in batch_pins.items()))
    command = [serving.uv(), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python-version", "3.11"]
    command += ["--python-platform", "linux", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, env=serving.environment(os.environ))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def home(locked, tmp_path_factory) -> Path:
    """This project, if it has served before; else a copy of its scoring folder, where the environment is built."""
    if (ROOT / "scoring" / ".venv").exists():
        return ROOT
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "scoring", folder / "scoring", ignore=shutil.ignore_patterns(".venv"))
    shutil.copy(locked / "uv.lock", folder / "scoring")
    return folder


def test_the_real_server_answers_every_case_as_it_should(regression, home):
    request = regression.folder / "request.txt"
    cases = serving_check.cases_for(regression.model, request, home / "scoring")
    with serving.running(home, regression.model) as server:
        results = list(serving_check.check(server.score, cases))
    assert len(results) > 15
    assert [(result.name, result.problem) for result in results if result.problem] == []
