"""Follow a job to its end and bring home what it found, in the same form as a local run."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, registry_azure
from tdsp.azure import client
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job

ENDED = {"Completed", "Failed", "Canceled", "NotResponding"}
_ENDED_BADLY = ENDED - {"Completed"}
# Step -> output that reports are written from; the split is data, which stays where it is.
_BROUGHT = {"prepare": "quality", "train": "model", "evaluate": "evaluation", "register": "registration"}


def attempt(ml: MLClient, base: str) -> tuple[Job | None, str]:
    """Return the job called `base` that runs or is done well, and the name it has or would get.

    Earlier attempts that failed keep their names; the next one gets a number.
    """
    from azure.core.exceptions import ResourceNotFoundError

    name, count = base, 1
    while True:
        with client.speaking(f"job {name}"):
            try:
                job = ml.jobs.get(name)
            except ResourceNotFoundError:
                return None, name
        if job.status not in _ENDED_BADLY:
            return job, name
        count += 1
        name = f"{base}-{count}"


def wait(ml: MLClient, name: str, say: Callable[[str], None], pause: float = 15) -> Job:
    """Return the job when it has ended, telling each step's changes of state.

    Args:
        ml: client of the workspace.
        name: of the pipeline job.
        say: gets one line for each change.
        pause: seconds between two looks.
    """
    told: dict[str, str] = {}
    while True:
        with client.speaking(f"job {name}"):
            job = ml.jobs.get(name)
            children = list(ml.jobs.list(parent_job_name=name))
        for child in children:
            step = child.display_name or child.name
            if told.get(step) != child.status:
                told[step] = child.status
                say(f"{step}: {child.status}")
        if job.status in ENDED:
            return job
        time.sleep(pause)


def bring(ml: MLClient, job: Job, home: Path) -> dict[str, Any]:
    """Download reports, metrics and model of a completed job to `home` and return its `outcome.json` if it has one.

    Folders appear whole or not at all; what is there already is not downloaded again.

    Raises:
        TdspError: an output did not arrive.
    """
    steps: dict[str, Any] = {}
    with client.speaking(f"job {job.name}"):
        children = {child.display_name or child.name: child for child in ml.jobs.list(parent_job_name=job.name)}
        for step, child in children.items():
            wanted = [_BROUGHT[step]] if step in _BROUGHT else []
            outputs = {output: _output(ml, child.name, output, home / "outputs" / step / output) for output in wanted}
            steps[step] = {
                "state": child.status.lower(),
                "outputs": {name: path.relative_to(home).as_posix() for name, path in outputs.items()},
            }
    record = {
        "pipeline": job.experiment_name,
        "started": str(job.creation_context.created_at),
        "status": job.status.lower(),
        "steps": steps,
    }
    files.write_text(home / "run.json", json.dumps(record, indent=2) + "\n")
    outcome = next(home.glob("outputs/*/registration/outcome.json"), None)
    return json.loads(outcome.read_text(encoding="utf-8")) if outcome else {}


def output(ml: MLClient, job: str, step: str, name: str, home: Path) -> Path:
    """Return the folder with one output of a step of a job, downloaded below `home` unless it is there.

    Raises:
        TdspError: there is no such step, or its output did not arrive.
    """
    with client.speaking(f"job {job}"):
        child = registry_azure.step_of(ml, job, step)
        return _output(ml, child.name, name, home / "outputs" / step / name)


def download(ml: MLClient, job: str, name: str, folder: Path) -> Path:
    """Return `folder` with an output of a job, downloaded unless it is there.

    Raises:
        TdspError: it did not arrive.
    """
    with client.speaking(f"job {job}"):
        return _output(ml, job, name, folder)


def _output(ml: MLClient, child: str, output: str, folder: Path) -> Path:
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as scratch:
        place = Path(scratch) / "it"
        ml.jobs.download(child, output_name=output, download_path=place)
        named = place / "named-outputs" / output
        arrived = named if named.is_dir() else place  # of a batch endpoint's job, the SDK puts the files right there
        # Some versions of the SDK download nothing and say nothing.
        if not arrived.is_dir() or not any(item.is_file() for item in arrived.rglob("*")):
            raise TdspError(f"output {output} of {child} did not arrive: run the same command again")
        arrived.replace(folder)
    return folder


def failure(ml: MLClient, name: str, lines: int = 20) -> str:
    """Return which step failed and the end of its log."""
    with client.speaking(f"job {name}"):
        bad = [child for child in ml.jobs.list(parent_job_name=name) if child.status == "Failed"]
        if not bad:
            return f"job {name} failed before any step did; see it in Azure ML Studio"
        with tempfile.TemporaryDirectory() as scratch:
            ml.jobs.download(bad[0].name, download_path=scratch)
            logs = sorted(Path(scratch).rglob("std_log.txt"))
            tail = logs[0].read_text(encoding="utf-8", errors="replace").splitlines()[-lines:] if logs else []
    step = bad[0].display_name or bad[0].name
    return client.redact("\n".join([f"step {step} failed:", *(f"  {line}" for line in tail)]))
