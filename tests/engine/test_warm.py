"""Warm start: which steps are forked, and that nobody can tell."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest
from tdsp import engine
from tdsp.engine.executor.processes import Processes
from tdsp.engine.warm import client as fork
from tdsp.engine.warm import fitness

THREADED = """\
import threading, time
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
"""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("python a.py --x 1\n", ["a.py", "--x", "1"]),
        ("python -m pkg.mod 'a b'", ["-m", "pkg.mod", "a b"]),
        ("python a.py && ls", None),
        ("python a.py > x", None),
        ("python -c 1", None),
        ("echo", None),
        ("python a.py $HOME", None),
    ],
)
def test_only_plain_python_is_forked(command: str, words):
    assert fitness.arguments(command) == words


def test_unsafe_imports_are_not_forked(tmp_path: Path):
    (tmp_path / "a.py").write_text("import json, util\nfrom sklearn.tree import x\ndef f():\n    import torch\n")
    (tmp_path / "util.py").write_text("import csv\n")
    files = {name: tmp_path / name for name in ("a.py", "util.py")}
    assert fitness.imports(files) is None
    (tmp_path / "a.py").write_text("import json, util\nfrom sklearn.tree import x\n")
    assert fitness.imports(files) == ["json", "sklearn.tree", "csv"]


PROBE = """
import os, random, sys, traceback
print(sys.argv, __name__, os.getcwd() == os.path.realpath(sys.path[0]), os.environ.get("AZUREML_CR_NODE_RANK"))
print("HUSH" in os.environ, __file__.endswith("probe.py"), sys.stdin.read())
"""


@pytest.mark.parametrize("command", ["python probe.py 1 'a b'", "python -m probe 1 'a b'"])
def test_a_forked_step_is_like_a_started_one(bench, forked, command: str):
    bench.write({"src/probe.py": PROBE})
    bench.pipeline({"a": {"command": command, "code": "./src"}, "b": {"command": f"{command} c", "code": "./src"}})
    plain = bench.log(bench.run(), "a")
    warmed = bench.log(bench.run(warm=True, workers=1, force=frozenset("*")), "a")
    assert len(forked) == 2
    # The script's path differs from run to run; all else must be the same.
    assert re.sub(r"'[^']*probe.py'", "it", plain) == re.sub(r"'[^']*probe.py'", "it", warmed)


def test_forked_steps_do_not_share_their_randomness(bench):
    bench.write({"src/r.py": "import random, sys, numpy\nprint(random.random(), numpy.random.rand())\n"})
    bench.pipeline({name: {"command": f"python r.py {name}", "code": "./src"} for name in "ab"})
    result = bench.run(warm=True)
    first, second = (bench.log(result, name).split() for name in "ab")
    assert not set(first) & set(second)


def test_a_forked_failure_has_code_traceback_and_source_path(bench):
    bench.write(
        {"src/f.py": "import sys\ndef g():\n    raise ValueError('no')\nsys.exit(3) if len(sys.argv) > 1 else g()\n"}
    )
    bench.pipeline(
        {"a": {"command": "python f.py", "code": "./src"}, "b": {"command": "python f.py 1", "code": "./src"}},
        settings={"continue_on_step_failure": True},
    )
    result = bench.run(warm=True)
    assert (result.steps["a"].reason, result.steps["b"].reason) == ("exit code 1", "exit code 3")
    tail = result.steps["a"].tail
    assert str(bench.folder / "src" / "f.py") in tail
    assert "warm" not in tail
    assert "runpy" not in tail


def test_a_failure_ends_forked_siblings(bench, forked):
    mark = bench.folder / "sleeps"
    bench.write({"src/s.py": "import sys, time\nopen(sys.argv[1], 'w').close()\ntime.sleep(60)\n"})
    bench.pipeline(
        {
            "a": {"command": f"python s.py {mark}", "code": "./src"},
            "b": f"until [ -e {mark} ]; do sleep 0.1; done; exit 1",
            "c": {"command": f"python s.py {mark} c", "code": "./src"},
        }
    )
    result = bench.run(warm=True, workers=3)
    assert forked
    assert bench.states(result) == {"a": "stopped", "b": "failed", "c": "stopped"}


def test_a_module_of_the_steps_own_wins_over_one_that_is_loaded(bench):
    bench.write({"a/calendar.py": "print('mine')", "a/s.py": "import calendar", "q/s.py": "import calendar"})
    bench.pipeline({name: {"command": f"python s.py {name}", "code": f"./{name}"} for name in "aq"})
    assert bench.log(bench.run(warm=True), "a") == "mine\n"


def test_variables_that_are_read_at_the_start_count(bench):
    bench.write({"src/s.py": "import time\nprint(time.localtime(0).tm_hour)"})
    zone = {"environment_variables": {"TZ": "Asia/Tokyo"}}
    bench.pipeline({name: {"command": f"python s.py {name}", "code": "./src", **zone} for name in "ab"})
    assert bench.log(bench.run(warm=True), "a") == "9\n"


def test_a_thread_in_an_import_turns_forking_off(bench):
    site = bench.folder / "site"
    bench.write({"site/threaded_thing.py": THREADED})
    server = fork.Warm({"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"}, Processes())
    server.preload(["json"])
    bench.write({"x.py": ""})
    rest = ([], bench.folder, {}, bench.folder / "log", None)
    try:
        assert server.run(["x.py"], ["json"], *rest) == 0
        assert server.run(["x.py"], ["threaded_thing"], *rest) is None
    finally:
        server.close()


@pytest.mark.parametrize(
    ("platform", "forks"), [("linux", True), ("darwin", False), ("win32", False), ("cygwin", False)]
)
def test_the_platform_decides_whether_steps_are_forked(bench, monkeypatch, platform: str, forks: bool):
    from tdsp.engine import local
    from tdsp.engine.local import Options

    monkeypatch.setattr(local.sys, "platform", platform)
    plan = engine.read(write_two(bench), home=bench.home)
    machine = local._machine(plan, Options(warm=True), bench.folder / "guard")
    assert machine.forks is forks
    assert not local._machine(plan, Options(warm=False), bench.folder / "guard").forks


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only, as the test above says")
def test_two_plain_steps_are_forked_where_it_is_safe(bench, forked, monkeypatch):
    write_two(bench)
    look = fitness.imports
    monkeypatch.setattr(fitness, "imports", lambda *some: time.sleep(0.3) or look(*some))  # both steps start at once
    assert bench.run(warm=True).ok
    assert len(forked) == 2


def write_two(bench) -> Path:
    bench.write({"src/s.py": "import json"})
    bench.pipeline({name: {"command": f"python s.py {name}", "code": "./src"} for name in "ab"})
    return bench.file
