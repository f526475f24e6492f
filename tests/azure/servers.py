"""What answers in place of deployments: online ones in this process, batch ones too."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bench import TEMPLATE
from emulator import batch_jobs
from emulator.wire import Request, Response


class ModelServer:
    """Answers as `scoring/score.py` does, in this process; deployments can be made to misbehave.

    Attributes:
        wrong: slots whose predictions are off.
        broken: slots that answer with status 500.
        slow: slot -> seconds that an answer takes.
        crashing: slots whose container never starts.
        unnamed: slots that fail the requests which reach them by their share, without the deployment header.
        from_share: percent of the traffic from which on a slot misbehaves, also towards requests that name it.
    """

    def __init__(self) -> None:
        self.wrong: set[str] = set()
        self.broken: set[str] = set()
        self.slow: dict[str, float] = {}
        self.crashing: set[str] = set()
        self.unnamed: set[str] = set()
        self.from_share = 0
        self.answered: dict[str, int] = {}
        self._models: dict[str, Any] = {}
        self._cloud: Any = None

    def deploy(self, cloud: Any, deployment: dict[str, Any]) -> None:
        from emulator import files

        name, self._cloud = deployment["name"], cloud
        if name in self.crashing:
            raise RuntimeError("ModuleNotFoundError: No module named 'nowhere'")
        folder = Path(cloud.folder) / f"served-{name}-{time.monotonic_ns()}"
        place = files.locate(cloud, deployment["id"].split("/onlineEndpoints/")[0], deployment["properties"]["model"])
        files.pull(cloud, place, folder)
        with _scoring() as (load, _):
            self._models[deployment["id"].lower()] = load(folder)
        self.answered[name] = 0

    def score(self, deployment_id: str, request: Request) -> Response:
        name = deployment_id.rsplit("/", 1)[-1]
        served = self._models[deployment_id.lower()]
        with _scoring() as (_, rows_of):
            answer = served.predict(rows_of(request.body, served.contract))
        self.answered[name] += 1
        traffic = self._cloud.resources[deployment_id.split("/deployments/")[0]]["properties"]["traffic"] or {}
        if name in self.unnamed and not request.headers.get("azureml-model-deployment"):
            return Response(500, {"error": "broken for users"})
        if traffic.get(name, 0) >= self.from_share:
            time.sleep(self.slow.get(name, 0))
            if name in self.broken:
                return Response(500, {"error": "broken on purpose"})
            if name in self.wrong:
                answer["predictions"] = [value + 1 for value in answer["predictions"]]
        return Response(200, answer)

    def logs(self, deployment_id: str) -> str:
        return f"log of {deployment_id.rsplit('/', 1)[-1]}\nSAS sig=abc%2Fdef&se=2026\n"

    def remove(self, deployment_id: str) -> None:
        self._models.pop(deployment_id.lower(), None)

    def stop(self) -> None:
        self._models.clear()


class BatchScorer(batch_jobs.Scorer):
    """Runs the template's own batch script in this process; deployments can be made to misbehave.

    Attributes:
        off: whether predictions are off by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.off = False

    def drive(self, spec: dict[str, Any], variables: dict[str, str], _work: Path):
        with _scoring(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [spec["script"]])
            for key, text in variables.items():
                patch.setenv(key, text)
            loaded = importlib.util.spec_from_file_location("entry_script", Path(spec["code"], spec["script"]))
            module = importlib.util.module_from_spec(loaded)
            loaded.loader.exec_module(module)
            module.init()
            made, printed = [], ""
            for batch in spec["batches"]:
                try:
                    made.append([self._line(row) for row in module.run(batch)])
                except Exception as error:
                    printed += f"{type(error).__name__}: {error}\n"
                    made.append(None)
            return made, printed

    def _line(self, row: str) -> str:
        line = json.loads(row)
        return json.dumps({**line, "prediction": line["prediction"] + self.off}) if self.off else row


@contextlib.contextmanager
def _scoring():
    """Give the two functions of the template's `scoring/` that a server needs."""
    sys.path.insert(0, str(TEMPLATE / "scoring"))
    try:
        from model_folder import load
        from request import rows_of

        yield load, rows_of
    finally:
        sys.path.remove(str(TEMPLATE / "scoring"))
