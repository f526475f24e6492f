"""What a step sees and what a run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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


def test_bash_rules_hold(bench):
    bench.pipeline(
        {"last_counts": "false; true", "and": "true && false"} | {},
        settings={"continue_on_step_failure": True},
    )
    assert bench.states(bench.run()) == {"last_counts": "ok", "and": "failed"}


def test_secrets_of_the_shell_stay_out(bench, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    bench.pipeline({"a": {"command": "env", "environment_variables": {"LEVEL": "high"}}})
    log = bench.log(bench.run(), "a")
    assert "hush" not in log
    assert "/somewhere" not in log
    assert "LEVEL=high" in log
    assert "AZUREML_RUN_ID" not in log


def test_documented_variables_are_there(bench):
    (bench.folder / "d").mkdir()
    bench.pipeline(
        {
            "a": {
                "command": "echo $AZURE_ML_INPUT_d $AZUREML_CR_NODE_RANK && touch $AZURE_ML_OUTPUT_o/x",
                "inputs": {"d": {"type": "uri_folder", "path": "./d"}},
                "outputs": {"o": None},
            }
        }
    )
    result = bench.run()
    assert bench.log(result, "a") == f"{bench.folder / 'd'} 0\n"
    assert (Path(result.steps["a"].outputs["o"]) / "x").exists()


def test_python_is_the_one_that_runs_the_engine(bench):
    bench.pipeline({"a": "python -c 'import sys; print(sys.executable)'"})
    assert bench.log(bench.run(), "a").strip() == sys.executable


@pytest.mark.parametrize(
    "command",
    [
        *("pip install nothing-at-all", "python -m pip install x", "conda install x", "uv pip install x"),
        *("uv add x", "pip --timeout 5 --cache-dir x install y", "pip3.11 install x", "poetry add x"),
    ],
)
def test_a_step_cannot_install(bench, command: str):
    bench.pipeline({"a": command})
    result = bench.run()
    assert bench.states(result) == {"a": "ok"}
    assert "[tdsp] not run here" in bench.log(result, "a")


def test_commands_that_only_look_reach_the_real_program(bench, monkeypatch):
    bench.write({"bin/conda": "#!/bin/sh\necho real $*\n"})
    (bench.folder / "bin" / "conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bench.folder / 'bin'}:{os.environ['PATH']}")
    bench.pipeline({"a": "conda env list"})
    assert bench.log(bench.run(), "a") == "real env list\n"
    bench.pipeline({"a": "uv run python x.py"})
    assert bench.states(bench.run()) == {"a": "failed"}


def test_a_failure_shows_its_tail_with_source_paths_and_stops_the_rest(bench):
    bench.write({"src/bad.py": "import nothing_like_this\n"})
    bench.pipeline(
        {
            "bad": {"command": "python bad.py", "code": "./src", "outputs": {"o": None}},
            "after": {
                "command": "ls ${{inputs.i}}",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.bad.outputs.o}}"}},
            },
        }
    )
    result = bench.run()
    assert bench.states(result) == {"bad": "failed", "after": "skipped"}
    assert str(bench.folder / "src" / "bad.py") in result.steps["bad"].tail
    assert result.steps["bad"].reason == "exit code 1"
    from tdsp.engine.executor import tail

    assert "nothing_like_this" in tail.remedy(result.steps["bad"].tail)
    assert "'no-such-tool'" in tail.remedy("bash: line 1: no-such-tool: command not found")


def test_failed_results_are_not_reused(bench):
    bench.pipeline({"a": "exit 3"})
    assert [bench.run().steps["a"].state for _ in range(2)] == ["failed", "failed"]


def test_what_a_failed_step_had_written_is_kept_for_people_and_not_in_the_store(bench):
    write = "echo half > ${{outputs.o}}/it; true ${{outputs.empty}}"
    outputs = {"o": {"type": "uri_folder"}, "empty": {"type": "uri_folder"}}
    bench.pipeline({"a": {"command": f"{write}; exit 3", "outputs": outputs}})
    result = bench.run()
    kept = result.folder / "failed" / "a" / "o"
    assert result.steps["a"].left == {"o": str(kept)}
    assert (kept / "it").read_text() == "half\n"
    assert json.loads((result.folder / "run.json").read_bytes())["steps"]["a"]["left"] == {"o": str(kept)}
    assert (result.steps["a"].outputs, list((bench.home / "store" / "entries").iterdir())) == ({}, [])
    bench.pipeline({"a": {"command": write, "outputs": outputs}})
    result = bench.run()
    assert (result.steps["a"].left, (result.folder / "failed").exists()) == ({}, False)


def test_a_missing_file_output_is_a_failure(bench):
    bench.pipeline({"a": {"command": "true # ${{outputs.o}}", "outputs": {"o": {"type": "uri_file"}}}})
    assert "did not write its output 'o'" in bench.run().steps["a"].reason


def test_independent_steps_go_on_only_when_told(bench):
    jobs = {"bad": "exit 1", "slow": "sleep 0.3 && echo done"}
    bench.pipeline(jobs)
    assert bench.states(bench.run())["slow"] == "stopped"
    bench.pipeline(jobs, settings={"continue_on_step_failure": True})
    result = bench.run()
    assert (bench.states(result), result.ok) == ({"bad": "failed", "slow": "ok"}, False)


def test_a_step_whose_optional_input_failed_still_runs(bench):
    bench.write(
        {
            "c.yml": "type: command\nname: c\ninputs: {d: {type: uri_folder, optional: true}}\n"
            "command: echo none $[[but ${{inputs.d}}]]\nenvironment: {image: x}\n"
        }
    )
    bench.pipeline(
        {
            "bad": {"command": "ls ${{outputs.o}} && exit 1", "outputs": {"o": None}},
            "after": {
                "component": "./c.yml",
                "type": "command",
                "inputs": {"d": "${{parent.jobs.bad.outputs.o}}"},
            },
        },
        settings={"continue_on_step_failure": True},
    )
    result = bench.run()
    assert bench.states(result) == {"bad": "failed", "after": "ok"}
    assert bench.log(result, "after") == "none\n"


def test_branches_run_side_by_side(bench):
    bench.pipeline({"a": "sleep 1", "b": "sleep 1 #"})
    started = time.monotonic()
    assert bench.run().ok
    assert time.monotonic() - started < 1.5


def test_a_step_that_writes_to_its_input_is_found_out(bench):
    bench.pipeline(
        {
            "a": {"command": "echo 1 > ${{outputs.o}}/x", "outputs": {"o": None}},
            "b": {
                "command": "echo 2 >> ${{inputs.i}}/x",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.a.outputs.o}}"}},
            },
        }
    )
    assert "wrote to its input 'i'" in bench.run().steps["b"].reason
    assert bench.run().steps["a"].state == "ok"  # the spoilt result was not used again


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


def test_remote_data_comes_from_the_map_file(bench):
    bench.write({"here/d.csv": "1", "local-data.yml": "https://x.org/: here/\nazureml:titanic@latest: here\n"})
    remote = {
        "x": {"type": "uri_file", "path": "https://x.org/d.csv"},
        "y": {"type": "uri_folder", "path": "azureml:titanic@latest"},
    }
    bench.pipeline({"a": {"command": "cat ${{inputs.x}} ${{inputs.y}}/d.csv", "inputs": remote}})
    assert bench.log(bench.run(), "a") == "11"


def test_assets_are_found_by_name_among_the_projects_files(bench):
    bench.write(
        {
            "project.yml": "",
            "assets/data.yml": "name: raw\nversion: 2\ntype: uri_file\npath: ./d.csv\n",
            "assets/old.yml": "name: raw\nversion: 1\ntype: uri_file\npath: ./none.csv\n",
            "assets/d.csv": "5",
            "parts/c.yml": "$schema: commandComponent.schema.json\nname: show\nversion: 10\n"
            "type: command\ninputs: {d: {type: uri_file}}\n"
            "command: cat ${{inputs.d}}\nenvironment: {image: x}\n",
        }
    )
    step = {
        "type": "command",
        "component": "azureml:show@latest",
        "inputs": {"d": {"type": "uri_file", "path": "azureml:raw@latest"}},
    }
    bench.pipeline({"a": step})
    assert bench.log(bench.run(), "a") == "5"


def test_a_stub_stands_in_for_a_step_that_cannot_run(bench):
    bench.write({"saved/o/x": "9"})
    bench.pipeline(
        {
            "s": {"type": "spark", "outputs": {"o": {"type": "uri_folder"}}},
            "b": {
                "command": "cat ${{inputs.i}}/x",
                "inputs": {"i": {"type": "uri_folder", "path": "${{parent.jobs.s.outputs.o}}"}},
            },
        }
    )
    with pytest.raises(engine.InvalidPipeline, match="Spark runs only in Azure ML"):
        bench.run()
    result = bench.run(stubs={"s": bench.folder / "saved"})
    assert (bench.states(result), bench.log(result, "b")) == ({"s": "stub", "b": "ok"}, "9")


def test_a_datastore_output_is_read_back_even_from_the_cache(bench):
    address = "azureml://datastores/blob/paths/made/here"
    bench.pipeline(
        {
            "a": {
                "command": "echo 3 > ${{outputs.o}}/x",
                "outputs": {"o": {"type": "uri_folder", "path": address}},
            }
        }
    )
    bench.run()
    place = bench.home / "datastores" / "blob" / "made" / "here"
    place.unlink()
    assert bench.states(bench.run()) == {"a": "cached"}
    assert (place / "x").read_text() == "3\n"


def test_ctrl_c_leaves_no_process(bench):
    mark = bench.folder / "pid"
    bench.pipeline({"a": f"sleep 60 & echo $! > {mark}; wait", "b": "sleep 61"})
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r}); from pathlib import Path; from tdsp import engine\n"
        f"try: engine.run(Path({str(bench.file)!r}), home=Path({str(bench.home)!r}))\n"
        "except KeyboardInterrupt: sys.exit(130)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 10
    while not (mark.exists() and mark.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    time.sleep(0.1)
    assert not _alive(int(mark.read_text()))
    run = next(path for path in (bench.home / "runs").iterdir() if path.is_dir())
    said = json.loads((run / "run.json").read_text())
    assert said["status"] == "interrupted"
    assert {step["state"] for step in said["steps"].values()} == {"stopped"}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path(f"/proc/{pid}").exists() else False


def test_a_step_leaves_no_process_behind(bench):
    mark = bench.folder / "pid"
    bench.pipeline({"a": f"sleep 60 & echo $! > {mark}"})
    assert bench.run().ok
    assert not _alive(int(mark.read_text()))


def test_a_time_limit_ends_a_step(bench):
    bench.pipeline({"a": {"command": "sleep 30", "limits": {"timeout": 1}}})
    assert "limit of 1 s" in bench.run().steps["a"].reason


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
