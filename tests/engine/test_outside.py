"""What lies outside the engine - listeners, MLflow stores, the shell's variables - and fails or holds secrets."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from tdsp import engine
from tdsp.engine import mlflow_runs
from tdsp.engine.executor import shellsafe, variables
from tdsp.engine.mlflow_runs import TrackingError, absolute
from tdsp.errors import TdspError


def test_a_listener_that_fails_fails_no_step(bench):
    bench.pipeline({"a": "echo 1", "b": "echo 2"})

    def gone(*_) -> None:
        raise BrokenPipeError

    assert engine.run(bench.file, home=bench.home, tell=gone).ok


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("sqlite:///mlflow.db", "sqlite:///{}/mlflow.db"),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
        ("sqlite:///m.db?mode=ro", "sqlite:///{}/m.db?mode=ro"),
        ("./mlruns", "{}/mlruns"),
        ("file:mlruns", "file:{}/mlruns"),
        ("file:///a/mlruns", "file:///a/mlruns"),
        ("http://host:5000", "http://host:5000"),
        ("databricks", "databricks"),
    ],
)
def test_a_store_means_the_same_from_any_folder(tmp_path: Path, monkeypatch, given: str, made: str):
    monkeypatch.chdir(tmp_path)
    assert absolute(given) == made.format(tmp_path)
    assert engine.Options(tracking_uri=given).tracking_uri == absolute(given)


class Broken:
    """A store that is locked for ever, or from the end of the first step on."""

    def __init__(self, at_once: bool):
        self._at_once = at_once

    def experiment(self, _: str) -> str:
        if self._at_once:
            raise sqlite3.OperationalError("database is locked\nand more")
        return "1"

    def start(self, *_) -> str:
        return "run"

    def end(self, *_) -> None:
        raise sqlite3.OperationalError("database is locked")


def test_a_store_that_cannot_be_used_is_an_error_of_one_line(bench, monkeypatch):
    bench.pipeline({"a": "true"})
    monkeypatch.setattr(mlflow_runs, "_backend", lambda _: Broken(at_once=True))
    with pytest.raises(TrackingError) as error:
        bench.run(tracking_uri="http://me:secret@127.0.0.1:9")
    assert str(error.value) == "the MLflow store http://127.0.0.1:9 cannot be used: database is locked"


def test_a_store_that_is_lost_costs_no_result(bench, monkeypatch):
    bench.pipeline({"a": "true"})
    monkeypatch.setattr(mlflow_runs, "_backend", lambda _: Broken(at_once=False))
    result = bench.run(tracking_uri="http://127.0.0.1:9")
    assert result.ok
    assert "database is locked" in result.steps["a"].reason


def test_no_step_reports_its_use_unless_its_user_wants_that():
    assert variables.clean(outside={})["MLFLOW_DISABLE_TELEMETRY"] == "true"
    wanted = {"MLFLOW_DISABLE_TELEMETRY": "false", "DO_NOT_TRACK": "true"}
    assert variables.clean(outside=wanted).items() >= wanted.items()


def test_passwords_in_addresses_stay_out(bench, monkeypatch):
    chosen = variables.clean(outside={"HTTPS_PROXY": "http://me:secret@proxy:1", "no_proxy": "a,b"})
    assert (chosen["HTTPS_PROXY"], chosen["no_proxy"]) == ("http://proxy:1", "a,b")
    bench.pipeline({"a": "true"})
    monkeypatch.setattr(mlflow_runs, "_backend", lambda _: Broken(at_once=False))
    bench.run(tracking_uri="http://me:secret@127.0.0.1:9")
    kept = [path for path in bench.home.rglob("*.json") if path.is_file()]
    assert kept
    assert not [path for path in kept if "secret" in path.read_text()]


def test_links_are_only_made_in_a_folder_that_nobody_else_can_write_to(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    spaced = tmp_path / "a b"
    spaced.mkdir()
    assert shellsafe.safe(spaced).resolve() == spaced
    (folder,) = tmp_path.glob("tdsp-*")
    folder.chmod(0o777)
    with pytest.raises(TdspError, match="others could write"):
        shellsafe.safe(spaced)
