"""What the engine may cost: memory of a real run, and that the benchmark's targets can be missed."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import yaml
from tdsp import engine

COMPARE = Path(__file__).parents[2] / "benchmarks" / "engine" / "compare.py"
MEASURED = """
import json, re, resource, sys
from pathlib import Path
sys.path.insert(0, {source!r})
from tdsp import engine
result = engine.run(Path("pipeline.yml"), home=Path(".tdsp"), options=engine.Options(warm=False))
status = Path("/proc/self/status")  # Linux counts what the parent held when it forked into ru_maxrss
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else 0
peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([result.status, len(result.steps), peak]))
"""


def test_a_run_that_hands_over_large_files_stays_small(bench):
    """20 MB pass through ten steps with code and a fan-out: contents are never held in memory as a whole."""
    bench.write({f"src/m{number}.py": f"x = {number}\n" for number in range(50)})
    out = {"o": {"type": "uri_file"}}
    start = {"command": "head -c 20000000 /dev/urandom > ${{outputs.o}}", "code": "./src", "outputs": out}
    jobs = {"s0": start}
    for number in range(1, 10):
        jobs[f"s{number}"] = {
            "command": "cat ${{inputs.i}} > ${{outputs.o}} && echo " + str(number),
            "code": "./src",
            "inputs": {"i": {"type": "uri_file", "path": f"${{{{parent.jobs.s{(number - 1) // 2}.outputs.o}}}}"}},
            "outputs": out,
        }
    bench.pipeline(jobs)
    code = MEASURED.format(source=str(Path(engine.__file__).parents[2]))
    for _ in range(2):  # cold, and from the store
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=bench.folder, capture_output=True, text=True, check=True
        )
        status, steps, kilobytes = json.loads(done.stdout.splitlines()[-1])
        assert (status, steps) == ("ok", 10)
        assert kilobytes < 100_000 * (1024 if sys.platform == "darwin" else 1)


def test_the_benchmark_fails_when_a_target_is_missed():
    compare = runpy.run_path(str(COMPARE))
    cold = {"engine": 1.2, "one process": 1.0, "engine, MLflow": 2.5, "one process, MLflow": 2.0}
    own = dict.fromkeys(compare["TARGETS"].keys(), 0.0)
    found = {**own, **compare["reached"](cold, {"engine": 0.1, "DVC repro": 0.31}, {})}
    assert compare["missed"](found) == []
    found |= compare["reached"]({**cold, "engine": 1.4}, {"engine": 0.1, "DVC repro": 0.29}, {})
    assert compare["missed"](found) == [
        "missed: cold, times one process: 1.4, the limit is 1.3",
        "missed: nothing changed, of dvc repro: 0.345, the limit is 0.333",
    ]
    for what in compare["TARGETS"]:
        (said,) = compare["missed"]({**own, what: 1e9})
        assert what in said


def test_every_night_the_targets_and_the_contract_are_looked_at(root: Path):
    nightly = yaml.safe_load((root / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))
    (compare,) = (step["run"] for step in nightly["jobs"]["engine"]["steps"] if "run" in step)
    program, *options = compare.split("#")[0].split()[1:]
    assert root / program == COMPARE
    helped = subprocess.run([sys.executable, COMPARE, "--help"], capture_output=True, text=True, check=True).stdout
    assert {word for word in options if word.startswith("--")} <= set(helped.replace(",", " ").split())
    (contract,) = (step["run"] for step in nightly["jobs"]["contract"]["steps"] if "run" in step)
    text = (root / contract.split()[-1]).read_text(encoding="utf-8")
    assert all(name in text for name in nightly["jobs"]["contract"]["env"])
