"""The four steps as each tool wants them written, in one temporary folder, and a way to time each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
STEPS = HERE / "steps"
SOURCE = HERE.parents[1] / "{{cookiecutter.project_slug}}" / "src"
RUN = "from tdsp.cli import main; main()"


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
        return self.one_process(MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")

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
        (folder / "pipeline.yml").write_text(_azure(self.work / "raw"))
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
        return self._engine("tracked", MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}")

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


def _azure(raw: Path) -> str:
    def job(name: str, inputs: dict[str, object], output: str) -> dict:
        words = " ".join([*(f"${{{{inputs.{key}}}}}" for key in inputs), f"${{{{outputs.{output}}}}}"])
        return {
            "command": f"python {name}.py {words}",
            "code": f"./{name}",
            "environment": {"image": "any"},
            "inputs": inputs,
            "outputs": {output: {"type": "uri_folder"}},
        }

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
