"""Really runs jobs of batch deployments: the script's `init` and `run` over mini-batches, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator import files
from emulator.execution import PRIVATE, JobError
from emulator.history import Run, write_log

if TYPE_CHECKING:
    from emulator.cloud import Cloud

STEP = "batchscoring"
DRIVER = """
import importlib.util, json, os, sys, traceback
spec = json.load(open(sys.argv[1]))
place = os.path.join(spec["code"], spec["script"])
sys.argv = [place, "--amlbi_mini_batch_size", "1"]  # the service has arguments of its own
loaded = importlib.util.spec_from_file_location("entry_script", place)
module = importlib.util.module_from_spec(loaded)
loaded.loader.exec_module(module)
module.init()
made = []
for batch in spec["batches"]:
    for attempt in range(spec["attempts"]):
        try:
            made.append([str(row) for row in module.run(batch)])
            break
        except Exception:
            traceback.print_exc()
    else:
        made.append(None)
json.dump(made, open(spec["answer"], "w"))
"""


@dataclass
class Scorer:
    """Runs the script of a batch deployment with this machine's Python.

    Attributes:
        python: interpreter of the deployment's environment.
    """

    python: str = sys.executable

    def run(self, cloud: Cloud, run: Run, deployment: dict[str, Any], data: str) -> str:
        """Score the files at an address; return the text of the output file.

        Args:
            cloud: the tenant.
            run: of the job's only step; gets its log.
            deployment: whose script and model are used.
            data: address of a file or a folder.

        Raises:
            JobError: the script failed, or more files than the deployment allows.
        """
        properties = deployment["properties"]
        configuration, retries = properties["codeConfiguration"], properties.get("retrySettings") or {}
        work = Path(tempfile.mkdtemp(prefix="batch-", dir=cloud.folder))
        try:
            code, model = work / "code", work / "model"
            files.pull(cloud, files.locate(cloud, run.workspace_id, configuration["codeId"]), code)
            place = files.locate(cloud, run.workspace_id, properties["model"]["assetId"])
            files.pull(cloud, place, model / place.prefix.rsplit("/", 1)[-1])
            given = files.pull(cloud, files.locate(cloud, run.workspace_id, data), work / "data")
            found = [given] if given.is_file() else sorted(item for item in given.rglob("*") if item.is_file())
            size = properties.get("miniBatchSize") or 10
            spec = {
                "code": str(code),
                "script": configuration["scoringScript"],
                "batches": [[str(file) for file in found[at : at + size]] for at in range(0, len(found), size)],
                "attempts": (retries.get("maxRetries") or 0) + 1,
                "answer": str(work / "answer.json"),
            }
            variables = {**(properties.get("environmentVariables") or {}), "AZUREML_MODEL_DIR": str(model)}
            made, printed = self.drive(spec, variables, work)
            write_log(cloud, run, "user_logs/std_log.txt", printed)
            return _judge(made, spec["batches"], properties.get("errorThreshold", -1), printed)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def drive(
        self, spec: dict[str, Any], variables: dict[str, str], work: Path
    ) -> tuple[list[list[str] | None] | None, str]:
        """Run a script over mini-batches; return each one's rows (None: it failed), or None, and what was printed."""
        (work / "driver.py").write_text(DRIVER, encoding="utf-8")
        (work / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        environment = {key: text for key, text in os.environ.items() if key.upper() not in PRIVATE}
        done = subprocess.run(
            [self.python, str(work / "driver.py"), str(work / "spec.json")],
            cwd=spec["code"],
            env={**environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        answer = Path(spec["answer"])
        return json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None, done.stdout


def _judge(made: list[list[str] | None] | None, batches: list[list[str]], threshold: int, printed: str) -> str:
    """Return the rows of all mini-batches as text, unless too many files have none."""
    if made is None:
        raise JobError(f"the entry script could not start: {_last(printed)}")
    lost = sum(len(files) - min(len(rows or []), len(files)) for files, rows in zip(batches, made, strict=True))
    if 0 <= threshold < lost:
        raise JobError(f"{lost} files failed, more than the error threshold of {threshold}: {_last(printed)}")
    return "".join(f"{row}\n" for rows in made for row in rows or [])


def _last(printed: str) -> str:
    return re.sub(r"\s+", " ", "".join(printed.splitlines()[-1:]))
