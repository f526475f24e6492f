"""The whole lifecycle of a default project against one Python process that calls the same step functions.

    uv run python benchmarks/lifecycle.py

Both start from an empty store with the sample data in place, take turns, and end with a registered model. Printed:
seconds (median), the ratio, the peak memory of all processes together, `tdsp run` with nothing changed, `tdsp --help`
against `python -c pass`, and the time from `cookiecutter` to a registered model with a warm package cache. Ends with 1
when a target is missed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import watch  # noqa: E402 - the path is set above
from make import copy_template, environment, find_uv  # noqa: E402 - the path is set above

ROUNDS = 5
SLOWER = 3.0  # times the seconds of one process, at most
GIGABYTE = 1e9  # of memory, at most
ONE_PROCESS = Path(__file__).with_name("one_process.py")


def run(*command: str | Path, cwd: Path) -> tuple[float, int]:
    """Run a command quietly; return its seconds and the peak memory (bytes) of it and its descendants."""
    return watch.run(*command, cwd=cwd, environment=environment())


def median(figures: list[tuple[float, int]]) -> tuple[float, int]:
    """Return the median of the seconds and the largest of the peaks."""
    return statistics.median(seconds for seconds, _ in figures), max(memory for _, memory in figures)


def main() -> int:
    """Generate, measure in turns, print; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        work, uv = Path(folder), find_uv()
        template = copy_template(work / "template")
        begun = time.perf_counter()
        run(uv, "run", "--only-group=generate", "cookiecutter", template, "--no-input", "-o", work, cwd=ROOT)
        project = work / "disease-progression"
        run(uv, "sync", "--compile-bytecode", cwd=project)
        python = project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        tdsp = python.with_name("tdsp")
        run(tdsp, "run", cwd=project)
        first_model = time.perf_counter() - begun

        def cold(*command: str | Path) -> tuple[float, int]:
            shutil.rmtree(project / ".tdsp", ignore_errors=True)
            return run(*command, cwd=project)

        lifecycle, one_process = [], []
        for _ in range(ROUNDS):
            lifecycle.append(cold(tdsp, "run"))
            one_process.append(cold(python, ONE_PROCESS))
        cold(tdsp, "run")
        run(tdsp, "run", cwd=project)  # compares with the champion that the first run made
        cached = [run(tdsp, "run", cwd=project) for _ in range(ROUNDS)]
        helped = [run(tdsp, "--help", cwd=project) for _ in range(ROUNDS)]
        nothing = [run(python, "-c", "pass", cwd=project) for _ in range(ROUNDS)]

        whole, bound = median(lifecycle), median(one_process)
        print(f"{'':34}{'seconds':>9}{'ratio':>8}{'peak MB':>9}")
        for name, (seconds, memory), against in (
            ("one process, the same functions", bound, bound[0]),
            ("tdsp run, cold", whole, bound[0]),
            ("tdsp run, nothing changed", median(cached), bound[0]),
            ("python -c pass", median(nothing), median(nothing)[0]),
            ("tdsp --help", median(helped), median(nothing)[0]),
        ):
            print(f"{name:34}{seconds:9.2f}{seconds / against:8.2f}{memory / 1e6:9.0f}")
        print(f"from cookiecutter to a registered model, packages in uv's cache: {first_model:.1f} s")
        print(f"targets for a cold run: at most {SLOWER}x, less than {GIGABYTE / 1e6:.0f} MB")
        return int(whole[0] > SLOWER * bound[0] or whole[1] >= GIGABYTE)


if __name__ == "__main__":
    raise SystemExit(main())
