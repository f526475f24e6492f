"""What is reused, what is not, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tdsp.engine.store.prune import prune


def one(bench, **extra):
    bench.write({"src/lib.py": "A = 1", "src/main.py": "", "raw/d.txt": "1"})
    bench.pipeline(
        {
            "a": {
                "command": "cat ${{inputs.d}}/d.txt > ${{outputs.o}}/x",
                "code": "./src",
                "inputs": {"d": {"type": "uri_folder", "path": "./raw"}, "n": 1},
                "outputs": {"o": None},
                **extra,
            },
            "b": {
                "command": "cat ${{inputs.i}}/x",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.a.outputs.o}}"}},
            },
        }
    )


REASONS = {
    "code: lib.py": lambda bench: bench.write({"src/lib.py": "A = 2"}),
    "code: new.py": lambda bench: bench.write({"src/new.py": ""}),
    "input d": lambda bench: bench.write({"raw/d.txt": "2"}),
    "input n": lambda bench: edit(bench, "n: 1", "n: 2"),
    "command": lambda bench: edit(bench, "cat ${{inputs.d}}/d.txt", "cat < ${{inputs.d}}/d.txt"),
    "environment": lambda bench: edit(bench, "image: any", "image: other"),
    "output o": lambda bench: edit(bench, "o: null", "o: {type: mltable}"),
    "code: lib.py, input n": lambda bench: (edit(bench, "n: 1", "n: 2"), bench.write({"src/lib.py": ""})),
}


def edit(bench, old: str, new: str) -> None:
    text = bench.file.read_text()
    assert old in text
    bench.file.write_text(text.replace(old, new))


@pytest.mark.parametrize("reason", REASONS)
def test_a_step_reruns_for_a_reason_and_says_it(bench, reason: str):
    one(bench)
    bench.run()
    assert set(bench.states(bench.run()).values()) == {"cached"}
    REASONS[reason](bench)
    assert bench.run().steps["a"].reason == f"changed: {reason}"


def test_equal_outputs_stop_the_rerunning(bench):
    one(bench)
    bench.run()
    bench.write({"src/lib.py": "A = 2"})
    assert bench.states(bench.run()) == {"a": "ok", "b": "cached"}


def test_going_back_is_free(bench):
    one(bench)
    bench.run()
    bench.write({"raw/d.txt": "2"})
    bench.run()
    bench.write({"raw/d.txt": "1"})
    assert bench.states(bench.run()) == {"a": "cached", "b": "cached"}


def test_a_touched_file_is_not_a_changed_one(bench):
    one(bench)
    bench.run()
    (bench.folder / "raw" / "d.txt").touch()
    (bench.folder / "raw" / ".tdsp").mkdir()
    (bench.folder / "raw" / ".tdsp").rmdir()
    assert set(bench.states(bench.run()).values()) == {"cached"}


def test_a_change_that_keeps_size_and_time_is_seen(bench):
    import os

    one(bench)
    file = bench.folder / "raw" / "d.txt"
    bench.run()
    bench.run()
    before = file.stat()
    file.write_text("2")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bench.log(bench.run(), "b") == "2"


@pytest.mark.parametrize("extra", [{"is_deterministic": False}, None])
def test_some_steps_are_never_reused(bench, extra):
    one(bench, **(extra or {}))
    if extra is None:
        edit(bench, "default_compute: azureml:serverless", "force_rerun: true")
    bench.run()
    states = bench.states(bench.run())
    assert states["a"] == "ok"
    assert states["b"] == ("ok" if extra is None else "cached")


def test_twins_run_once(bench):
    count = bench.folder / "count"
    step = {"command": f"echo x >> {count}; sleep 0.2; echo 1 > ${{{{outputs.o}}}}/y", "outputs": {"o": None}}
    bench.pipeline({name: json.loads(json.dumps(step)) for name in ("a", "b", "c")})
    result = bench.run(workers=3)
    assert sorted(bench.states(result).values()) == ["cached", "cached", "ok"]
    assert count.read_text() == "x\n"


def damage_content(entry: Path) -> None:
    next(entry.glob("outputs/*/x")).write_text("9")


def damage_missing(entry: Path) -> None:
    next(entry.glob("outputs/*/x")).unlink()


def damage_extra(entry: Path) -> None:
    (next(entry.glob("outputs/*/x")).parent / "more").write_text("")


def damage_record(entry: Path) -> None:
    (entry / "entry.json").write_text("{")


def damage_truncated(entry: Path) -> None:
    next(entry.glob("outputs/*/x")).write_text("")


@pytest.mark.parametrize("damage", [damage_content, damage_missing, damage_extra, damage_record, damage_truncated])
def test_a_damaged_result_is_made_again(bench, damage):
    one(bench)
    bench.run()
    entry = next(path for path in (bench.home / "store" / "entries").iterdir() if list(path.glob("outputs/*/x")))
    damage(entry)
    result = bench.run()
    assert bench.states(result) == {"a": "ok", "b": "cached"}
    assert result.steps["a"].reason == "its stored result is gone"
    assert Path(result.steps["a"].outputs["o"], "x").read_text() == "1"


def test_the_store_is_pruned_by_age_size_and_use(bench):
    one(bench)
    bench.run()
    assert prune(bench.home).removed == 0
    bench.run(force=frozenset({"a"}))
    assert prune(bench.home).removed == 1  # the result that the forced one replaced
    assert set(bench.states(bench.run()).values()) == {"cached"}
    assert prune(bench.home, gigabytes=0).removed == 2
    assert set(bench.states(bench.run()).values()) == {"ok"}
    assert prune(bench.home, days=1).removed == 0
    assert prune(bench.home, days=0).kept == 0
    assert len([run for run in (bench.home / "runs").iterdir() if run.is_dir()]) == 1


def test_what_is_used_stays_and_old_runs_go(bench):
    import os
    import time

    one(bench)
    bench.run()
    ago = time.time() - 10 * 86400
    for path in [*(bench.home / "store" / "keys").iterdir(), *(bench.home / "runs").glob("*/run.json")]:
        os.utime(path, (ago, ago))
    edit(bench, "n: 1", "n: 2")
    bench.run()  # b is used again, a is not: its old result is the one to go
    assert prune(bench.home, days=5).removed == 1
    assert set(bench.states(bench.run()).values()) == {"cached"}
    assert len([run for run in (bench.home / "runs").iterdir() if run.is_dir()]) == 2


def test_what_a_killed_engine_left_is_swept_by_the_next(bench):
    from tdsp.engine.store.lock import shared

    one(bench)
    bench.run()
    left = bench.home / "store" / "work" / "left"
    left.mkdir()
    with shared(bench.home / "store" / "lock"):
        bench.run()
    assert left.exists()
    bench.run()
    assert not left.exists()


def test_a_run_that_changes_nothing_writes_no_memory(bench):
    import time

    one(bench)
    time.sleep(0.1)
    bench.run()
    time.sleep(0.1)
    bench.run()
    before = (bench.home / "store" / "digests.json").stat().st_ino
    bench.run()
    assert (bench.home / "store" / "digests.json").stat().st_ino == before


def test_a_store_in_use_is_not_pruned(bench):
    from tdsp.engine.store.lock import shared
    from tdsp.errors import TdspError

    one(bench)
    bench.run()
    with shared(bench.home / "store" / "lock"), pytest.raises(TdspError, match="a run is using the store"):
        prune(bench.home, days=0)


def test_files_that_are_gone_are_forgotten(bench):
    import time

    one(bench)
    bench.write({"raw/old.txt": "1"})
    time.sleep(0.1)
    bench.run()
    memory = bench.home / "store" / "digests.json"
    assert "old.txt" in memory.read_text()
    (bench.folder / "raw" / "old.txt").unlink()
    bench.write({"raw/new.txt": "1"})
    time.sleep(0.1)
    bench.run()
    assert "new.txt" in memory.read_text()
    assert "old.txt" not in memory.read_text()
