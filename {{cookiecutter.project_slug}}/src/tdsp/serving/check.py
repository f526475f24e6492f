"""Try a running scoring server: sample rows, ten thousand rows, every kind of mistake."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tdsp import shell
from tdsp.errors import TdspError, WrongInput
from tdsp.serving.client import Answer, send

MANY = 10_000
TOO_MANY = 100_001  # one more than scoring/request.py takes; a test compares them
TOLERANCE = 1e-9  # relative; the same model on the same rows, in another environment


@dataclass(frozen=True)
class Case:
    """One request and the answer it must get: its status, and words its sentence must hold."""

    name: str
    body: bytes | None
    status: int = 400
    words: tuple[str, ...] = ()
    method: str = "POST"
    predictions: dict[str, list] | None = None


@dataclass(frozen=True)
class Result:
    """How a case went; `problem` is empty when it went well."""

    name: str
    status: int
    detail: str
    problem: str


def check(url: str, cases: Iterable[Case]) -> Iterator[Result]:
    """Send every case to `url`, where rows are sent, and yield what came of it.

    Raises:
        TdspError: the server is gone.
    """
    for case in cases:
        started = time.perf_counter()
        answer = send(url, case.body, case.method)
        milliseconds = 1000 * (time.perf_counter() - started)
        detail = answer.sentence or f"answered in {milliseconds:.0f} ms"
        yield Result(case.name, answer.status, detail, problem_of(case, answer))


def cases_for(model: Path, sample: Path, scoring: Path) -> list[Case]:
    """Return every case that a model must pass; takes seconds, as the model is loaded.

    Args:
        model: the model folder that is served; its predictions on this machine are the expected ones.
        sample: the sample request, JSON.
        scoring: the project's folder with `model_folder.py`, which loads the model here, too.

    Raises:
        WrongInput: the sample request is not one.
        TdspError: the model cannot be loaded.
    """
    contract = json.loads((model / "contract.json").read_text(encoding="utf-8"))
    rows = _sample_rows(sample, {feature["name"] for feature in contract["features"]})
    return list(_cases(contract, rows, _offline(model, sample, scoring)))


def _sample_rows(sample: Path, names: set[str]) -> list[dict[str, Any]]:
    try:
        rows = json.loads(sample.read_text(encoding="utf-8"))["data"]
        fitting = bool(rows) and all(row.keys() == names for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WrongInput(f"{sample} is not a sample request: {error}") from None
    if not fitting:
        raise WrongInput(
            f"{sample} has other columns than this model{_difference_of(rows, names)}: train one on today's facts with "
            "`tdsp run`; if it is refused, its verdict says what frees the champion's place"
        )
    return rows


def _difference_of(rows: list, names: set[str]) -> str:
    """Name a column that only one of them has."""
    here = set(rows[0]) if rows else set()
    if here and (missing := names - here):
        return f" (the model needs {min(missing)!r})"
    return f" ({min(here - names)!r} is new)" if here - names else ""


def _offline(model: Path, sample: Path, scoring: Path) -> dict[str, list]:
    """Return the answer that this machine gives without a server."""
    command = [sys.executable, "-m", "tdsp.serving.offline", *map(str, (model, sample, scoring))]
    try:
        return json.loads(shell.run(*command, timeout=120))
    except shell.CommandError as failed:
        raise TdspError(f"{model} cannot be loaded and used without a server: {failed.said}") from None


def _cases(contract: dict[str, Any], rows: list[dict[str, Any]], expected: dict[str, list]) -> Iterator[Case]:
    """Yield every case that this contract allows to be made."""
    many = {key: list(islice(cycle(values), MANY)) for key, values in expected.items()}
    yield Case("the sample request", _body(rows), 200, predictions=expected)
    yield Case(f"{MANY:,} rows", _body(list(islice(cycle(rows), MANY))), 200, predictions=many)
    yield Case("not JSON", b"{data: oops", words=("not JSON",))
    yield Case("an empty request", b"", words=("empty",))
    yield Case("a list instead of an object", b"[1, 2]", words=('"data"',))
    yield Case("no data", b'{"rows": []}', words=('"data"',))
    yield Case("an empty list", b'{"data": []}', words=("empty",))
    yield Case("a row that is no object", b'{"data": [5]}', words=("row 1",))
    yield Case("a GET request", None, 405, ("POST",), "GET")
    yield Case("too many rows", b'{"data": [' + b"0," * (TOO_MANY - 1) + b"0]}", 413, ("rows",))
    yield from _wrong_rows(contract, rows)
    yield Case("the sample request again", _body(rows), 200, predictions=expected)


def _wrong_rows(contract: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[Case]:
    features = contract["features"]
    names = [feature["name"] for feature in features]
    last = len(rows)  # the mistake goes into the last row, so that its number says something

    def with_last(changes: dict[str, Any]) -> bytes:
        return _body([*rows[:-1], {**rows[-1], **changes}])

    def first(test) -> dict[str, Any] | None:
        return next((feature for feature in features if test(feature)), None)

    yield Case(
        "a missing column",
        _body([*rows[:-1], {name: rows[-1][name] for name in names[1:]}]),
        words=(f"row {last}", repr(names[0]), "missing"),
    )
    stranger = next(name for name in map("column_{}".format, range(len(names) + 1)) if name not in names)
    yield Case("an unknown column", with_last({stranger: 1}), words=(f"row {last}", stranger))
    for kind in sorted({feature["type"] for feature in features}):
        feature = first(lambda f, k=kind: f["type"] == k)
        wrong = 12 if kind in ("string", "datetime") else "twelve"
        yield _value_case(f"a wrong type for {kind}", feature["name"], wrong, last, with_last)
    tests = {
        "an unknown category": lambda f: f["categories"],
        "a value below the range": lambda f: f["minimum"] is not None and f["type"] in ("float", "integer"),
        "a value above the range": lambda f: f["maximum"] is not None and f["type"] in ("float", "integer"),
        "null where none is allowed": lambda f: not f["nullable"],
        "NaN": lambda f: f["type"] == "float",
        "Infinity": lambda f: f["type"] == "float",
    }
    values = {
        "an unknown category": lambda f: _stranger(f["categories"]),
        "a value below the range": lambda f: math.floor(f["minimum"]) - 1,
        "a value above the range": lambda f: math.ceil(f["maximum"]) + 1,
        "null where none is allowed": lambda _: None,
        "NaN": lambda _: math.nan,
        "Infinity": lambda _: math.inf,
    }
    for name, test in tests.items():
        if feature := first(test):
            yield _value_case(name, feature["name"], values[name](feature), last, with_last)


def _value_case(name: str, column: str, value: Any, row: int, with_last) -> Case:
    return Case(f"{name} ({column})", with_last({column: value}), words=(f"row {row}", repr(column)))


def _stranger(categories: list) -> Any:
    """Return a value of the categories' type that is none of them."""
    if all(isinstance(value, str) for value in categories):
        return "_".join(categories)[:40] + "?"
    return max(categories) + 1


def _body(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"data": rows}).encode()


def problem_of(case: Case, answer: Answer) -> str:
    """Return what is wrong with an answer, empty when nothing is."""
    if answer.status != case.status:
        return f"status {answer.status} instead of {case.status}"
    if case.predictions is not None:
        return _difference(case.predictions, answer.content)
    if not answer.sentence:
        return "no sentence that says what is wrong"
    unsaid = [word for word in case.words if word not in answer.sentence]
    return f"the sentence does not say {', '.join(map(repr, unsaid))}" if unsaid else ""


def _difference(expected: dict[str, list], got: Any) -> str:
    """Return the first difference between two answers, empty when they agree."""
    if not isinstance(got, dict) or got.keys() != expected.keys():
        return f"the answer must hold {', '.join(expected)}"
    for key, values in expected.items():
        if not isinstance(got[key], list) or len(got[key]) != len(values):
            return f"{key} must be a list with one entry for each of {len(values)} rows"
        for row, (ours, theirs) in enumerate(zip(values, got[key], strict=True), 1):
            if not _same(ours, theirs):
                return f"row {row}: {key}: {theirs} served, {ours} offline"
    return ""


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        return (
            isinstance(theirs, dict) and ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours)
        )
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return ours == theirs
