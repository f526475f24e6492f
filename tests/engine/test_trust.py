"""A stored result is only served for what the step really saw."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from tdsp.engine.executor import snapshot
from tdsp.engine.store import lock
from tdsp.engine.store.entries import Store
from tdsp.errors import WrongInput

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
    assert bench.states(bench.run()) == {"a": "failed"}
    os.mkfifo(bench.folder / "raw" / "q")
    assert "neither a file nor a folder" in bench.run().steps["a"].reason


def addressed(bench, *addresses: str) -> None:
    bench.pipeline(
        {
            name: {
                "command": f"echo {name} > ${{{{outputs.o}}}}/x",
                "outputs": {"o": {"type": "uri_folder", "path": f"azureml://datastores/blob/paths/{address}"}},
            }
            for name, address in zip("ab", addresses, strict=False)
        }
    )


@pytest.mark.parametrize("second", ["made", "made/sub", "made/sub/deeper"])
def test_outputs_on_or_in_each_other_are_refused(bench, second: str):
    addressed(bench, "made", second)
    with pytest.raises(WrongInput, match="write to one datastore address"):
        bench.run()


def test_an_address_inside_that_of_an_earlier_run_spoils_no_result(bench):
    addressed(bench, "made")
    bench.run()
    addressed(bench, "made/sub")
    assert bench.run().ok
    assert (bench.home / "datastores" / "blob" / "made" / "sub" / "x").read_text() == "a\n"
    addressed(bench, "made")
    result = bench.run()
    assert result.steps["a"].state == "failed"
    assert "in the way" in result.steps["a"].reason
    assert not list(bench.home.rglob("datastores/**/.*"))
    bench.pipeline({"a": "true"})
    addressed(bench, "other")
    result = bench.run()
    assert [entry.name for entry in Path(result.steps["a"].outputs["o"]).iterdir()] == ["x"]


def test_a_link_to_a_folder_above_is_followed_once(bench):
    bench.write({"src/s.sh": "ls"})
    (bench.folder / "src" / "around").symlink_to(".")
    bench.pipeline({"a": {"command": "bash s.sh", "code": "./src"}})
    result = bench.run()
    assert bench.log(result, "a").split() == ["logs", "outputs", "s.sh"]


def test_the_build_context_of_an_environment_counts(bench, problems):
    bench.write({"env/Dockerfile": "FROM a"})
    bench.pipeline({"a": {"command": "true", "environment": {"build": {"path": "./env"}}}})
    bench.run()
    assert bench.states(bench.run()) == {"a": "cached"}
    bench.write({"env/Dockerfile": "FROM b"})
    assert bench.run().steps["a"].reason == "changed: environment"
    bench.pipeline({"a": {"command": "true", "environment": {"build": {"path": "./gone"}}}})
    assert "gone is not a folder" in problems(bench.file)["environment missing"][0]
    bench.pipeline({"a": {"command": "true", "environment": {"image": "x", "conda_file": "gone.yml"}}})
    assert "conda_file gone.yml: No such file" in problems(bench.file)["environment missing"][0]


def test_an_engine_that_sweeps_takes_nothing_from_one_that_starts(bench, monkeypatch):
    """As when two start at once: each sweeps what it holds alone, the other's first folder with it."""
    reading(bench, "cat ${{inputs.d}}/d.txt > ${{outputs.o}}")
    bench.run()
    mkdir = Path.mkdir

    def swept(self, *arguments, **options) -> None:
        mkdir(self, *arguments, **options)
        if self.parent.name == "work":
            with contextlib.suppress(lock.InUseError), lock.exclusive(bench.home / "store" / "lock"):
                Store(bench.home / "store").sweep()

    monkeypatch.setattr(Path, "mkdir", swept)
    assert bench.run(force=frozenset("*")).ok
