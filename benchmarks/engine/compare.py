"""Compare the local engine with DVC, Kedro, KFP's local runner and one Python process, side by side in one run.

    python benchmarks/engine/compare.py [--rounds 3] [--peers VENV]

Needs `uv`; it makes one environment with every tool (in the system's temporary folder, kept for the next time), so that
all of them run the same pandas and scikit-learn. Prints the best of the rounds, which take turns so that a busy machine
is busy for everybody; the ratio is against one process that calls the four functions. Exit code 1: a target is
missed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.engine import small  # noqa: E402 - the path is set above
from benchmarks.engine.contest import Contest  # noqa: E402 - the path is set above

PEERS = ["dvc>=3.60", "kedro>=1.0", "kfp>=2.14", "setuptools<81", "pip"]
OURS = {"mlflow", "pandas", "pyarrow", "pyyaml", "scikit-learn", "typer"}
# What the engine must reach: what -> (unit, the most that is allowed).
TARGETS = {
    "cold, times one process": ("", 1.3),
    "cold with MLflow, times one process with MLflow": ("", 1.3),
    "nothing changed, of dvc repro": ("", 1 / 3),
    "own work in each further step": ("s", 0.006),
    "200 trivial steps": ("s", 2.0),
    "1,000 steps read and checked": ("s", 1.0),
    "a diamond of two steps of one second": ("s", 1.3),
    "memory of the engine": ("MB", 80.0),
}


def environment(folder: Path) -> Path:
    """Return the Python of an environment with the peers, and what we need as this repository asks for it."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["project"]
    packages = [*PEERS, *(line for line in asked if re.split(r"[^\w-]", line)[0] in OURS)]
    python, done = folder / "bin" / "python", folder / "complete"
    if not done.exists() or done.read_text(encoding="utf-8").split("\n") != packages:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        subprocess.run(["uv", "venv", "-q", "--clear", "--python", version, str(folder)], check=True)
        install = ["uv", "pip", "install", "-q", "--compile-bytecode", "--python", str(python)]
        subprocess.run([*install, *packages], check=True)
        done.write_text("\n".join(packages), encoding="utf-8")
    return python


def reached(cold: dict[str, float], again: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Return what was measured, as `TARGETS` names it.

    Args:
        cold: tool -> seconds of a first run.
        again: tool -> seconds of a run with nothing changed.
        own: what the engine itself took, by name.
    """
    return {
        "cold, times one process": cold["engine"] / cold["one process"],
        "cold with MLflow, times one process with MLflow": cold["engine, MLflow"] / cold["one process, MLflow"],
        "nothing changed, of dvc repro": again["engine"] / again["DVC repro"],
        **own,
    }


def missed(found: dict[str, float]) -> list[str]:
    """Return the targets that were not met, one line each."""
    return [
        f"missed: {what}: {found[what]:.3g} {unit}".rstrip() + f", the limit is {limit:.3g}"
        for what, (unit, limit) in TARGETS.items()
        if not found[what] <= limit
    ]


def _own(contest: Contest, rounds: int) -> dict[str, float]:
    def best(measure: Callable[..., float], *arguments: int) -> float:
        return min(measure(contest, *arguments) for _ in range(rounds))

    few, many = best(small.chain, 20), best(small.chain, 200)
    return {
        "own work in each further step": (many - few) / 180,
        "200 trivial steps": many,
        "1,000 steps read and checked": best(small.look, 1000),
        "a diamond of two steps of one second": best(small.diamond),
        "memory of the engine": small.peak(contest, 200) / 1e6,
    }


def main() -> None:
    """Run the contest and print the table; exit code 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "tdsp-benchmark-peers")
    chosen = parser.parse_args()
    python = environment(chosen.peers)
    with tempfile.TemporaryDirectory(prefix="tdsp-benchmark-") as place:
        contest = Contest(python, Path(place))
        tools: dict[str, Callable[[], tuple[float, float | None]]] = {
            "one process": contest.one_process,
            "four processes, bash": contest.four_processes,
            "engine, no warm start": contest.engine_plain,
            "engine": contest.engine_warm,
            "DVC repro": contest.dvc,
            "Kedro": contest.kedro,
            "KFP local": contest.kfp,
            "one process, MLflow": contest.one_process_tracked,
            "engine, MLflow": contest.engine_tracked,
        }
        times: dict[str, list[tuple[float, float | None]]] = {name: [] for name in tools}
        for _ in range(chosen.rounds):
            for name, run in tools.items():
                times[name].append(run())
        cold = {name: min(pair[0] for pair in pairs) for name, pairs in times.items()}
        again = {name: min(pair[1] for pair in pairs) for name, pairs in times.items() if pairs[0][1] is not None}
        print(f"{'':24}{'cold ms':>9}{'ratio':>7}{'unchanged ms':>14}")
        for name in tools:
            base = cold["one process, MLflow" if "MLflow" in name else "one process"]
            unchanged = f"{again[name] * 1000:14.0f}" if name in again else f"{'-':>14}"
            print(f"{name:24}{cold[name] * 1000:9.0f}{cold[name] / base:7.2f}{unchanged}")
        found = reached(cold, again, _own(contest, chosen.rounds))
        for what, value in found.items():
            unit, limit = TARGETS[what]
            print(f"{what:50}{value:10.3g} {unit:3}at most {limit:.3g}")
        failed = missed(found)
        print("\n".join(failed) or "every target is met")
        raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
