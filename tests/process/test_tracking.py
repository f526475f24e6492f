"""The local MLflow store: made once, whole or not at all, and found again after a move or an update."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tdsp import tracking
from tdsp.errors import TdspError, WrongInput


@pytest.fixture(autouse=True)
def no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A project with a store, to copy."""
    root = tmp_path_factory.mktemp("made")
    tracking.make(root)
    return root


def start(root: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(tracking.__file__).parents[1])}
    command = [sys.executable, "-m", "tdsp.tracking", str(root)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def tables(database: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(database)) as reader:
        return {name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_variable_names_a_server(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert tracking.uri(tmp_path) == "http://127.0.0.1:1"
    assert tracking.is_ready(tmp_path)


def test_two_that_start_at_once_make_one_store(tmp_path):
    root = tmp_path / "it's a folder, é #1"
    root.mkdir()
    both = [start(root), start(root)]
    assert [(process.wait(120), process.stderr.read()) for process in both] == [(0, ""), (0, "")]
    assert tracking.is_ready(root)
    assert {"runs", "model_versions", "alembic_version"} <= tables(root / ".tdsp" / "mlflow" / "mlflow.db")


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.3, 1.2, 1.6, 1.9, 2.2, 2.6])
def test_killed_while_making_it_the_next_one_makes_it(tmp_path, after):
    process = start(tmp_path)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    database = tmp_path / ".tdsp" / "mlflow" / "mlflow.db"
    assert not database.exists() or "model_versions" in tables(database)  # whole, or not there
    tracking.make(tmp_path)
    assert tracking.is_ready(tmp_path)
    assert sorted(path.name for path in database.parent.iterdir()) == ["lock.db", "mlflow.db", "store.json"]


def test_an_older_mlflows_store_is_migrated_and_keeps_its_content(made, tmp_path):
    root = Path(shutil.copytree(made, tmp_path / "older"))
    stamp = root / ".tdsp" / "mlflow" / "store.json"
    stamp.write_text(json.dumps({"mlflow": "3.0.0", "root": root.resolve().as_posix()}), encoding="utf-8")
    with contextlib.closing(sqlite3.connect(stamp.with_name("mlflow.db"))) as database, database:
        database.execute("INSERT INTO registered_models (name, workspace) VALUES ('mine', 'default')")
    assert not tracking.is_ready(root)
    tracking.make(root)
    assert tracking.is_ready(root)
    with contextlib.closing(sqlite3.connect(stamp.with_name("mlflow.db"))) as database:
        assert database.execute("SELECT name FROM registered_models").fetchall() == [("mine",)]


def test_a_moved_project_finds_its_artifacts(made, tmp_path):
    root = Path(shutil.copytree(made, tmp_path / "moved"))
    assert not tracking.is_ready(root)
    tracking.make(root)
    with contextlib.closing(sqlite3.connect(root / ".tdsp" / "mlflow" / "mlflow.db")) as database:
        (place,) = database.execute("SELECT artifact_location FROM experiments").fetchone()
    assert place == f"{tracking.artifacts(root.resolve())}/0"


def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path):
    folder = tmp_path / ".tdsp" / "mlflow"
    folder.mkdir(parents=True)
    (folder / "mlflow.db").write_text("not a database at all", encoding="utf-8")
    with pytest.raises(TdspError, match="move it away") as caught:
        tracking.make(tmp_path)
    assert "\n" not in str(caught.value)
    assert (folder / "mlflow.db").read_text(encoding="utf-8") == "not a database at all"


@pytest.mark.parametrize("name", ["a?b", "a%20b"])
def test_a_path_that_no_address_can_hold_is_refused(tmp_path, name):
    with pytest.raises(WrongInput, match="rename that folder"):
        tracking.make(tmp_path / name)


def test_a_named_file_is_made_once_and_means_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///team/runs.db")
    root = tmp_path / "project"
    root.mkdir()
    address = tracking.uri(root)
    assert address == f"sqlite:///{(tmp_path / 'team' / 'runs.db').as_posix()}"
    assert not tracking.is_ready(root)
    tracking.make(root)
    assert tracking.is_ready(root)
    assert {"runs", "model_versions"} <= tables(tmp_path / "team" / "runs.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "team" / "runs.db")) as database:
        (place,) = database.execute("SELECT artifact_location FROM experiments").fetchone()
    assert place == f"{(tmp_path / 'team' / 'artifacts').as_posix()}/0"
