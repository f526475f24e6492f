"""Whatever stands in a file, reading it gives a plan or mistakes: never a traceback, never an endless walk."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tdsp import engine
from tdsp.engine.check.mistakes import check
from tdsp.engine.reader import documents, index
from tdsp.errors import WrongInput

CORPUS = Path(__file__).parent / "corpus"
SIDE = {"components/typed.yml": "chain.yml", "components/nested.yml": "nested.yml"}  # changed -> the job that uses it
NAMES = [*sorted(path.name for path in CORPUS.glob("*.yml")), *SIDE]
RICH = """
type: pipeline
settings: {default_compute: azureml:serverless, force_rerun: false}
inputs: {level: {type: number, min: 0, max: 5, enum: [1, 2], default: 1}}
jobs:
  one:
    command: echo
    environment: {name: e, conda_file: {dependencies: [python]}, image: any}
    environment_variables: {A: 1}
    resources: {instance_count: 1}
    limits: {timeout: 5}
    distribution: {type: pytorch, process_count_per_instance: 1}
    code: ./code
    additional_includes: [./data]
    outputs: {o: {type: uri_folder, path: "azureml://datastores/d/paths/${{name}}", name: n, version: 1}}
  two:
    type: sweep
    trial: {command: "echo ${{search_space.r}}", environment: azureml:x@latest}
    search_space: {r: {type: uniform, min_value: 0, max_value: 1}, c: {type: choice, values: [1]}}
    objective: {goal: minimize, primary_metric: loss}
    sampling_algorithm: {type: random, seed: 3}
    early_termination: {type: bandit, slack_factor: 0.1, evaluation_interval: 1}
    limits: {max_total_trials: 2, trial_timeout: 3}
  three:
    type: parallel
    inputs: {d: {type: uri_folder, path: ./data}}
    input_data: ${{inputs.d}}
    partition_keys: '["a"]'
    mini_batch_size: 10 mb
    error_threshold: 1
    retry_settings: {max_retries: 1, timeout: 3}
    task: {type: run_function, code: ./code, entry_script: echo.py, environment: azureml:x@latest}
