"""What the engine itself costs: pipelines of steps that do nothing."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from benchmarks.engine.contest import RUN, Contest

_PEAK = """
import re, resource, sys
from pathlib import Path
sys.argv = ["tdsp", "run", "pipeline.yml"]
from tdsp.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status")  # Linux counts what the parent held when it forked into ru_maxrss
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024 if status.exists() else 0
    print("peak", peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def chain(contest: Contest, count: int) -> float:
    """Seconds for `count` chained steps that do nothing."""
    return contest.call([str(contest.python), "-c", RUN, "run", "pipeline.yml"], _chained(contest, count))


def peak(contest: Contest, count: int) -> float:
    """Peak memory (bytes) of the engine's own process over `count` such steps."""
    folder = _chained(contest, count)
    done = subprocess.run(
        [str(contest.python), "-c", _PEAK], cwd=folder, env=contest.clean, capture_output=True, text=True, check=True
    )
    return float(re.search(r"^peak (\d+)", done.stdout, re.MULTILINE)[1])


def look(contest: Contest, count: int) -> float:
    """Seconds to read and check a plan of `count` steps that share a folder of 100 files."""
    folder = _chained(contest, count)
    (folder / "src").mkdir()
    for number in range(100):
        (folder / "src" / f"m{number}.py").write_text(f"x = {number}\n")
    plan = json.loads((folder / "pipeline.yml").read_text())
    for job in plan["jobs"].values():
        job["code"] = "./src"
    (folder / "pipeline.yml").write_text(json.dumps({**plan, "settings": {"default_compute": "azureml:serverless"}}))
    return contest.call([str(contest.python), "-c", RUN, "check", "--no-sdk", "pipeline.yml"], folder)


def diamond(contest: Contest) -> float:
    """Seconds for two steps of one second side by side, between two that do nothing."""
    folder = contest.folder("diamond")
    inside = {name: _step(f"sleep 1 # {name}", ["first"]) for name in ("left", "right")}
    jobs = {"first": _step("true", []), **inside, "last": _step("true", ["left", "right"])}
    (folder / "pipeline.yml").write_text(json.dumps({"type": "pipeline", "jobs": jobs}))
    return contest.call([str(contest.python), "-c", RUN, "run", "pipeline.yml"], folder)


def _chained(contest: Contest, count: int) -> Path:
    folder = contest.folder("chain")
    jobs = {f"s{number}": _step(f"true {number}", [f"s{number - 1}"] if number else []) for number in range(count)}
    (folder / "pipeline.yml").write_text(json.dumps({"type": "pipeline", "jobs": jobs}))
    return folder


def _step(command: str, needs: list[str]) -> dict:
    inputs = {
        f"i{number}": {"type": "uri_folder", "path": f"${{{{parent.jobs.{name}.outputs.o}}}}"}
        for number, name in enumerate(needs)
    }
    used = " ".join(["${{outputs.o}}", *(f"${{{{inputs.{name}}}}}" for name in inputs)])
    return {
        "command": f"{command} && : {used}" if "#" not in command else command.replace("#", f"&& : {used} #"),
        "environment": {"image": "x"},
        "inputs": inputs,
        "outputs": {"o": {"type": "uri_folder"}},
    }
