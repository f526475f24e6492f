"""However a run ends, nothing of it goes on running."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from tdsp.engine.executor import processes
from tdsp.engine.executor.processes import Processes, StoppedError

from tests.engine.watching import alive, command, pids, until


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
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
    time.sleep(0.2)  # a step is watched from a moment after its start
    process.send_signal(getattr(signal, name))
    process.wait(20)
    assert until(lambda: not any(map(alive, pids(bench.folder))))
    if name != "SIGKILL":
        assert process.returncode == 130
        (run,) = (path for path in (bench.home / "runs").iterdir() if path.is_dir())
        said = json.loads((run / "run.json").read_text())
        assert said["status"] == "interrupted"
        assert {step["state"] for step in said["steps"].values()} == {"stopped"}


def test_a_run_that_is_told_to_survive_the_terminal_does(bench):
    bench.pipeline({"a": f"echo $$ > {bench.folder}/pid; until [ -e {bench.folder}/go ]; do sleep 0.05; done"})
    process = command(bench, hangup="SIG_IGN")  # nohup
    assert until(lambda: pids(bench.folder))
    process.send_signal(signal.SIGHUP)
    bench.write({"go": ""})
    assert process.wait(20) == 0


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
    thread.join(20)
    assert ended == [StoppedError]
    running.close()


def test_a_rank_that_cannot_start_takes_the_others_with_it(tmp_path: Path):
    running = Processes()
    environments = [dict(os.environ), {**os.environ, "X": "x" * 10_000_000}]
    words = ["bash", "-c", f"echo $$ > {tmp_path}/pid; sleep 60; touch {tmp_path}/done"]
    with pytest.raises(OSError, match="too long"):
        running.run(words, tmp_path, environments, tmp_path / "log")
    assert not (tmp_path / "done").exists()
    assert not any(map(alive, pids(tmp_path)))
    running.close()


def test_a_step_leaves_no_process_behind(bench):
    mark = bench.folder / "pid"
    bench.pipeline({"a": f"sleep 60 & echo $! > {mark}"})
    assert bench.run().ok
    assert not alive(int(mark.read_text()))


def test_a_time_limit_ends_a_step(bench):
    bench.pipeline({"a": {"command": "sleep 30", "limits": {"timeout": 1}}})
    assert "limit of 1 s" in bench.run().steps["a"].reason
