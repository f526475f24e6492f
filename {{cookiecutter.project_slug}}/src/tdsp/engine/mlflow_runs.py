"""MLflow runs of a pipeline: one for the pipeline, below it one for each step that really ran.

Importing mlflow costs more than most steps. A local sqlite store whose schema is a known one is therefore
written to
directly: three small tables. Any other store goes through mlflow's own client.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tdsp.engine.executor.variables import without_login
from tdsp.errors import TdspError

if TYPE_CHECKING:
    import sqlite3

# `alembic_version` of the stores the INSERTs below are tested with -> the MLflow that makes it.
KNOWN_SCHEMAS = {"6f8d9c3b2a1e": "3.15"}  # pragma: allowlist secret
_SQLITE = "sqlite:///"


class TrackingError(TdspError):
    """The MLflow store cannot be reached or used."""


class Backend(Protocol):
    """Where runs are kept."""

    def experiment(self, name: str) -> str:
        """Return the experiment's id; it is made if missing."""

    def start(self, experiment: str, name: str, tags: dict[str, str]) -> str:
        """Return the id of a new run."""

    def end(self, run: str, status: str) -> None:
        """Close a run as FINISHED, FAILED or KILLED."""


class Runs:
    """The runs of one pipeline run; the parent is made when the first step really runs."""

    def __init__(self, uri: str, experiment: str, name: str, source: str):
        self.uri, self.experiment = uri, experiment
        self.parent: str | None = None
        self._name, self._source = name, source
        self._backend: Backend | None = None
        self._experiment_id = ""
        self._lock = threading.Lock()

    def start(self, step: str, reason: str, parent: str | None = None) -> str:
        """Open a step's run, or a sweep trial's below its step's, and return its id."""
        with self._lock, _reaching(self.uri):
            if self._backend is None:
                self._backend = _backend(self.uri)
                self._experiment_id = self._backend.experiment(self.experiment)
                self.parent = self._backend.start(self._experiment_id, self._name, self._tags())
            tags = {
                **self._tags(),
                "mlflow.parentRunId": str(parent or self.parent),
                "tdsp.step": step,
                "tdsp.reason": reason,
            }
            return self._backend.start(self._experiment_id, step, tags)

    def end(self, run: str | None, status: str) -> None:
        """Close a step's run, or the parent's."""
        if run is not None and self._backend is not None:
            with self._lock, _reaching(self.uri):
                self._backend.end(run, status)

    def variables(self, run: str) -> dict[str, str]:
        """Return what lets a step's `mlflow.start_run()` resume `run`."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_RUN_ID": run,
            "MLFLOW_EXPERIMENT_ID": self._experiment_id,
            "MLFLOW_EXPERIMENT_NAME": self.experiment,
        }

    def metrics(self, run: str, name: str) -> list[tuple[int, float]]:
        """Return a metric's history as (step, value), in the order it was logged; what is no number is left out."""
        with _reaching(self.uri):
            return self._metrics(run, name)

    def _metrics(self, run: str, name: str) -> list[tuple[int, float]]:
        file = sqlite_file(self.uri)
        if file is not None:
            with contextlib.closing(_connect(file)) as store:
                rows = store.execute(
                    "SELECT step, value FROM metrics WHERE run_uuid = ? AND key = ? AND NOT is_nan"  # stored as 0
                    " ORDER BY step, timestamp",
                    (run, name),
                )
                return [(int(step), float(value)) for step, value in rows]
        from mlflow import MlflowClient

        history = MlflowClient(self.uri).get_metric_history(run, name)
        return [(item.step, item.value) for item in history if not math.isnan(item.value)]

    def _tags(self) -> dict[str, str]:
        return {"mlflow.user": _user(), "mlflow.source.name": self._source, "mlflow.source.type": "LOCAL"}


@contextlib.contextmanager
def _reaching(uri: str) -> Iterator[None]:
    """Turn whatever sqlite, mlflow or the network say into one line."""
    try:
        yield
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise TrackingError(without_login(f"the MLflow store {uri} cannot be used: {said}")) from None


def absolute(uri: str) -> str:
    """Return the address of a store so that it means the same from any working folder."""
    for start in (_SQLITE, "file://", "file:"):
        if uri.startswith(start):
            place, mark, rest = uri.removeprefix(start).partition("?")
            if not place or place.startswith((":memory:", "/")):
                return uri
            return f"{start}{Path(place).absolute().as_posix()}{mark}{rest}"
    known = ":" in uri or uri in ("databricks", "databricks-uc", "uc")
    return uri if known else str(Path(uri).absolute())


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a local sqlite store, or None for another kind of store."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def _backend(uri: str) -> Backend:
    import sqlite3  # only where a step runs

    file = sqlite_file(uri)
    if file is not None and file.is_file():
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_connect(file)) as store:
            row = store.execute("SELECT version_num FROM alembic_version").fetchone()
            if row and row[0] in KNOWN_SCHEMAS:
                return _Inserts(file)
    return _Client(uri)


def _connect(file: Path) -> sqlite3.Connection:
    import sqlite3

    return sqlite3.connect(file, timeout=60)


class _Inserts:
    """A sqlite store, written as mlflow would write it."""

    def __init__(self, file: Path):
        self._file = file

    def experiment(self, name: str) -> str:
        now = _now()
        with contextlib.closing(_connect(self._file)) as store, store:
            store.execute("BEGIN IMMEDIATE")
            row = store.execute(
                "SELECT experiment_id, lifecycle_stage FROM experiments WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                cursor = store.execute(
                    "INSERT INTO experiments"
                    " (name, artifact_location, lifecycle_stage, creation_time, last_update_time)"
                    " VALUES (?, '', 'active', ?, ?)",
                    (name, now, now),
                )
                found = cursor.lastrowid
                place = (self._file.parent / "artifacts" / str(found)).as_uri()
                store.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (place, found))
                return str(found)
            if row[1] != "active":
                store.execute("UPDATE experiments SET lifecycle_stage = 'active' WHERE experiment_id = ?", (row[0],))
            return str(row[0])

    def start(self, experiment: str, name: str, tags: dict[str, str]) -> str:
        run = os.urandom(16).hex()
        with contextlib.closing(_connect(self._file)) as store, store:
            row = store.execute(
                "SELECT artifact_location FROM experiments WHERE experiment_id = ?", (experiment,)
            ).fetchone()
            store.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
                " status, start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)",
                (run, name, tags["mlflow.user"], _now(), f"{row[0]}/{run}/artifacts", experiment),
            )
            rows = [(key, value, run) for key, value in {"mlflow.runName": name, **tags}.items()]
            store.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", rows)
        return run

    def end(self, run: str, status: str) -> None:
        with contextlib.closing(_connect(self._file)) as store, store:
            store.execute("UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?", (status, _now(), run))


class _Client:
    """Any store, through mlflow."""

    def __init__(self, uri: str):
        from mlflow import MlflowClient

        self._client = MlflowClient(uri)
        self._root = sqlite_file(uri)

    def experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return known.experiment_id
        place = (self._root.absolute().parent / "artifacts" / name).as_uri() if self._root else None
        return self._client.create_experiment(name, artifact_location=place)

    def start(self, experiment: str, name: str, tags: dict[str, str]) -> str:
        return self._client.create_run(experiment, run_name=name, tags=tags).info.run_id

    def end(self, run: str, status: str) -> None:
        self._client.set_terminated(run, status)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
