"""A step that fails: what is said, what goes on, what is kept."""

from __future__ import annotations

import json


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


def test_source_paths_are_whole_where_folders_have_spaces(tmp_path):
    from tdsp.engine.executor import tail

    code, source = tmp_path / "moved here p2" / ".tdsp" / "run" / "code", tmp_path / "my project" / "bad.py"
    said = f'  File "{code}/bad.py", line 3, in <module>\n{code}/bad.py: no; /a/link/.tdsp/run/code/bad.py'
    shown = f'  File "{source}", line 3, in <module>\n{source}: no; {source}'
    assert tail.mapped(said, {"bad.py": source}, code) == shown


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
