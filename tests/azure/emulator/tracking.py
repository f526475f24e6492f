"""The workspace's MLflow service: MLflow's own server on a store of this tenant, less what Azure lacks.

Azure ML answers 404 to everything about logged models, which is why MLflow 3 cannot `log_model` there.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from emulator.routing import MACROS, Call, Routes
from emulator.wire import Response

if TYPE_CHECKING:
    from emulator.cloud import Cloud
    from emulator.history import Run

routes = Routes(r".*\.api\.azureml\.ms", query=("*",), shape=lambda _body, _version: [])
API = f"/mlflow/{{version}}{MACROS['{workspace}']}/api/2.0/mlflow"
# A fresh database, kept for the next tenant: making one takes a second.
_EMPTY: list[bytes] = []
KEPT = ("Content-Type", "Accept", "User-Agent")


class Tracking:
    """One MLflow store, made on first use: MLflow's server takes seconds to import."""

    def __init__(self, folder: Any):
        self._folder, self._store = folder, None
        self._unknown: list[Run] = []
        self._lock = threading.RLock()

    def _open(self) -> Any:
        if self._store is None:
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            artifacts, database = self._folder / "mlflow-artifacts", self._folder / "mlflow.db"
            if _EMPTY:
                database.write_bytes(_EMPTY[0])
            self._store = SqlAlchemyStore(f"sqlite:///{database}", artifacts.as_uri())
            if not _EMPTY:
                _EMPTY.append(database.read_bytes())
        while self._unknown:
            self._add(self._unknown.pop(0))
        return self._store

    def ask(self, method: str, path: str, body: bytes, query: dict[str, str], headers: dict[str, str]) -> Response:
        """Send a request through MLflow's own server to the store."""
        with self._lock:
            from mlflow.server import app, handlers

            handlers._tracking_store = self._open()
            answer = app.test_client().open(path, method=method, data=body, query_string=query, headers=headers)
            return Response(answer.status_code, answer.get_data(), {"Content-Type": answer.content_type})

    def begin(self, run: Run) -> None:
        """Let MLflow know a job's run, as the service does before the job; done at the first question."""
        with self._lock:
            self._unknown.append(run)

    def _add(self, run: Run) -> None:
        """Add a run under the job's own name, which MLflow's interface would not allow."""
        from mlflow.entities import LifecycleStage, RunStatus, SourceType
        from mlflow.store.tracking.dbmodels.models import SqlRun

        store = self._store
        experiment = store.get_experiment_by_name(run.experiment)
        number = experiment.experiment_id if experiment else store.create_experiment(run.experiment)
        with store.ManagedSessionMaker(read_only=False) as session:
            session.merge(
                SqlRun(
                    run_uuid=run.name,
                    name=run.display_name,
                    experiment_id=int(number),
                    user_id="emulated",
                    source_type=SourceType.to_string(SourceType.UNKNOWN),
                    status=RunStatus.to_string(RunStatus.RUNNING),
                    start_time=int(time.time() * 1000),
                    lifecycle_stage=LifecycleStage.ACTIVE,
                    artifact_uri=(self._folder / "mlflow-artifacts" / run.name).as_uri(),
                )
            )

    def metrics(self, run: str) -> dict[str, float]:
        """Return the last value of each metric of a run."""
        with self._lock:
            return dict(self._open().get_run(run).data.metrics)


def _logged_models(cloud: Cloud, call: Call) -> Response:
    """Answer that the service has no logged models."""
    return Response(404, {"error": {"code": "NotFound", "message": "Resource not found: logged-models"}})


def _mlflow(cloud: Cloud, call: Call) -> Response:
    """Answer with MLflow's own server."""
    request = call.request
    headers = {name: request.headers[name] for name in KEPT if request.headers.get(name)}
    path = f"/api/2.0/mlflow/{call['rest']}"
    return cloud.tracking.ask(request.method, path, request.body, request.query, headers)


for _method in ("GET", "POST", "PATCH", "DELETE"):
    routes(_method, f"{API}/logged-models")(_logged_models)
    routes(_method, f"{API}/logged-models/{{rest+}}")(_logged_models)
    routes(_method, f"{API}/{{rest+}}")(_mlflow)
