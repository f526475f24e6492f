"""The registry is read the same by SQL and by MLflow's client, and survives being killed at any point."""

import dataclasses
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from process import evidence
from tdsp import files, registry, tracking
from tdsp.errors import TdspError

NAME = "demo"


@pytest.fixture
def root(with_store) -> Path:
    """A project with an empty store of its own."""
    return with_store()


@pytest.fixture
def uri(root) -> str:
    return tracking.uri(root)


def model(root: Path, content: str) -> Path:
    return evidence.model(root / content, content)


def test_without_a_store_nothing_is_registered(tmp_path):
    assert registry.versions(f"sqlite:///{tmp_path / 'none.db'}", NAME) == []


def test_a_new_model_becomes_the_champion(root, uri):
    first = registry.register(uri, NAME, model(root, "one"), {"tdsp.commit": "abc"}, None)
    second = registry.register(uri, NAME, model(root, "two"), {}, None)
    assert (first.number, first.champion, second.number, second.champion) == (1, True, 2, True)
    assert [(v.number, v.champion) for v in registry.versions(uri, NAME)] == [(2, True), (1, False)]
    assert registry.champion(uri, NAME) == second
    assert str(second) == "demo v2"


def test_sql_and_the_client_read_the_same(root, uri):
    registry.register(uri, NAME, model(root, "one"), {"tdsp.commit": "abc", "tdsp.lock_sha256": ""}, None)
    registry.register(uri, NAME, model(root, "two"), {"tdsp.started_by": 'Ada "|" é'}, None)
    registry.register(uri, "another", model(root, "three"), {}, None)

    def told(versions):
        return [dataclasses.replace(version, source="") for version in versions]

    by_sql, by_client = registry.versions(uri, NAME), registry._from_client(uri, NAME)
    assert len(by_sql) == 2
    assert told(by_sql) == told(by_client)


def test_repeating_a_registration_makes_no_second_version(root, uri):
    registry.register(uri, NAME, model(root, "one"), {}, None)
    again = registry.register(uri, NAME, model(root, "one"), {"tdsp.commit": "later"}, None)
    assert [version.number for version in registry.versions(uri, NAME)] == [1]
    assert again.tags["tdsp.commit"] == "later"


@pytest.mark.parametrize(
    "killed_at",
    ["create_registered_model", "log_artifacts", "create_model_version", "set_registered_model_alias"],
)
def test_killed_before_any_call_the_old_champion_stays_and_the_next_try_ends_well(root, uri, killed_at, monkeypatch):
    from mlflow import MlflowClient

    old = registry.register(uri, NAME, model(root, "one"), {}, None)

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(MlflowClient, killed_at, die)
        with pytest.raises(Killed):
            registry.register(uri, NAME, model(root, "two"), {}, None)
    assert registry.champion(uri, NAME) == old
    registry.fetch(uri, old, root / "home")
    new = registry.register(uri, NAME, model(root, "two"), {}, None)
    assert (new.number, new.champion) == (2, True)


def test_what_another_process_made_meanwhile_is_no_failure(root, uri, monkeypatch):
    """Both looked before either of them wrote: the second one finds the experiment that was not there."""
    seen, known = [], MlflowClient.get_experiment_by_name

    def late(client, name):
        seen.append(name)
        if len(seen) == 1:
            client.create_experiment(name, str(root / "artifacts"))
            return None
        return known(client, name)

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", late)
    assert registry.register(uri, NAME, model(root, "one"), {}, None).champion
    assert len(seen) == 2


def test_what_stays_wrong_is_told_once(root, uri, monkeypatch):
    tried = []

    def refuse(*_words, **_options):
        tried.append(1)
        raise MlflowException("database is locked")

    monkeypatch.setattr(MlflowClient, "create_model_version", refuse)
    with pytest.raises(TdspError, match="the registry gave no answer \\(database is locked"):
        registry.register(uri, NAME, model(root, "one"), {}, None)
    assert len(tried) == 3


WRITER = """
import sys, time
from pathlib import Path
from tdsp import registry
uri, here, name, other, *models = sys.argv[1:]
registry._from_client(uri, "demo")  # what is slow the first time
try:
    for turn, model in enumerate(models):
        Path(here, f"{name}{turn}").touch()
        while not Path(here, f"{other}{turn}").exists():
            if Path(here, f"{other} ended").exists():
                sys.exit("the other one failed")
            time.sleep(0.001)
        registry.register(uri, "demo", Path(model), {"tdsp.started_by": name}, None)
finally:
    Path(here, f"{name} ended").touch()
"""


