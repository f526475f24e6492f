"""What a person sees while a pipeline runs: on a terminal, in a pipe, with `-v`, after Ctrl-C."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pytest
from tdsp.engine.progress import Progress
from tdsp.engine.records import StepResult

from tests.engine.watching import SRC

CODE = f"import sys; sys.path.insert(0, {str(SRC)!r}); from tdsp.cli import main; main()"
# Tests that run behind `&` hand on that Ctrl-C is not for them.
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "


class Terminal:
    """`tdsp` on a terminal of its own, `columns` wide."""

    def __init__(self, folder, *words: str, columns: int = 60):
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execv(sys.executable, [sys.executable, "-c", LISTENING + CODE, *words])
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        self.seen = ""

    def read(self, wanted: str = "\0", seconds: float = 20) -> str:
        """Everything so far, once `wanted` is on the screen or the program has ended."""
        deadline = time.monotonic() + seconds
        while wanted not in self.seen and time.monotonic() < deadline:
            if select.select([self.screen], [], [], 0.1)[0]:
                try:
                    chunk = os.read(self.screen, 65536)
                except OSError:  # the program has ended
                    break
                if not chunk:
                    break
                self.seen += chunk.decode()
        return self.seen

    def press(self, key: bytes) -> None:
        os.write(self.screen, key)

    def code(self) -> int:
        self.read()
        os.close(self.screen)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def lines(self) -> list[str]:
        """What is left on the screen: a line that was begun anew is gone."""
        return [re.split("\x1b\\[K", line)[-1].rstrip("\r") for line in self.seen.split("\n")]


def test_a_terminal_has_a_living_line_that_never_wraps_and_leaves_no_trace(bench):
    bench.pipeline(dict.fromkeys(("a_step_with_a_name_that_is_long", "another_step_with_such_a_name"), "sleep 1.3"))
    terminal = Terminal(bench.folder, "run", "pipeline.yml", columns=40)
    assert terminal.code() == 0
    living = re.findall(r"\x1b\[K(… [^\x1b\r\n]*)", terminal.seen)
    assert living
    assert max(map(len, living)) < 40
    assert not [line for line in terminal.lines() if "…" in line]
    assert terminal.lines()[-2].startswith("ok in ")


def test_ctrl_c_on_a_terminal_ends_in_two_lines(bench):
    bench.pipeline({"a": "sleep 60", **{f"s{number}": f"sleep 6{number + 1}" for number in range(8)}})
    terminal = Terminal(bench.folder, "run", "pipeline.yml", columns=200)
    terminal.read("… ")
    terminal.press(b"\x03")
    assert terminal.code() == 130, terminal.seen
    said = [line for line in terminal.lines() if line and not line.startswith(">")]
    assert said[-1].startswith("interrupted, every step was ended; 7 steps had not started: .tdsp/runs/2")
    assert [line.split()[2] for line in said[:-1]] == ["stopped:", "stopped:"]
    assert "Traceback" not in terminal.seen


def test_a_pipe_gets_plain_lines(bench):
    bench.pipeline({"a": "sleep 0.7"})
    done = subprocess.run([sys.executable, "-c", CODE, "run", "pipeline.yml"], cwd=bench.folder, capture_output=True)
    assert b"\x1b" not in done.stdout
    assert b"\xe2\x80\xa6" not in done.stdout


def test_verbose_shows_what_a_step_says_while_it_runs(bench):
    bench.pipeline({"a": "echo early; until [ -e ${{inputs.go}} ]; do sleep 0.05; done; printf 'no end of line'"})
    text = bench.file.read_text().replace("${{inputs.go}}", str(bench.folder / "go"))
    bench.file.write_text(text)
    terminal = Terminal(bench.folder, "run", "-v", "pipeline.yml")
    assert "  a | early" in terminal.read("  a | early")
    bench.write({"go": ""})
    assert terminal.code() == 0
    assert "  a | no end of line" in terminal.lines()
    assert terminal.lines().index("  a | no end of line") < terminal.lines().index(
        next(line for line in terminal.lines() if line.startswith("+ a"))
    )


def test_verbose_works_in_a_pipe_and_a_failure_still_names_the_source(bench):
    bench.write({"src/s.py": "print('begun', flush=True)\nraise ValueError"})
    bench.pipeline({"a": {"command": "python s.py", "code": "./src"}})
    words = [sys.executable, "-c", CODE, "run", "-v", "pipeline.yml"]
    said = subprocess.run(words, cwd=bench.folder, capture_output=True, text=True).stdout
    assert "\n  a | begun\n" in said
    assert f'  |   File "{bench.folder}/src/s.py", line 2, in <module>\n' in said


def told(*events: tuple[str, str, StepResult]) -> list[str]:
    stream = io.StringIO()
    progress = Progress(stream)
    for event in events:
        progress(*event)
    progress.interrupted()
    return stream.getvalue().splitlines()


def test_names_stand_in_one_column():
    long = told(("start", "a" * 20, StepResult(reason="first run")), ("start", "b", StepResult(reason="asked to")))
    assert long[1].index("asked to") == long[0].index("first run")


@pytest.mark.parametrize(("skipped", "lines"), [(3, 3), (200, 5)])
def test_a_long_pipeline_that_fails_early_fills_no_screen(bench, skipped: int, lines: int):
    stream = io.StringIO()
    progress = Progress(stream)
    for number in range(skipped):
        progress("skipped", f"s{number}", StepResult(reason="a step failed"))
    bench.pipeline({"a": "true"})
    progress.end(bench.run())
    said = stream.getvalue().splitlines()
    assert sum("skipped: " in line for line in said) == lines
    assert [line for line in said if "more skipped" in line] == (["- 195 more skipped"] if skipped > 5 else [])
