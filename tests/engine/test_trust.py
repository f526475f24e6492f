"""A stored result is only served for what the step really saw."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from tdsp.engine.executor import snapshot

FILE = {"type": "uri_file"}


def reading(bench, command: str, **job) -> None:
    bench.write({"raw/d.txt": "old"})
    bench.pipeline(
        {
            "a": {
                "command": command,
                "inputs": {"d": {"type": "uri_folder", "path": "./raw"}},
                "outputs": {"o": {"type": "uri_file"}},
                **job,
            }
        }
    )


def content(result) -> str:
    return Path(result.steps["a"].outputs["o"]).read_text()


def test_data_that_changes_while_a_step_reads_it_leaves_no_result(bench):
    reading(bench, "sleep 0.6; cat ${{inputs.d}}/d.txt > ${{outputs.o}}")
    editor = threading.Timer(0.3, lambda: bench.write({"raw/d.txt": "new"}))
    editor.start()
    result = bench.run()
    assert result.steps["a"].state == "failed"
    assert "input 'd' changed while it ran" in result.steps["a"].reason
    bench.write({"raw/d.txt": "old"})
    assert content(bench.run()) == "old"


@pytest.mark.parametrize("what", ["echo 2 >> ${{inputs.d}}/d.txt", "rm -r ${{inputs.d}}", "touch ${{inputs.d}}/new"])
def test_a_step_that_changes_the_users_data_fails(bench, what: str):
    reading(bench, f"{what}; echo 1 > ${{{{outputs.o}}}}")
    assert "inputs are read-only" in bench.run().steps["a"].reason


def test_an_input_around_the_engines_own_folder_is_reused(bench):
    reading(bench, "cat ${{inputs.d}}/raw/d.txt > ${{outputs.o}}")
    bench.file.write_text(bench.file.read_text().replace("path: ./raw", "path: ."))
    assert bench.run().ok
    assert bench.states(bench.run()) == {"a": "cached"}


def test_code_that_changes_while_it_is_copied_leaves_no_answer(bench, monkeypatch):
    bench.write({"src/s.sh": "echo old"})
    job = {"command": "bash s.sh > ${{outputs.o}}", "code": "./src", "outputs": {"o": {"type": "uri_file"}}}
    bench.pipeline({"a": job})
    copy = snapshot.copy

    def edited(files, target):
        bench.write({"src/s.sh": "echo new"})
        copy(files, target)

    monkeypatch.setattr(snapshot, "copy", edited)
    result = bench.run()
    assert (content(result), result.steps["a"].state) == ("new\n", "ok")
    assert "not reused" in result.steps["a"].reason
    monkeypatch.undo()
    bench.write({"src/s.sh": "echo old"})
    assert content(bench.run()) == "old\n"


def test_the_name_of_a_file_counts(bench):
    bench.write({"a.csv": "1"})
    given = {"d": {"type": "uri_file", "path": "./a.csv"}}
    job = {"command": "basename ${{inputs.d}} > ${{outputs.o}}", "inputs": given, "outputs": {"o": FILE}}
    bench.pipeline({"a": job})
    assert content(bench.run()) == "a.csv\n"
    (bench.folder / "a.csv").rename(bench.folder / "b.parquet")
    bench.file.write_text(bench.file.read_text().replace("a.csv", "b.parquet"))
    assert content(bench.run()) == "b.parquet\n"


def test_whether_data_may_be_executed_counts(bench):
    reading(bench, "${{inputs.d}}/d.txt > ${{outputs.o}}")
    bench.write({"raw/d.txt": "#!/bin/sh\necho ran\n"})
    (bench.folder / "raw" / "d.txt").chmod(0o755)
    assert content(bench.run()) == "ran\n"
    (bench.folder / "raw" / "d.txt").chmod(0o644)
    assert bench.states(bench.run()) == {"a": "failed"}


@pytest.mark.parametrize("part", ["artifacts/outputs/m", "log.txt"])
def test_damage_beside_the_outputs_is_found(bench, part: str):
    reading(bench, "echo kept > outputs/m; echo said; echo 1 > ${{outputs.o}}")
    bench.run()
    (victim,) = (bench.home / "store" / "entries").glob(f"*/{part}")
    victim.write_text("BAD")
    assert bench.states(bench.run()) == {"a": "ok"}


@pytest.mark.parametrize("place", ["${{outputs.o}}", "${{inputs.d}}"])
def test_a_pipe_among_data_is_a_failure_not_a_wait(bench, place: str):
    reading(bench, f"mkfifo {place}/p", outputs={"o": {"type": "uri_folder"}})
    started = time.monotonic()
    assert bench.states(bench.run()) == {"a": "failed"}
    os.mkfifo(bench.folder / "raw" / "q")
    assert "neither a file nor a folder" in bench.run().steps["a"].reason
    assert time.monotonic() - started < 10
