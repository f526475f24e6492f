"""`tdsp run` on the default project, killed again and again: all is readable, the next run is right."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tdsp import project, registry, report, tracking
from tdsp.report import evidence, sections

LOGS = ".tdsp/runs/*/logs"
# When something matching the pattern appears, wait so many seconds, then kill.
POINTS = [
    (".tdsp/mlflow/lock.db", 0.2),
    (".tdsp/mlflow/mlflow.db.new", 0.0),
    ("data/raw/*.csv", 0.0),
    (f"{LOGS}/prepare.txt", 1.0),
    (f"{LOGS}/train.txt", 1.5),
    (f"{LOGS}/evaluate.txt", 1.0),
]
LATE = [  # each with an empty registry and without reports, or a run would have nothing left to do there
    *((f"{LOGS}/register.txt", wait) for wait in (0.0, 0.5, 1.0)),
    (".tdsp/mlflow/artifacts/**/model.skops", 0.0),
    (".tdsp/runs/*/outcome.json", 0.0),
    ("docs/reports/train.md", 0.0),
    ("docs/reports/plots/*.png", 0.0),
]


@pytest.fixture
def root(baked, tmp_path_factory) -> Path:
    """The default project, to be used up."""
    return Path(shutil.copytree(baked("the defaults").root, tmp_path_factory.mktemp("killed") / "project"))


def start(root: Path) -> subprocess.Popen:
    variables = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return subprocess.Popen(
        [sys.executable, "-c", "from tdsp.cli import main; main()", "run"],
        cwd=root,
        env=variables | {"PYTHONPATH": str(root / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def forget(root: Path) -> None:
    """Take away what registering and reporting left, but not what the other steps made."""
    for place in (".tdsp/mlflow", "docs/reports/plots"):
        shutil.rmtree(root / place, ignore_errors=True)
    for place in (".tdsp/report.json", "docs/reports/train.md", "docs/reports/train.html"):
        (root / place).unlink(missing_ok=True)


def kill_at(root: Path, pattern: str, wait: float) -> bool:
    """Run until something new matches `pattern`, wait, kill; return whether the run was still going on."""
    before = {path: path.stat().st_mtime_ns for path in root.glob(pattern)}
    process = start(root)
    while process.poll() is None:
        with contextlib.suppress(OSError):
            if {path: path.stat().st_mtime_ns for path in root.glob(pattern)} != before:
                break
        time.sleep(0.01)
    time.sleep(wait)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def assert_readable(root: Path) -> None:
    """The registry, the runs and the documents can be read, whatever was going on."""
    found = registry.versions(tracking.uri(root), root_name(root))
    assert [version.number for version in found] in ([], [1])
    for file in (root / ".tdsp").glob("runs/*/*.json"):
        json.loads(file.read_text(encoding="utf-8"))
    for document, names in report.DOCUMENTS.items():
        text = (root / "docs" / document).read_text(encoding="utf-8")
        sections.refresh(text, dict.fromkeys(names), document)


def root_name(root: Path) -> str:
    return project.load(root / project.FILE).project.slug


@pytest.mark.slow
@pytest.mark.parametrize("early", [POINTS[::3], pytest.param(POINTS, marks=pytest.mark.nightly)], ids=["some", "all"])
def test_killed_at_many_points_the_next_run_is_right(root, monkeypatch, early):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for pattern, wait in early:
        for file in (root / "data" / "raw").glob("*.csv"):
            file.unlink()  # one of the points is the moment when it is written
        assert kill_at(root, pattern, wait), f"nothing was killed at {pattern}"
        assert_readable(root)
    killed = []
    for pattern, wait in LATE:
        forget(root)
        killed += [pattern] if kill_at(root, pattern, wait) else []
        assert_readable(root)
    assert len(killed) >= len(LATE) - 2, killed  # the last files are written within milliseconds of the end
    process = start(root)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    (version,) = registry.versions(tracking.uri(root), root_name(root))
    assert version.champion
    latest = evidence.latest(root)
    outcome = json.loads((latest / "outcome.json").read_text(encoding="utf-8"))
    assert outcome["outcome"] in ("registered", "unchanged")
    assert (outcome["version"], outcome["lineage"]["model_sha256"]) == (
        1,
        version.tags[registry.MODEL_DIGEST],
    )
    written = (root / "docs" / "reports" / "train.md").read_text(encoding="utf-8")
    assert version.tags[registry.MODEL_DIGEST] in written
    for document in report.DOCUMENTS:
        assert "No run yet" not in (root / "docs" / document).read_text(encoding="utf-8")
    assert [*(root / "docs").rglob(".*"), *(root / "data").rglob(".*")] == []  # no scraps
