"""What a step sees and what a run leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tdsp import engine
from tdsp.errors import WrongInput

SRC = Path(engine.__file__).parents[2]


def test_a_chain_runs_and_leaves_its_outputs(bench):
    bench.pipeline(
        {
            "a": {
                "command": "echo ${{inputs.x}} > ${{outputs.o}}",
                "inputs": {"x": 1.50},
                "outputs": {"o": {"type": "uri_file"}},
            },
            "b": {
                "command": "cat ${{inputs.i}} > ${{outputs.d}}/copy",
                "inputs": {"i": {"type": "uri_file", "path": "${{parent.jobs.a.outputs.o}}"}},
                "outputs": {"d": None},
            },
        },
        outputs={},
    )
    result = bench.run()
    assert bench.states(result) == {"a": "ok", "b": "ok"}
    assert Path(result.steps["b"].outputs["d"], "copy").read_text() == "1.5\n"
    said = json.loads((result.folder / "run.json").read_text())
    assert (said["status"], said["steps"]["a"]["reason"]) == ("ok", "first run")
    assert (result.folder.parent / "latest").read_text().strip() == result.id


def test_the_working_folder_is_a_fresh_copy_of_the_code(bench):
    bench.write({"src/main.py": "", "src/.amlignore": "*.big\n", "src/x.big": "", "shared/util.py": "", "one.py": ""})
    bench.pipeline(
        {
            "a": {
                "command": "touch new && find . -type f | sort",
                "code": "./src",
                "additional_includes": ["shared", "one.py"],
            }
        }
    )
    listing = bench.log(bench.run(), "a").split()
    assert listing == ["./.amlignore", "./main.py", "./new", "./one.py", "./shared/util.py"]
    assert not (bench.folder / "src" / "new").exists()


def test_a_folder_may_end_in_an_exclamation_mark_and_a_zip_be_asked_for(bench):
    bench.write({"src/now!/x": "", "lib/__init__.py": "", "lib/m.py": "A = 1"})
    unzip = "python -c 'import sys; sys.path[:0] = [\"lib.zip\"]; from lib import m; print(m.A)'"
    bench.pipeline({"a": {"command": f"ls now! && {unzip}", "code": "./src", "additional_includes": ["lib.zip"]}})
    assert bench.log(bench.run(), "a") == "x\n1\n"


def test_what_is_written_to_outputs_and_logs_is_kept(bench):
    bench.pipeline({"a": "echo 1 > outputs/x && echo 2 > logs/y"})
    result = bench.run()
    kept = result.folder / "artifacts" / "a"
    assert (kept / "outputs" / "x").read_text() + (kept / "logs" / "y").read_text() == "1\n2\n"


def test_an_unused_output_called_artifacts_is_the_artifact_root(bench):
    bench.pipeline({"a": {"command": "echo 1 > outputs/x", "outputs": {"artifacts": {"type": "uri_folder"}}}})
    result = bench.run()
    assert Path(result.steps["a"].outputs["artifacts"], "outputs", "x").read_text() == "1\n"


def test_values_are_put_in_as_text_without_quotes(bench):
    bench.pipeline(
        {
            "a": {
                "command": "printf '%s|' ${{inputs.x}} ${{inputs.y}}",
                "inputs": {"x": "two words", "y": True},
            }
        }
    )
    assert bench.log(bench.run(), "a") == "two|words|True|"


def test_a_step_has_a_log_whether_it_ran_or_not_and_said_something_or_not(bench):
    bench.pipeline({"silent": "true", "loud": "echo here"})
    for state in ("ok", "cached"):
        result = bench.run()
        assert set(bench.states(result).values()) == {state}
        assert [Path(str(step.log)).read_text() for step in result.steps.values()] == ["", "here\n"]


def test_bash_rules_hold(bench):
    bench.pipeline(
        {"last_counts": "false; true", "and": "true && false"} | {},
        settings={"continue_on_step_failure": True},
    )
    assert bench.states(bench.run()) == {"last_counts": "ok", "and": "failed"}


def test_branches_run_side_by_side(bench):
    """Each step ends only when it sees the other one."""
    meet = "touch {0}/{1}; for _ in $(seq 300); do test -f {0}/{2} && exit 0; sleep 0.1; done; exit 1"
    bench.pipeline({"a": meet.format(bench.folder, "a", "b"), "b": meet.format(bench.folder, "b", "a")})
    assert bench.run().ok


def test_paths_with_spaces_work(bench):
    bench.folder = bench.folder / "my own project (1)"
    bench.write(
        {
            "in put/x": "7",
            "src/s.py": "import sys; open(sys.argv[2] + '/y', 'w').write(open(sys.argv[1] + '/x').read())",
        }
    )
    bench.pipeline(
        {
            "a": {
                "command": "python s.py ${{inputs.d}} ${{outputs.o}}",
                "code": "./src",
                "inputs": {"d": {"type": "uri_folder", "path": "./in put"}},
                "outputs": {"o": None},
            },
            "b": {
                "command": "cat ${{inputs.i}}/y",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.a.outputs.o}}"}},
            },
        }
    )
    result = bench.run()
    assert bench.states(result) == {"a": "ok", "b": "ok"}
    assert bench.log(result, "b") == "7"


def test_until_force_and_overrides(bench):
    bench.pipeline(
        {
            "a": {
                "command": "echo ${{inputs.x}} > ${{outputs.o}}/x",
                "inputs": {"x": "${{parent.inputs.x}}"},
                "outputs": {"o": None},
            },
            "b": {
                "command": "cat ${{inputs.i}}/x",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.a.outputs.o}}"}},
            },
        },
        inputs={"x": 1},
    )
    assert list(bench.run(until="a").steps) == ["a"]
    assert bench.states(bench.run()) == {"a": "cached", "b": "ok"}
    assert bench.states(bench.run(force=frozenset({"a"}))) == {
        "a": "ok",
        "b": "cached",
    }  # same content: early cutoff
    assert bench.states(bench.run(force=frozenset("*"))) == {"a": "ok", "b": "ok"}
    result = bench.run({"inputs.x": "2"})
    assert bench.log(result, "b") == "2\n"
    assert ("start", "a", "changed: input x") in bench.events
    with pytest.raises(WrongInput, match="no input 'y'"):
        bench.run({"inputs.y": 1})
    with pytest.raises(WrongInput, match=r"no key 'x'; did you mean inputs\.x"):
        bench.run({"x": 1})
    with pytest.raises(WrongInput, match="no step 'aa'; did you mean 'a'"):
        bench.run(until="aa")


def test_nothing_heavy_is_imported(bench):
    bench.pipeline({"a": "true"})
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r}); from pathlib import Path; from tdsp import engine\n"
        f"engine.run(Path({str(bench.file)!r}), home=Path({str(bench.home)!r}))\n"
        "heavy = {'mlflow', 'pandas', 'pydantic', 'rich', 'azure', 'numpy', 'sklearn', 'typer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "assert int(peak.split()[1]) < 80 * 1024, peak"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
