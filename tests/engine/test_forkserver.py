"""The fork server: when it refuses, and what becomes of its steps when it or the run ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tdsp.engine.executor import processes
from tdsp.engine.executor.processes import Processes, StoppedError
from tdsp.engine.warm import client as fork
from tdsp.engine.warm import fitness

from tests.engine.watching import alive, pids, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is a fork server on Linux only")


@pytest.fixture
def server(bench):
    machine = Processes()
    (bench.folder / "site").mkdir()
    it = fork.Warm({"PYTHONPATH": str(bench.folder / "site"), "PATH": os.environ["PATH"]}, machine)
    yield it
    it.close()
    machine.close()


SLEEPER = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


KILLED_BEFORE_IT_ANSWERS = """
import os, signal
from tdsp.engine.warm.server import Server, become
Server._answer = lambda self, message: os.kill(os.getpid(), signal.SIGKILL)
become(Server(0, 1, []).loop())
"""


def test_a_step_that_its_server_could_not_name_does_nothing(bench):
    """The engine starts it again: two of them would write into the same outputs."""
    bench.write({"s.py": "open('done', 'w').close()\n"})
    request = {"id": 1, "argv": ["s.py"], "cwd": str(bench.folder), "env": {}, "modules": [], "own": []}
    request["log"] = str(bench.folder / "log")
    server = subprocess.Popen(
        [sys.executable, "-c", KILLED_BEFORE_IT_ANSWERS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(fork.__file__).parents[3])},
    )
    printed, _ = server.communicate(json.dumps(request).encode() + b"\n")
    assert (server.returncode, printed) == (-signal.SIGKILL, b"")
    time.sleep(0.5)  # many times as long as a step takes that was forked
    assert not (bench.folder / "done").exists()


def test_steps_of_a_killed_server_end_and_say_so(bench, server):
    bench.write({"s.py": SLEEPER})
    server.preload(["json"])

    def kill() -> None:
        until(lambda: pids(bench.folder))
        server._server.kill()

    threading.Thread(target=kill).start()
    with pytest.raises(fork.ServerGoneError):
        server.run(["s.py"], [], [], bench.folder, dict(os.environ), bench.folder / "log", None)
    assert until(lambda: not any(map(alive, pids(bench.folder))))
    assert server._answers == {}


def test_an_import_that_hangs_is_within_the_limit_and_the_stop(bench, server):
    done = bench.folder / "done"
    bench.write({"site/hanging.py": f"import time\ntime.sleep(60)\nopen({str(done)!r}, 'w')\n", "s.py": ""})
    server.preload(["json"])
    step = (["s.py"], ["hanging"], [], bench.folder, dict(os.environ), bench.folder / "log")
    with pytest.raises(processes.TooSlowError):
        server.run(*step, 0.5)
    threading.Timer(0.5, server._processes.stop).start()
    with pytest.raises(StoppedError):
        server.run(*step, None)
    assert not done.exists()


@pytest.mark.parametrize(
    ("modules", "own", "forked"),
    [
        ([], [], True),
        (["calendar"], ["other"], True),
        (["calendar"], ["calendar"], False),  # the step has a calendar of its own
        ([], ["random", "statistics"], True),
        ([], ["random", "select"], False),  # the server itself has imported select
        (["indirect"], [], False),
        (["starts_a_thread"], [], False),
    ],
)
def test_where_a_fork_would_not_be_a_fresh_python_it_is_refused(bench, server, modules, own, forked: bool):
    bench.write(
        {
            "site/indirect.py": "import torch",
            "site/torch.py": "",
            "site/starts_a_thread.py": "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n",
            "s.py": "import sys; sys.exit(7)",
        }
    )
    server.preload(["json"])

    def ask(*what) -> int | None:
        return server.run(["s.py"], *what, bench.folder, dict(os.environ), bench.folder / "log", 30)

    assert ask([], []) == 7
    assert ask(modules, own) == (7 if forked else None)
    for_good = bool({"indirect", "starts_a_thread"} & set(modules))
    assert ask([], []) == (None if for_good else 7)


@pytest.mark.parametrize(
    ("variables", "late"),
    [({}, False), ({"TDSP_COMMIT": "1"}, False), ({"TZ": "Asia/Tokyo"}, True), ({"X": "1"}, True)],
)
def test_a_step_with_variables_of_its_own_is_not_forked(variables, late: bool):
    assert fitness.too_late(variables) is late
