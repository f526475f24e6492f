"""What a project must reach on data larger and more wilful than the sample: a million rows, and a series in time."""

import json
import os
import shutil
import sys
from pathlib import Path

import numpy
import pandas
import pytest

from benchmarks import watch

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

ROWS = 1_000_000
GIGABYTE = 1024**3
TDSP = (sys.executable, "-c", "from tdsp.cli import main; main()")


@pytest.fixture
def project(baked, tmp_path):
    """A project of the test's own."""
    return shutil.copytree(baked("the defaults").root, tmp_path / "project")


def tdsp(project: Path, *words: str) -> int:
    """Run the command; return the peak memory in bytes."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(project / "src")}
    _, peak = watch.run(*TDSP, *words, cwd=project, environment=environment)
    return peak


def result(project: Path, name: str) -> dict:
    (path,) = [path for path in project.glob(f".tdsp/runs/2*/outputs/{name}") if path.is_file()]
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.skipif(not watch.PROC.is_dir(), reason="the memory of other processes is read from Linux's /proc")
def test_a_million_rows_fit_into_four_gigabytes(project, tmp_path):
    random = numpy.random.default_rng(0)
    table = pandas.DataFrame({f"x{number}": random.normal(size=ROWS).round(4) for number in range(8)})
    table["kind"] = random.choice(["bus", "car", "train"], ROWS)
    table["y"] = (3 * table["x0"] - table["x1"] ** 2 + (table["kind"] == "bus") + random.normal(size=ROWS)).round(4)
    table.to_csv(tmp_path / "large.csv", index=False)
    del table
    peaks = {
        "data add": tdsp(project, "data", "add", str(tmp_path / "large.csv"), "--target", "y"),
        "run": tdsp(project, "run"),
    }
    assert result(project, "prepare/quality/quality.json")["rows"] == ROWS
    assert max(peaks.values()) < 4 * GIGABYTE, peaks
    assert min(peaks.values()) > GIGABYTE / 10, f"{peaks}: the watch saw less than the table itself"


def hours(count: int) -> pandas.DataFrame:
    """Rentals by the hour: two peaks on working days, one broad hump on others, both larger when it is warm."""
    random = numpy.random.default_rng(1)
    when = pandas.date_range("2024-01-01", periods=count, freq="h")
    hour, working = when.hour.to_numpy(), when.dayofweek.to_numpy() < 5
    warmth = 12 - 10 * numpy.cos(2 * numpy.pi * when.dayofyear.to_numpy() / 365) + random.normal(0, 3, count)
    peaks = numpy.exp(-((hour - 8) ** 2) / 4) + numpy.exp(-((hour - 17) ** 2) / 6)
    busy = numpy.where(working, 300 * peaks, 180 * numpy.exp(-((hour - 14) ** 2) / 18)) + 20
    rentals = random.poisson(busy * (1 + warmth / 25).clip(0.2))
    return pandas.DataFrame(
        {"when": when, "hour": hour, "working": working, "warmth": warmth.round(1), "rentals": rentals}
    )


def test_a_series_is_split_by_time_and_its_model_clearly_beats_both_baselines(project, tmp_path):
    series = hours(24 * 365)
    series.to_csv(tmp_path / "hours.csv", index=False)
    tdsp(project, "data", "add", str(tmp_path / "hours.csv"), "--target", "rentals", "--time", "when")
    tdsp(project, "run")
    (split,) = project.glob(".tdsp/runs/2*/outputs/prepare/split")
    earlier, later = (pandas.read_parquet(split / name)["when"] for name in ("train.parquet", "test.parquet"))
    assert pandas.to_datetime(earlier).max() < pandas.to_datetime(later).min()
    assert len(earlier) + len(later) == len(series)
    metrics = result(project, "evaluate/evaluation/metrics.json")
    error = {name: values["mae"]["value"] for name, values in metrics["models"].items()}
    assert error["challenger"] < 0.5 * min(error["dummy"], error["linear"]), error
    assert all(metrics["comparisons"][name]["low"] > 0 for name in ("dummy", "linear")), metrics["comparisons"]


CHILD = "held = bytearray(300_000_000); import time; time.sleep(1)"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], start_new_session=True)"


@pytest.mark.skipif(not watch.PROC.is_dir(), reason="the memory of other processes is read from Linux's /proc")
def test_the_watch_sees_a_child_that_left_the_session(tmp_path):
    _, peak = watch.run(sys.executable, "-c", PARENT, cwd=tmp_path, environment=dict(os.environ))
    assert 300_000_000 < peak < 500_000_000


def test_the_watch_reports_a_command_that_fails(tmp_path):
    with pytest.raises(SystemExit, match="boom"):
        watch.run(sys.executable, "-c", "raise ValueError('boom')", cwd=tmp_path, environment=dict(os.environ))