"""
STRANGE = ["abc", "", "[a", "${{inputs.nope}}", "${parent.x}", "..", "\0", "a" * 300, 0, -1, 1e300, True, None]
STRANGE += [[], ["x"], [[1]], {}, {"a": 1}, {3: "x", "y": None}, {"path": ["x"]}, {"type": []}]


def nodes(value: Any, keys: tuple = ()) -> Iterator[tuple]:
    if keys:
        yield keys
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from nodes(inner, (*keys, key))


def replaced(document: Any, keys: tuple, value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return changed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("corpus")
    shutil.copytree(CORPUS, made, dirs_exist_ok=True)
    (made / "rich.yml").write_text(RICH)
    (made / "local-data.yml").write_text("{}")  # the project's root
    return made


def look(file: Path) -> None:
    try:
        report = check(file, judge=False)
        [str(problem) for problem in (*report.problems, *report.warnings)]
    except WrongInput as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", [*NAMES, "rich.yml"])
def test_any_value_anywhere_is_read_or_refused(name: str, folder: Path):
    original = (folder / name).read_text()
    document = yaml.safe_load(original)
    strange = st.sampled_from(STRANGE) | st.text(max_size=8) | st.integers()

    @settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(list(nodes(document))), strange)
    def every(keys: tuple, value: Any) -> None:
        (folder / name).write_text(yaml.safe_dump(replaced(document, keys, value)))
        look(folder / SIDE.get(name, name))

    try:
        every()
    finally:
        (folder / name).write_text(original)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("limits.timeout", "abc", "not a number"),
        ("environment_variables", ["A=1"], "not a mapping"),
        ("additional_includes", "./x", "not a list"),
        ("resources.instance_count", "many", "not a number"),
        ("distribution.type", "pytorh", "did you mean 'pytorch'"),
        ("command", ["echo", "x"], "this is a list"),
        ("is_deterministic", "yes please", "not a boolean"),
        ("environment", {"image": "x", 3: "y"}, "unknown key '3'"),
        ("inputs", ["x"], "not a mapping"),
        ("outputs.o.type", "uri_fiel", "did you mean 'uri_file'"),
        ("inputs.i.type", "uri_fodler", "did you mean 'uri_folder'"),
    ],
)
def test_a_value_of_another_kind_is_named(key: str, value: Any, words: str, tmp_path: Path, problems):
    job: dict[str, Any] = {"command": "echo ${{outputs.o}}", "environment": {"image": "x"}, "outputs": {"o": {}}}
    *path, last = key.split(".")
    place = job
    for part in path:
        place = place.setdefault(part, {})
    place[last] = value
    (tmp_path / "p.yml").write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"a": job}}))
    assert words in " ".join(text for texts in problems(tmp_path / "p.yml").values() for text in texts)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: *a}",
        "jobs: &j [*j]",
        "a: 2020-13-45",
        "\n".join(["a0: &a0 [x]", *(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(12))]),
        "[" * 20000,
        "? [a]\n: b",
    ],
)
def test_what_cannot_be_walked_is_refused_in_one_line(text: str, tmp_path: Path):
    (tmp_path / "p.yml").write_text(text)
    with pytest.raises(WrongInput) as error:
        check(tmp_path / "p.yml", judge=False)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[a, b]", "a: [b"])
def test_a_broken_map_of_data_is_named(text: str, tmp_path: Path):
    (tmp_path / "local-data.yml").write_text(text)
    job = {
        "command": "true",
        "environment": {"image": "x"},
        "inputs": {"i": {"type": "uri_file", "path": "http://x/y"}},
    }
    (tmp_path / "p.yml").write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"a": job}}))
    with pytest.raises(WrongInput, match=r"local-data\.yml"):
        check(tmp_path / "p.yml", judge=False)


def named(bench, **output: str) -> None:
    """A pipeline whose first step writes what the YAML registers, and one that reads it by name."""
    made = {"type": "uri_folder", **output}
    bench.pipeline({"a": {"command": "echo one > ${{outputs.o}}/x", "outputs": {"o": made}}})
    bench.write({"local-data.yml": "{}", "other/pipeline.yml": ""})


@pytest.mark.parametrize(
    ("output", "address"),
    [
        ({"name": "prepared"}, "azureml:prepared@latest"),
        ({"name": "prepared", "version": "3"}, "azureml:prepared:3"),
        ({"name": "prepared", "version": "3"}, "azureml:prepared@latest"),
        (
            {"path": "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{output_name}}/"},
            "azureml://datastores/workspaceblobstore/paths/a/o/",
        ),
    ],
)
def test_what_a_step_registers_is_found_by_the_next_run(bench, output: dict[str, str], address: str):
    named(bench, **output)
    assert bench.run().ok
    reads = {"command": "cat ${{inputs.d}}/x", "inputs": {"d": {"type": "uri_folder", "path": address}}}
    bench.pipeline({"b": reads})
    assert bench.log(bench.run(), "b") == "one\n"
    other = address.replace("prepared", "cleaned").replace("/o/", "/p/")
    bench.pipeline({"b": {**reads, "inputs": {"d": {"type": "uri_folder", "path": other}}}})
    with pytest.raises(WrongInput, match="not on this machine"):
        bench.run()


def test_the_index_of_assets_follows_what_changes(bench):
    data = {"d": {"type": "uri_file", "path": "azureml:numbers@latest"}}
    bench.pipeline({"a": {"command": "cat ${{inputs.d}}", "inputs": data}})
    bench.write({"local-data.yml": "{}", "one.txt": "1", "two.txt": "22"})
    bench.write({"assets/n.yml": "name: numbers\nversion: 1\npath: ../one.txt\n"})
    assert [bench.log(bench.run(), "a"), bench.log(bench.run(), "a")] == ["1", "1"]
    assert (bench.home / "assets.json").is_file()
    bench.write({"assets/m.yml": "name: numbers\nversion: 2\npath: ../two.txt\n"})
    assert bench.log(bench.run(), "a") == "22"
    (bench.folder / "assets" / "m.yml").unlink()
    (bench.home / "assets.json").write_text("[broken")
    assert bench.log(bench.run(), "a") == "1"


def test_folders_that_did_not_change_are_not_listed_again(bench, monkeypatch):
    data = {"d": {"type": "uri_file", "path": "azureml:numbers@latest"}}
    bench.pipeline({"a": {"command": "cat ${{inputs.d}}", "inputs": data}})
    bench.write(
        {"local-data.yml": "{}", "one.txt": "1", "assets/n.yml": "name: numbers\nversion: 1\npath: ../one.txt\n"}
    )
    bench.write({f"raw/{number}/x.csv": "" for number in range(5)})
    bench.home.mkdir()
    for folder in (bench.folder, *bench.folder.rglob("*")):
        os.utime(folder, (1, 1))  # long ago
    bench.run()
    listed, scandir = [], os.scandir
    monkeypatch.setattr(index.os, "scandir", lambda place: listed.append(place) or scandir(place))
    engine.read(bench.file, home=bench.home)
    assert listed == []
    bench.write({"raw/3/m.yml": "name: numbers\nversion: 2\npath: ../../two.txt\n", "two.txt": "22"})
    assert bench.log(bench.run(), "a") == "22"


def test_check_leaves_nothing_behind(bench):
    bench.pipeline({"a": {"command": "true", "environment": "azureml:somewhere@latest"}})
    bench.home.mkdir()
    assert check(bench.file, home=bench.home, judge=False).good
    assert not list(bench.home.iterdir())


def test_a_file_is_parsed_once(tmp_path: Path, monkeypatch):
    text = "type: pipeline\njobs:\n  a:\n    command: one\n    command: two\n    environment: {image: x}\n"
    (tmp_path / "p.yml").write_text(text)
    parsed, loader = [], documents._Loader
    monkeypatch.setattr(documents, "_Loader", lambda text: parsed.append(text) or loader(text))
    found = check(tmp_path / "p.yml", judge=False).problems
    assert [problem.category for problem in found] == ["duplicate key"]
    assert ":5: " in str(found[0])
    assert len(parsed) == 1
    (tmp_path / "p.yml").write_text(text.replace("type: pipeline", "x: &x {command: a}\ntype: pipeline"))
    assert ":6: " in str(check(tmp_path / "p.yml", judge=False).problems[-1])  # the lines are those of now


def test_what_a_merge_brings_does_not_stand_twice(tmp_path: Path):
    job = "    <<: &base {command: a, environment: {image: x}}\n    command: b\n"
    (tmp_path / "p.yml").write_text(f"type: pipeline\njobs:\n  a:\n{job}")
    assert check(tmp_path / "p.yml", judge=False).problems == []
