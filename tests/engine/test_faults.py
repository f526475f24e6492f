"""Kills, full disks and shared stores: no wrong result is ever served. Each test counts what it tried."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tdsp import engine
from tdsp.engine import local
from tdsp.errors import TdspError

pytestmark = pytest.mark.slow
SRC = Path(engine.__file__).parents[2]
ROUNDS = {False: 20, True: 8}  # warm start: fewer, as each round starts a fork server
WARM = pytest.mark.parametrize("warm", [False, *([True] if local.forks_safely() else [])])
STEP = """
import hashlib, sys, time
for _ in range(4):
    digest = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()
    open(sys.argv[2], "a").write(f"{digest}  -\\n")
    time.sleep(0.01)
"""

RUN = f"""
import resource, sys
sys.path.insert(0, {str(SRC)!r})
from pathlib import Path
from tdsp import engine
from tdsp.errors import TdspError
if len(sys.argv) > 4:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    result = engine.run(Path(sys.argv[1]), home=Path(sys.argv[2]), options=engine.Options(warm=sys.argv[3] == "True"))
except TdspError as error:
    print(error)
    sys.exit(1)
print(result.steps["c"].outputs.get("o", "none"))
sys.exit(0 if result.ok else 1)
"""


def start(bench, *extra: str, warm: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(bench.file), str(bench.home), str(warm), *extra]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def chain(bench, warm: bool = False) -> None:
    """Three steps, each slow enough to be killed in, each of many writes."""
    bench.write({"src/s.py": STEP})
    steps = {}
    for name, source in (("a", {"type": "uri_file", "path": "./raw.txt"}), ("b", "a"), ("c", "b")):
        given = (
            source
            if isinstance(source, dict)
            else {"type": "uri_file", "path": f"${{{{parent.jobs.{source}.outputs.o}}}}"}
        )
        work = "for i in 1 2 3 4; do sha256sum < ${{inputs.i}} >> ${{outputs.o}} || exit 1; sleep 0.01; done"
        work = "python s.py ${{inputs.i}} ${{outputs.o}}" if warm else work
        outputs = {"o": {"type": "uri_file"}}
        steps[name] = {"command": work, "code": "./src", "inputs": {"i": given}, "outputs": outputs}
    bench.pipeline(steps)


def children_of(pid: int) -> list[int]:
    """All processes below one: its own children, and those of its fork server."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found: list[int] = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def expected(raw: str) -> str:
    for _ in range(3):
        raw = f"{hashlib.sha256(raw.encode()).hexdigest()}  -\n" * 4
    return raw


def right(bench, raw: str, warm: bool = False) -> bool:
    result = bench.run(warm=warm)
    return result.ok and Path(result.steps["c"].outputs["o"]).read_text() == expected(raw)


@WARM
def test_a_killed_engine_never_leaves_a_wrong_result(bench, warm: bool):
    chain(bench, warm)
    dice, killed = random.Random(1), 0
    for number in range(ROUNDS[warm]):
        raw = f"{number}\n"
        bench.write({"raw.txt": raw})
        process = start(bench, warm=warm)
        while process.poll() is None and not bench.home.exists():
            time.sleep(0.002)
        time.sleep(dice.uniform(0.05, 0.4))
        killed += process.poll() is None
        process.kill()
        process.wait()
        assert right(bench, raw, warm), f"round {number}"
        if number % 10 == 9:  # also when what was kept is used again
            assert set(bench.states(bench.run()).values()) == {"cached"}
    assert killed >= ROUNDS[warm] // 4


@WARM
def test_a_killed_step_never_leaves_a_wrong_result(bench, warm: bool):
    chain(bench, warm)
    dice, killed = random.Random(2), 0
    for number in range(ROUNDS[warm]):
        raw = f"killed {number}\n"
        bench.write({"raw.txt": raw})
        process = start(bench, warm=warm)
        while process.poll() is None and not children_of(process.pid):
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.06))
        for child in children_of(process.pid):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(child, signal.SIGKILL)
                killed += 1
        process.wait(20)
        assert right(bench, raw, warm), f"round {number}"
    assert killed >= ROUNDS[warm] // 4


def test_a_full_disk_ends_in_one_line_and_never_in_a_wrong_result(bench):
    """A limit on the size of files stands for the disk: each write beyond it fails, in the engine and in steps."""
    chain(bench)
    failed = 0
    for number, limit in enumerate([0, 1, 70, 200, 270, 300, 400, 500, 700, 1000, 1500]):
        raw = f"{number}\n"
        bench.write({"raw.txt": raw})
        process = start(bench, str(limit))
        said, trace = process.communicate(timeout=30)
        assert "Traceback" not in trace + said, trace
        failed += process.returncode != 0
        assert right(bench, raw), f"limit {limit}"
    assert failed >= 6


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(bench):
    chain(bench)
    bench.write({"raw.txt": "1\n"})
    for place in (Path("/proc/no-such-place"), bench.file / "below-a-file"):
        with pytest.raises(TdspError) as error:
            engine.run(bench.file, home=place)
        assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the test above covers it there")
def test_a_read_only_store_is_an_error_of_one_line(bench):
    chain(bench)
    bench.write({"raw.txt": "1\n"})
    assert right(bench, "1\n")
    work = bench.home / "store" / "work"
    work.chmod(0o555)
    try:
        with pytest.raises(TdspError):
            bench.run()
    finally:
        work.chmod(0o755)


def test_two_engines_on_one_store_agree(bench):
    chain(bench)
    for number in range(12):
        raw = f"two {number % 4}\n"
        bench.write({"raw.txt": raw})
        both = [start(bench) for _ in range(2)]
        for process in both:
            out, trace = process.communicate(timeout=30)
            assert process.returncode == 0, out + trace
            assert Path(out.strip()).read_text() == expected(raw)
        assert right(bench, raw)
        assert set(bench.states(bench.run()).values()) == {"cached"}


def test_random_damage_is_never_served(bench):
    chain(bench)
    raw, dice, harmed = "damage\n", random.Random(3), 0
    bench.write({"raw.txt": raw})
    assert right(bench, raw)
    for number in range(ROUNDS[False]):
        files = sorted(
            path for path in (bench.home / "store" / "entries").rglob("*") if path.is_file() and path.name != "log.txt"
        )
        victim = dice.choice(files)
        content = bytearray(victim.read_bytes())
        if content:
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            harmed += 1
        victim.write_bytes(bytes(content[: dice.choice([len(content), len(content) // 2])]))
        assert right(bench, raw), f"round {number}: {victim}"
    assert harmed >= ROUNDS[False] // 2