def test_two_processes_that_register_at_once_lose_nothing_and_leave_one_champion(root, uri, tmp_path):
    """Which of the two wins is open: MLflow cannot move an alias only if it is still where it was."""
    variables = os.environ | {"PYTHONPATH": str(Path(registry.__file__).parents[1])}
    here = tmp_path / "turns"
    here.mkdir()
    both = []
    for name, other in ("ab", "ba"):
        models = [str(model(root, f"{name}{turn}")) for turn in range(4)]
        command = [sys.executable, "-c", WRITER, uri, str(here), name, other, *models]
        both.append(
            subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    said = [writer.communicate(timeout=120)[0] for writer in both]
    assert [writer.returncode for writer in both] == [0, 0], said
    found = registry.versions(uri, NAME)
    assert sorted(version.number for version in found) == list(range(1, 9))
    assert sum(version.champion for version in found) == 1
    assert sorted(version.tags["tdsp.started_by"] for version in found) == ["a"] * 4 + ["b"] * 4
    for version in found:
        assert files.sha256_of(registry.fetch(uri, version, root / "home")) == version.tags[registry.MODEL_DIGEST]


def test_a_version_is_fetched_once_and_repaired_when_damaged(root, uri):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    folder = registry.fetch(uri, version, root / "home")
    assert folder == root / "home" / "demo-v1"
    assert files.sha256_of(folder) == files.sha256_of(root / "one")
    before = folder.stat().st_ino
    assert registry.fetch(uri, version, root / "home").stat().st_ino == before
    (folder / "model.skops").write_text("damaged", encoding="utf-8")
    registry.fetch(uri, version, root / "home")
    assert (folder / "model.skops").read_text(encoding="utf-8") == "one"


def test_bytecode_beside_the_models_code_is_not_damage(root, uri):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    folder = registry.fetch(uri, version, root / "home")
    (folder / "code" / "__pycache__").mkdir(parents=True)
    (folder / "code" / "__pycache__" / "x.pyc").write_bytes(b"x")
    registry.fetch(uri, version, root / "home")
    assert (folder / "code" / "__pycache__" / "x.pyc").exists()


def test_a_download_gives_the_same_files(root, uri):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    (by_client,) = registry._from_client(uri, NAME)
    target = root / "downloaded"
    registry._download(uri, by_client, target)
    assert files.sha256_of(target) == version.tags[registry.MODEL_DIGEST]


def test_files_that_are_gone_or_changed_in_the_store_are_refused(root, uri):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    stored = Path(version.source)
    (stored / "model.skops").write_text("changed", encoding="utf-8")
    with pytest.raises(TdspError, match="are not those that were registered"):
        registry.fetch(uri, version, root / "home")
    shutil.rmtree(stored)
    with pytest.raises(TdspError, match="are gone"):
        registry.fetch(uri, version, root / "home")
    assert not list((root / "home").iterdir())


def test_artifacts_of_the_local_store_lie_beside_it(root, uri):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    assert Path(version.source).is_relative_to(tracking.artifacts(root).resolve())


HALF_WRITTEN = """
import os, signal, sqlite3, sys

database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA cache_size = 1")  # so that pages reach the file before the end
database.execute("BEGIN")
database.execute("DELETE FROM model_versions")
database.execute("CREATE TABLE many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
                 " SELECT i, hex(randomblob(200)) FROM n")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_what_a_killed_writer_left_half_written_is_taken_back_by_who_reads(root, uri):
    registry.register(uri, NAME, model(root, "one"), {}, None)
    database = root / ".tdsp" / "mlflow" / "mlflow.db"
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(database)], check=False)
    journal = database.with_name("mlflow.db-journal")
    assert journal.stat().st_size > 0
    assert [version.number for version in registry.versions(uri, NAME)] == [1]
    assert not journal.exists()


def test_a_database_of_something_else_is_refused_in_one_line(tmp_path):
    database = tmp_path / "other.db"
    with sqlite3.connect(database) as writer:
        writer.execute("CREATE TABLE x (y)")
    with pytest.raises(TdspError, match="cannot be read as an MLflow store"):
        registry.versions(f"sqlite:///{database}", NAME)


@pytest.mark.parametrize("call", ["create_registered_model", "log_artifacts", "set_registered_model_alias"])
def test_a_registry_that_fails_is_one_line(root, uri, call, monkeypatch):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def fails(*_, **__):
        raise MlflowException("the server is down\nand more")

    monkeypatch.setattr(MlflowClient, call, fails)
    if call == "create_registered_model":  # a failure here shows in the next call
        monkeypatch.setattr(MlflowClient, "create_model_version", fails)
    with pytest.raises(TdspError, match=r"gave no answer \(the server is down\)") as told:
        registry.register(uri, NAME, model(root, "one"), {}, None)
    assert "\n" not in str(told.value)


def test_two_that_fetch_at_once_both_get_the_files(root, uri, tmp_path, monkeypatch):
    version = registry.register(uri, NAME, model(root, "one"), {}, None)
    copytree, home = shutil.copytree, tmp_path / "champion"
    (home / f".{NAME}-v1.left").mkdir(parents=True)
    os.utime(home / f".{NAME}-v1.left", (0, 0))

    def slowly(source, target, **options):  # the other command is done while this one still copies
        monkeypatch.setattr(shutil, "copytree", copytree)
        copytree(source, home / f"{NAME}-v1")
        copytree(source, target, **options)
        monkeypatch.setattr(Path, "exists", lambda _: False)

    monkeypatch.setattr(shutil, "copytree", slowly)
    folder = registry.fetch(uri, version, home)
    monkeypatch.undo()
    assert files.sha256_of(folder) == version.tags[registry.MODEL_DIGEST]
    assert [place.name for place in home.iterdir()] == [f"{NAME}-v1"]
