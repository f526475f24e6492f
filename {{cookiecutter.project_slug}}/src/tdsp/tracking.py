"""The local MLflow store: a SQLite file and a folder of artifacts in `.tdsp/mlflow`.

Run as a command (`python -m tdsp.tracking ROOT`) it makes the store, so that whoever needs one does not have
to import MLflow for it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
import re
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from tdsp import files
from tdsp.errors import TdspError, WrongInput

VARIABLE = "MLFLOW_TRACKING_URI"
_WAIT = 120  # seconds to wait for another process that makes the store


def uri(root: Path) -> str:
    """Return where runs and models are recorded: `MLFLOW_TRACKING_URI`, else the project's own store.

    A SQLite file that the variable names is meant from the current folder; steps run elsewhere, so it is made absolute.
    """
    named = _named()
    return _sqlite(named) if named else os.environ.get(VARIABLE) or _sqlite(_folder(root) / "mlflow.db")


def artifacts(root: Path) -> Path:
    """Return the folder of the local store's artifacts."""
    return _folder(root) / "artifacts"


def is_ready(root: Path) -> bool:
    """Tell whether runs can be recorded: a server or a file is named, or the store is there and up to date."""
    if os.environ.get(VARIABLE):
        named = _named()
        return named is None or named.is_file()  # whoever named it keeps it up to date
    folder = _folder(root)
    try:
        stamp = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return stamp == _stamp(root) and (folder / "mlflow.db").is_file()


def make(root: Path) -> None:
    """Create the local store, or bring an older or moved one up to date. Imports MLflow; does nothing twice.

    A SQLite file that `MLFLOW_TRACKING_URI` names is created where it is missing, with its artifacts beside it.

    The database is built aside and renamed, under a lock: a reader sees none or a whole one, and of two
    processes that start together one makes it and the other waits.

    Raises:
        WrongInput: the folder's name cannot be part of a database address.
        TdspError: another process holds the lock too long, or the database is not one that MLflow can use.
    """
    folder = _folder(root)
    if re.search(r"[?]|%[0-9A-Fa-f]{2}", str(folder)):
        raise WrongInput(f"{root}: MLflow cannot keep a database under a path with ? or %: rename that folder")
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if is_ready(root):
            return
        named = _named()
        database = named or folder / "mlflow.db"
        aside = database.with_name(f"{database.name}.new")
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            aside.unlink(missing_ok=True)
            if database.is_file():
                _copy(database, aside)
            _migrate(aside, named.parent / "artifacts" if named else artifacts(root))
            _move(aside, folder, root)
            aside.replace(database)
        except Exception as error:
            aside.unlink(missing_ok=True)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise TdspError(
                f"{database}: MLflow cannot use this store ({reason}); move it away to start anew"
            ) from error
        if not named:
            files.write_text(folder / "store.json", json.dumps(_stamp(root), indent=2) + "\n")


def _named() -> Path | None:
    """Return the SQLite file that the variable names, None for a server or without it."""
    value = os.environ.get(VARIABLE, "")
    return Path(value.removeprefix("sqlite:///")).resolve() if value.startswith("sqlite:///") else None


def _folder(root: Path) -> Path:
    return root / ".tdsp" / "mlflow"


def _sqlite(database: Path) -> str:
    return f"sqlite:///{database.resolve().as_posix()}"


def _stamp(root: Path) -> dict[str, str]:
    """What the store was made for: another MLflow has another schema, another root other paths."""
    return {"mlflow": importlib.metadata.version("mlflow-skinny"), "root": root.resolve().as_posix()}


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock that ends with the process, on every platform: SQLite's own."""
    connection = sqlite3.connect(folder / "lock.db", timeout=_WAIT, isolation_level=None)
    with contextlib.closing(connection):
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise TdspError(f"{folder}: another process is making the store ({error}); try again later") from None
        yield


def _copy(database: Path, aside: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(database)) as old,
        contextlib.closing(sqlite3.connect(aside)) as new,
    ):
        old.backup(new)


def _migrate(database: Path, artifact_root: Path) -> None:
    """Give `database` the tables of this MLflow, keeping what is in it."""
    logging.disable(logging.INFO)  # MLflow and Alembic report every step
    try:
        from mlflow.store.db import utils
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        if database.exists():
            engine = utils.create_sqlalchemy_engine_with_retry(_sqlite(database))
            utils._upgrade_db(engine)  # what `mlflow db upgrade` does
            engine.dispose()
        SqlAlchemyStore(_sqlite(database), artifact_root.as_posix())._dispose_engine()
    finally:
        logging.disable(logging.NOTSET)


def _move(database: Path, folder: Path, root: Path) -> None:
    """Rewrite the artifact paths of a store whose project folder was moved; MLflow keeps them absolute."""
    try:
        before = json.loads((folder / "store.json").read_text(encoding="utf-8"))["root"]
    except (OSError, ValueError, KeyError):
        return
    old, new = _folder(Path(before)), _folder(root.resolve())
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for written in (Path.as_posix, Path.as_uri):  # MLflow keeps either
            places = (f"{written(old)}/", f"{written(new)}/")
            connection.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", places)
            connection.execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", places)


if __name__ == "__main__":
    try:
        make(Path(sys.argv[1]))
    except TdspError as failure:
        raise SystemExit(f"error: {failure}") from None
