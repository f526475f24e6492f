"""Compare the local engine with DVC, Kedro, KFP's local runner and one Python process, side by side in one run.

    python benchmarks/engine/compare.py [--rounds 3] [--peers VENV]

Needs `uv`; it makes one environment with every tool (in the system's temporary folder, kept for the next time), so that
all of them run the same pandas and scikit-learn. Prints the best of the rounds, which take turns so that a busy machine
is busy for everybody; the ratio is against one process that calls the four functions. Exit code 1: a target is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
STEPS = HERE / "steps"
SOURCE = HERE.parents[1] / "{{cookiecutter.project_slug}}" / "src"
PACKAGES = [
    "pyyaml",
    "typer",
    "pandas>=2.3,<3",
    "scikit-learn>=1.8",
    "pyarrow>=21",
    "mlflow==3.15.0",
    "dvc>=3.60",
    "kedro>=1.0",
    "kfp>=2.14",
    "setuptools<81",
    "pip",
]
RUN = "from tdsp.cli import main; main()"


def environment(folder: Path) -> Path:
    """Return the Python of an environment with every tool."""
    python = folder / "bin" / "python"
    done = folder / "complete"
    if not done.exists():
        subprocess.run(
            [
                "uv",
                "venv",
                "-q",
                "--clear",
                "--python",
                f"{sys.version_info[0]}.{sys.version_info[1]}",
                str(folder),
            ],
            check=True,
        )
        subprocess.run(
            ["uv", "pip", "install", "-q", "--compile-bytecode", "--python", str(python), *PACKAGES],
            check=True,
        )
        done.touch()
    return python


class Contest:
    """The four steps as each tool wants them written, in one temporary folder."""

    def __init__(self, python: Path, work: Path):
        self.python, self.work = python, work
        self.clean = {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(work),
            "DO_NOT_TRACK": "1",
            "KEDRO_DISABLE_TELEMETRY": "1",
            "DVC_NO_ANALYTICS": "1",
            "PYTHONPATH": str(SOURCE),
        }
        self.call([str(python), str(STEPS / "make.py"), str(work / "raw")])
        self.store = work / "empty.db"
        self.call(
            [
                str(python),
                "-c",
                f"import mlflow; mlflow.MlflowClient('sqlite:///{self.store}').search_experiments()",
            ]
        )

    def call(self, command: list[str], folder: Path | None = None, **variables: str) -> float:
        """Run a command; returns seconds."""
        started = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder or self.work,
            env={**self.clean, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}")
        return seconds

    def folder(self, name: str) -> Path:
        """Return a new, empty folder."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    # each tool: a cold run, and then one with nothing changed (None where the tool has no such thing)

    def one_process(self, **variables: str) -> tuple[float, None]:
        """Call the four functions."""
        folder = self.folder("one")
        return self.call(
            [str(self.python), str(STEPS / "everything.py"), str(self.work / "raw"), str(folder)],
            **variables,
        ), None

    def one_process_tracked(self) -> tuple[float, None]:
        """The same, logging to MLflow."""
        folder = self.folder("store-one")
        shutil.copy(self.store, folder / "mlflow.db")
        return self.one_process(BENCHMARK_TRACKING="1", MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")

    def four_processes(self) -> tuple[float, None]:
        """Start Python four times."""
        folder = self.folder("four")
        start, raw = f"{self.python} {STEPS}", self.work / "raw"
        lines = [
            f"{start}/prepare.py {raw} p",
            f"{start}/features.py p s",
            f"{start}/train.py s m",
            f"{start}/evaluate.py s m e",
        ]
        return self.call(["bash", "-ec", "\n".join(lines)], folder), None

    def _engine(self, name: str, *flags: str, **variables: str) -> tuple[float, float]:
        folder = self.folder(name)
        for step in ("prepare", "features", "train", "evaluate"):
            (folder / step).mkdir()
            shutil.copy(STEPS / f"{step}.py", folder / step)
        (folder / "pipeline.yml").write_text(_azure(self.work / "raw", bool(variables.get("BENCHMARK_TRACKING"))))
        command = [str(self.python), "-c", RUN, "run", *flags, "pipeline.yml"]
        return self.call(command, folder, **variables), min(self.call(command, folder, **variables) for _ in range(3))

    def engine_plain(self) -> tuple[float, float]:
        """`tdsp run`, a new Python for each step."""
        return self._engine("engine", "--no-warm")

    def engine_warm(self) -> tuple[float, float]:
        """`tdsp run` as it comes."""
        return self._engine("warm")

    def engine_tracked(self) -> tuple[float, float]:
        """`tdsp run` with MLflow, logging the same."""
        folder = self.folder("store-engine")
        shutil.copy(self.store, folder / "mlflow.db")
        return self._engine("tracked", BENCHMARK_TRACKING="1", MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")

    def dvc(self) -> tuple[float, float]:
        """`dvc repro` of four stages."""
        folder = self.folder("dvc")
        program = str(self.python.parent / "dvc")
        self.call([program, "init", "-q", "--no-scm"], folder)
        shutil.copytree(self.work / "raw", folder / "raw")
        shutil.copytree(STEPS, folder / "steps")
        stages = {
            "prepare": (["raw"], ["p"]),
            "features": (["p"], ["s"]),
            "train": (["s"], ["m"]),
            "evaluate": (["s", "m"], ["e"]),
        }
        (folder / "dvc.yaml").write_text(
            json.dumps(
                {
                    "stages": {
                        name: {
                            "cmd": f"python steps/{name}.py {' '.join(needs + makes)}",
                            "deps": [f"steps/{name}.py", *needs],
                            "outs": makes,
                        }
                        for name, (needs, makes) in stages.items()
                    }
                }
            )
        )
        command = [program, "repro", "-q"]
        return self.call(command, folder), min(self.call(command, folder) for _ in range(3))

    def kedro(self) -> tuple[float, float]:
        """Four nodes in one process."""
        folder = self.folder("kedro")
        (folder / "run.py").write_text(_KEDRO.format(here=str(STEPS), raw=str(self.work / "raw"), out=str(folder)))
        command = [str(self.python), "run.py"]
        return self.call(command, folder), min(self.call(command, folder) for _ in range(3))

    def kfp(self) -> tuple[float, None]:
        """Four components, each a process."""
        folder = self.folder("kfp")
        (folder / "run.py").write_text(_KFP.format(here=str(STEPS), raw=str(self.work / "raw")))
        return self.call([str(self.python), "run.py"], folder), None


def _azure(raw: Path, tracked: bool) -> str:
    def job(name: str, inputs: dict[str, object], output: str) -> dict:
        words = " ".join([*(f"${{{{inputs.{key}}}}}" for key in inputs), f"${{{{outputs.{output}}}}}"])
        found = {
            "command": f"python {name}.py {words}",
            "code": f"./{name}",
            "environment": {"image": "any"},
            "inputs": inputs,
            "outputs": {output: {"type": "uri_folder"}},
        }
        return {**found, "environment_variables": {"BENCHMARK_TRACKING": "1"}} if tracked else found

    def made(step: str, output: str) -> dict[str, str]:
        return {"type": "uri_folder", "path": f"${{{{parent.jobs.{step}.outputs.{output}}}}}"}

    return json.dumps(
        {
            "type": "pipeline",
            "experiment_name": "benchmark",
            "jobs": {
                "prepare": job("prepare", {"raw": {"type": "uri_folder", "path": str(raw)}}, "p"),
                "features": job("features", {"p": made("prepare", "p")}, "s"),
                "train": job("train", {"s": made("features", "s")}, "m"),
                "evaluate": job("evaluate", {"s": made("features", "s"), "m": made("train", "m")}, "e"),
            },
        }
    )


_KEDRO = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from evaluate import evaluate
from features import features
from prepare import prepare
from train import train
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner
out = Path({out!r})
def wrap(step, target):
    def run(*paths):
        step(*paths, out / target)
        return out / target
    run.__name__ = step.__name__
    return run
flow = pipeline([node(wrap(prepare, "p"), "raw", "p"), node(wrap(features, "s"), "p", "s"),
                 node(wrap(train, "m"), "s", "m"), node(wrap(evaluate, "e"), ["s", "m"], "e")])
SequentialRunner().run(flow, DataCatalog({{"raw": MemoryDataset(Path({raw!r}))}}))
"""
_KFP = """
from kfp import dsl, local
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root="out")
HERE, RAW = {here!r}, {raw!r}
@dsl.component(install_kfp_package=False)
def prepare(here: str, raw: str, made: dsl.Output[dsl.Dataset]):
    import sys, pathlib; sys.path.insert(0, here); from prepare import prepare as step
    step(pathlib.Path(raw), pathlib.Path(made.path))
@dsl.component(install_kfp_package=False)
def features(here: str, given: dsl.Input[dsl.Dataset], made: dsl.Output[dsl.Dataset]):
    import sys, pathlib; sys.path.insert(0, here); from features import features as step
    step(pathlib.Path(given.path), pathlib.Path(made.path))
@dsl.component(install_kfp_package=False)
def train(here: str, given: dsl.Input[dsl.Dataset], made: dsl.Output[dsl.Dataset]):
    import sys, pathlib; sys.path.insert(0, here); from train import train as step
    step(pathlib.Path(given.path), pathlib.Path(made.path))
@dsl.component(install_kfp_package=False)
def evaluate(here: str, given: dsl.Input[dsl.Dataset], model: dsl.Input[dsl.Dataset], made: dsl.Output[dsl.Dataset]):
    import sys, pathlib; sys.path.insert(0, here); from evaluate import evaluate as step
    step(pathlib.Path(given.path), pathlib.Path(model.path), pathlib.Path(made.path))
@dsl.pipeline
def flow():
    p = prepare(here=HERE, raw=RAW)
    s = features(here=HERE, given=p.outputs["made"])
    m = train(here=HERE, given=s.outputs["made"])
    evaluate(here=HERE, given=s.outputs["made"], model=m.outputs["made"])
flow()
"""


def trivial(contest: Contest, count: int) -> float:
    """Seconds for `count` chained steps that do nothing."""
    folder = contest.folder("trivial")
    jobs = {f"s{number}": {"command": f"true {number}", "environment": {"image": "x"}} for number in range(count)}
    for number in range(1, count):
        jobs[f"s{number}"]["inputs"] = {
            "i": {"type": "uri_folder", "path": f"${{{{parent.jobs.s{number - 1}.outputs.o}}}}"}
        }
    for job in jobs.values():
        job["outputs"] = {"o": {"type": "uri_folder"}}
        job["command"] += " # ${{outputs.o}}"
    (folder / "pipeline.yml").write_text(json.dumps({"type": "pipeline", "jobs": jobs}))
    return contest.call([str(contest.python), "-c", RUN, "run", "pipeline.yml"], folder)


def missed(cold: dict[str, float], again: dict[str, float], few: float, each: float) -> list[str]:
    """Return the targets that were not met, one line each.

    Args:
        cold: tool -> seconds of a first run.
        again: tool -> seconds of a run with nothing changed.
        few: seconds of 20 trivial chained steps.
        each: seconds that one more trivial step costs.
    """
    targets = [
        ("nothing changed", again["engine"], 0.15),
        ("nothing changed, against half of dvc repro", again["engine"], again["DVC repro"] / 2),
        ("20 trivial chained steps", few, 0.2),
        ("each further trivial step", each, 0.02),
        ("cold, against dvc repro", cold["engine"], cold["DVC repro"]),
        ("cold, against four processes", cold["engine, no warm start"], 1.5 * cold["four processes, bash"]),
    ]
    return [
        f"missed: {what}: {found * 1000:.0f} ms, the limit is {limit * 1000:.0f} ms"
        for what, found, limit in targets
        if found > limit
    ]


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
        few, many = (min(trivial(contest, count) for _ in range(chosen.rounds)) for count in (20, 200))
        each = (many - few) / 180
        print(f"20 trivial chained steps {few * 1000:.0f} ms, 200 {many * 1000:.0f} ms: {each * 1000:.1f} ms a step")
        print(f"nothing changed: {again['DVC repro'] / again['engine']:.1f} times faster than dvc repro")
        found = missed(cold, again, few, each)
        print("\n".join(found) or "every target is met")
        raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
