"""Each category of mistake is found before anything runs; a good pipeline is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tdsp.engine import InvalidPipeline

from tests.engine.sample import DELETE, ENVIRONMENT, change, good, write

# what is wrong -> (file, key, value, category, words of the message)
WRONG = {
    "number out of range": ("job", "jobs/b/inputs/rate", 7, "wrong literal", "above the maximum 1"),
    "number out of range, bound": ("job", "inputs/level", 7, "kinds do not fit", "above the maximum 1"),
    "literal of the wrong type": ("job", "jobs/a/inputs/count", "many", "wrong literal", "not an integer"),
    "2.0 for an integer": ("job", "jobs/a/inputs/count", 2.0, "wrong literal", "not an integer"),
    "value outside an enum": ("job", "jobs/a/inputs/mode", "fats", "wrong literal", "not one of fast, slow"),
    "unknown pipeline input": (
        "job",
        "jobs/b/inputs/rate",
        "${{parent.inputs.levle}}",
        "binding to nothing",
        "did you mean 'level'",
    ),
    "unknown step": (
        "job",
        "jobs/b/inputs/data",
        "${{parent.jobs.aa.outputs.out}}",
        "binding to nothing",
        "no step 'aa'; did you mean 'a'",
    ),
    "unknown output of a step": (
        "job",
        "jobs/b/inputs/data",
        "${{parent.jobs.a.outputs.oot}}",
        "binding to nothing",
        "did you mean 'out'",
    ),
    "input the component lacks": ("job", "jobs/a/inputs/coutn", 3, "unknown input", "did you mean 'count'"),
    "command uses an undefined input": (
        "component",
        "command",
        "echo ${{inputs.rat}}",
        "command: undefined input",
        "did you mean 'rate'",
    ),
    "command uses an undefined output": (
        "component",
        "command",
        "echo ${{outputs.tabel}}",
        "command: undefined output",
        "did you mean 'table'",
    ),
    "optional outside $[[ ]]": (
        "component",
        "command",
        "echo ${{inputs.note}}",
        "optional outside $[[ ]]",
        "'note' must stand inside",
    ),
    "data path missing": ("job", "jobs/a/inputs/data/path", "./dat", "data missing", "does not exist"),
    "step bound to itself": ("job", "jobs/a/inputs/data", "${{parent.jobs.a.outputs.out}}", "cycle", "circle"),
    "two steps in a circle": ("job", "jobs/a/inputs/data", "${{parent.jobs.b.outputs.out}}", "cycle", "circle"),
    "input bound to itself": ("job", "jobs/b/inputs/rate", "${{parent.jobs.b.inputs.rate}}", "cycle", "itself"),
    "required input missing": ("job", "jobs/a/inputs", DELETE, "required input missing", "'data'"),
    "code folder missing": ("component", "code", "./scr", "code missing", "does not exist"),
    "component missing": ("job", "jobs/a/component", "./oen.yml", "missing component", "No such file"),
    "misspelt key of a step": ("job", "jobs/a/componant", "x", "misspelt key", "did you mean 'component'"),
    "misspelt key of a component": ("component", "is_determinstic", False, "misspelt key", "'is_deterministic'"),
    "misspelt key at the top": ("job", "experiment", "x", "misspelt key", "unknown key 'experiment'"),
    "misspelt setting": ("job", "settings/force_return", True, "misspelt key", "did you mean 'force_rerun'"),
    "misspelt key of an input": ("component", "inputs/rate/maximum", 2, "misspelt key", "unknown key 'maximum'"),
    "default breaks its own range": ("component", "inputs/rate/default", 5, "default breaks its range", "above"),
    "default breaks its own enum": ("component", "inputs/mode/default", "x", "default breaks its range", "not one of"),
    "no jobs at all": ("job", "jobs", {}, "no jobs", "no jobs"),
    "expression without parent": (
        "job",
        "jobs/b/inputs/rate",
        "${{inputs.level}}",
        "binding to nothing",
        "write ${{parent.inputs.level}}",
    ),
    "expression with one brace": (
        "component",
        "command",
        "echo ${inputs.rate}",
        "command: malformed expression",
        "plain text",
    ),
    "undeclared pipeline output": (
        "job",
        "jobs/a/outputs",
        {"out": "${{parent.outputs.x}}"},
        "undeclared pipeline output",
        "no output 'x'",
    ),
    "pipeline output nobody writes": (
        "job",
        "outputs",
        {"kept": {"type": "uri_folder"}},
        "output never written",
        "no step writes",
    ),
    "output the component lacks": ("job", "jobs/a/outputs", {"otu": None}, "unknown output", "did you mean 'out'"),
    "number where data belongs": (
        "job",
        "jobs/b/inputs/data",
        "${{parent.inputs.level}}",
        "kinds do not fit",
        "cannot feed a uri_folder",
    ),
    "data where a number belongs": (
        "job",
        "jobs/b/inputs/rate",
        "${{parent.jobs.a.outputs.out}}",
        "kinds do not fit",
        "cannot feed a number",
    ),
    "remote data": (
        "job",
        "jobs/a/inputs/data/path",
        "https://x.org/a.csv",
        "remote data",
        "local-data.yml:  https://x.org/a.csv: ",
    ),
    "spark": ("job", "jobs/s", {"type": "spark"}, "refused", "--stub s=FOLDER"),
    "automl": ("job", "jobs/s", {"type": "automl"}, "refused", "AutoML runs only in Azure ML"),
    "registry component": (
        "job",
        "jobs/s",
        {"component": "azureml://registries/a/components/b"},
        "refused",
        "registry",
    ),
    "workspace component": (
        "job",
        "jobs/s",
        {"component": "azureml:other@latest"},
        "refused",
        "not among this project",
    ),
    "one brace in an input": (
        "job",
        "jobs/b/inputs/note",
        "${parent.inputs.level}",
        "malformed expression",
        "plain text",
    ),
    "no dollar in a path": ("job", "jobs/a/inputs/data/path", "{{parent.inputs.x}}", "malformed expression", "plain"),
    "one brace in an output": (
        "job",
        "jobs/a/outputs",
        {"out": "${parent.outputs.x}"},
        "output bound to nothing",
        "no place for an output",
    ),
    "misspelt output binding": (
        "job",
        "jobs/a/outputs",
        {"out": "${{parent.output.x}}"},
        "output bound to nothing",
        "no place for an output",
    ),
    "no environment": ("component", "environment", DELETE, "environment missing", "no environment"),
    "unknown port type": ("component", "inputs/data/type", "uri_fodler", "wrong value", "did you mean 'uri_folder'"),
    "illegal step name": ("job", "jobs/B-c", {"component": "./one.yml"}, "illegal step name", "lower-case"),
    "environment that is a list": ("component", "environment", "file:list.yml", "environment missing", "no mapping"),
    "unknown kind": ("job", "jobs/s", {"type": "teleport"}, "refused", "'teleport'"),
}


def test_a_good_pipeline_has_no_mistakes(tmp_path: Path, problems):
    assert problems(write(tmp_path, *good())) == {}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_found_with_its_place(name: str, tmp_path: Path, problems):
    which, key, value, category, words = WRONG[name]
    job, component = good()
    change(job if which == "job" else component, key, value)
    found = problems(write(tmp_path, job, component))
    assert category in found
    line = next(text for text in found[category] if words in text)
    file, number = line.split(":")[:2]
    assert Path(file).name == ("pipeline.yml" if which == "job" else "one.yml")
    assert int(number) >= 1


def test_the_line_is_that_of_the_key(tmp_path: Path, problems):
    job, component = good()
    change(job, "jobs/b/inputs/rate", 7)
    file = write(tmp_path, job, component)
    expected = 1 + file.read_text().splitlines().index("      rate: 7")
    assert f"pipeline.yml:{expected}: jobs.b.inputs.rate:" in problems(file)["wrong literal"][0]


def test_all_mistakes_are_told_at_once_and_nothing_starts(bench):
    bench.pipeline({"a": "touch /should/not/run ${{inputs.x}}", "b": "echo ${{outputs.y}}"})
    with pytest.raises(InvalidPipeline, match="2 mistakes") as error:
        bench.run()
    assert "undefined input" in {p.category.split(": ")[-1] for p in error.value.problems}
    assert not bench.home.exists()


def test_a_key_that_stands_twice_is_found(tmp_path: Path, problems):
    file = write(tmp_path, *good())
    text = file.read_text().replace("inputs:\n  level: 0.5\n", "inputs:\n  level: 0.5\n  level: 0.25\n")
    file.write_text(text)
    assert "stands twice" in problems(file)["duplicate key"][0]


@pytest.mark.parametrize("where", ["${{parent.outputs.kept}}", {"path": "azureml://datastores/d/paths/x"}])
def test_two_steps_that_write_one_place_are_found(where, tmp_path: Path, problems):
    job, component = good()
    job["outputs"] = {"kept": {"type": "uri_folder"}}
    for name in ("a", "b"):
        job["jobs"][name]["outputs"] = {"out": where}
    found = problems(write(tmp_path, job, component))
    assert "a.out" in found["written twice"][0]


PARALLEL = {
    "type": "parallel",
    "inputs": {"d": {"type": "uri_folder", "path": "./data"}},
    "outputs": {"rows": {"type": "uri_file"}},
    "input_data": "${{inputs.d}}",
    "mini_batch_size": "2",
    "task": {
        "type": "run_function",
        "code": "./src",
        "entry_script": "s.py",
        "environment": ENVIRONMENT,
        "append_row_to": "${{outputs.rows}}",
    },
}
SWEEP = {
    "type": "sweep",
    "trial": {"command": "echo ${{search_space.r}}", "environment": ENVIRONMENT},
    "search_space": {"r": {"type": "uniform", "min_value": 0, "max_value": 1}},
    "objective": {"goal": "minimize", "primary_metric": "loss"},
    "sampling_algorithm": "random",
    "early_termination": {"type": "bandit", "slack_factor": 0.1},
    "limits": {"max_total_trials": 2},
}


@pytest.mark.parametrize(
    ("job", "key", "value", "words"),
    [
        (PARALLEL, "input_data", "${{inputs.nope}}", "no input 'nope'"),
        (PARALLEL, "inputs/d", 3, "not data"),
        (PARALLEL, "mini_batch_size", "ten", "not a size"),
        (PARALLEL, "retry_settings", {"max_retries": "x"}, "not a number"),
        (PARALLEL, "partition_keys", "[a", "not a list"),
        (PARALLEL, "task/append_row_to", "${{outputs.nope}}", "no output 'nope'"),
        (PARALLEL, "task/append_row_to", "${outputs.rows}", "write ${{outputs.x}}"),
        (PARALLEL, "task/entry_script", "other.py", "not in the step's code"),
        (SWEEP, "objective/goal", "minimise", "did you mean 'minimize'"),
        (SWEEP, "objective/gaol", "minimize", "did you mean 'goal'"),
        (SWEEP, "sampling_algorithm", "gird", "did you mean 'grid'"),
        (SWEEP, "early_termination/type", "bandits", "did you mean 'bandit'"),
        (SWEEP, "early_termination/slack_facter", 0.1, "did you mean 'slack_factor'"),
        (SWEEP, "search_space/r", {"type": "choice", "values": []}, "the list is empty"),
        (SWEEP, "search_space/r/min_value", "lo", "not a number"),
        (SWEEP, "limits/max_total_trials", "many", "not a number"),
    ],
)
def test_mistakes_of_parallel_and_sweep_steps(job, key: str, value, words: str, tmp_path: Path, problems):
    wrong = yaml.safe_load(yaml.safe_dump(job))
    file = tmp_path / "pipeline.yml"
    for name in ("src", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "src" / "s.py").touch()
    pipeline = {"type": "pipeline", "settings": {"default_compute": "azureml:serverless"}, "jobs": {"a": wrong}}
    file.write_text(yaml.safe_dump(pipeline))
    assert problems(file) == {}
    change(wrong, key, value)
    file.write_text(yaml.safe_dump(pipeline))
    assert words in " ".join(text for texts in problems(file).values() for text in texts)
