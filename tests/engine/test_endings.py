"""However a run ends, nothing of it goes on running."""

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
from tdsp import engine
from tdsp.engine.executor import processes
from tdsp.engine.executor.processes import Processes, StoppedError
from tdsp.engine.warm import client as fork

SRC = Path(engine.__file__).parents[2]


def until(condition) -> bool:
    """Whether it came true in good time."""
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(folder: Path) -> list[int]:
    return [int(text) for mark in folder.glob("pid*") if (text := mark.read_text().strip())]


def command(bench, *options: str) -> subprocess.Popen[bytes]:
    """`tdsp run` in a process of its own."""
    code = f"import sys; sys.path.insert(0, {str(SRC)!r}); from tdsp.cli import main; main()"
    words = [sys.executable, "-c", code, "run", str(bench.file), *options]
    return subprocess.Popen(words, cwd=bench.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("warm", ["--warm", "--no-warm"])
def test_no_signal_leaves_a_step_running(bench, name: str, warm: str):
    sleeper = "import os, sys, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    bench.write({"src/s.py": sleeper})
    bench.pipeline(
        {
            "a": f"echo $$ > {bench.folder}/pid1; sleep 60 & echo $! > {bench.folder}/pid2; wait",
            "b": {"command": f"python s.py {bench.folder}/pid3", "code": "./src"},
            "c": {"command": f"python s.py {bench.folder}/pid4", "code": "./src"},
        }
    )
    process = command(bench, warm)
    assert until(lambda: len(pids(bench.folder)) >= 3)
    process.send_signal(getattr(signal, name))
    process.wait(20)
    assert until(lambda: not any(map(alive, pids(bench.folder))))
    if name != "SIGKILL":
        assert process.returncode == 130
        (run,) = (path for path in (bench.home / "runs").iterdir() if path.is_dir())
        assert json.loads((run / "run.json").read_text())["status"] == "interrupted"


def test_a_second_ctrl_c_still_kills(tmp_path: Path, monkeypatch):
    running, mark = Processes(), tmp_path / "pid"
    words = ["bash", "-c", f"trap '' TERM; echo $$ > {mark}; while :; do sleep 0.1; done"]
    ended: list[type] = []

    def work() -> None:
        try:
            running.run(words, tmp_path, [dict(os.environ)], tmp_path / "log")
        except StoppedError:
            ended.append(StoppedError)

    thread = threading.Thread(target=work)
    thread.start()
    assert until(lambda: pids(tmp_path))

    def impatient(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(processes.time, "sleep", impatient)
        with pytest.raises(KeyboardInterrupt):
            running.stop()
    thread.join(5)
    assert ended == [StoppedError]
    running.close()


def test_a_rank_that_cannot_start_takes_the_others_with_it(tmp_path: Path):
    running = Processes()
    environments = [dict(os.environ), {**os.environ, "X": "x" * 10_000_000}]
    words = ["bash", "-c", f"echo $$ > {tmp_path}/pid; sleep 60"]
    started = time.monotonic()
    with pytest.raises(OSError, match="too long"):
        running.run(words, tmp_path, environments, tmp_path / "log")
    assert time.monotonic() - started < 10
    assert not any(map(alive, pids(tmp_path)))
    running.close()


# the fork server


@pytest.fixture
def server(bench):
    machine = Processes()
    (bench.folder / "site").mkdir()
    it = fork.Warm({"PYTHONPATH": str(bench.folder / "site"), "PATH": os.environ["PATH"]}, machine)
    yield it
    it.close()
    machine.close()


SLEEPER = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


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
    bench.write({"site/hanging.py": "import time\ntime.sleep(60)\n", "s.py": ""})
    server.preload(["json"])
    step = (["s.py"], ["hanging"], [], bench.folder, dict(os.environ), bench.folder / "log")
    started = time.monotonic()
    with pytest.raises(processes.TooSlowError):
        server.run(*step, 0.5)
    threading.Timer(0.5, server._processes.stop).start()
    with pytest.raises(StoppedError):
        server.run(*step, None)
    assert time.monotonic() - started < 10


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
    assert fork.too_late(variables) is late
