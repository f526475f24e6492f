"""Outputs with an address: who may write where, who reads it later, and what pruning leaves of it."""

from __future__ import annotations

import pytest
import yaml
from tdsp import engine
from tdsp.engine.check.mistakes import check
from tdsp.engine.store.prune import prune
from tdsp.errors import WrongInput

STORE = "azureml://datastores/blob/paths/"


def writer(path: str, **more: str) -> dict:
    return {
        "command": "echo one > ${{outputs.o}}/x",
        "environment": {"image": "x"},
        "outputs": {"o": {"type": "uri_folder", "path": f"{STORE}{path}", **more}},
    }


def reader(address: str) -> dict:
    given = {"d": {"type": "uri_folder", "path": address}}
    return {"command": "cat ${{inputs.d}}/x", "environment": {"image": "x"}, "inputs": given}


def nested(bench, inner: str, outer: str) -> None:
    component = {"type": "pipeline", "jobs": {"deep": writer(inner)}}
    bench.write({"inner.yml": yaml.safe_dump(component)})
    bench.pipeline({"first": {"type": "pipeline", "component": "./inner.yml"}, "second": writer(outer)})


@pytest.mark.parametrize(("inner", "outer"), [("made", "made"), ("made/sub", "made"), ("made", "made/sub/deeper")])
def test_addresses_of_nested_pipelines_that_collide_are_found_by_check(bench, problems, inner: str, outer: str):
    nested(bench, inner, outer)
    (said,) = problems(bench.file)["written twice"]
    assert "first.deep.o" in said
    assert "second.o" in said
    assert ".yml:" in said
    with pytest.raises(WrongInput, match="write to one datastore address"):
        bench.run()


def test_two_steps_that_register_one_name_are_found(bench, problems):
    one, two = (writer(path, name="prepared") for path in ("a", "b"))
    bench.pipeline({"one": one, "two": two})
    assert "one.o and two.o" in problems(bench.file)["written twice"][0]
    two["outputs"]["o"]["version"] = "2"
    bench.pipeline({"one": one, "two": two})
    assert problems(bench.file) == {}


def test_check_knows_what_earlier_runs_wrote(bench):
    bench.pipeline({"b": reader(f"{STORE}made")})
    assert [found.category for found in check(bench.file, home=bench.home, judge=False).problems] == ["remote data"]
    bench.pipeline({"a": writer("made")})
    bench.run()
    bench.pipeline({"b": reader(f"{STORE}made")})
    assert check(bench.file, home=bench.home, judge=False).problems == []
    assert bench.run().ok


@pytest.mark.parametrize("address", [f"{STORE}made", "azureml:prepared@latest", "azureml:prepared:3"])
def test_an_output_with_address_and_name_is_found_by_both(bench, address: str):
    bench.pipeline({"a": writer("made", name="prepared", version="3")})
    bench.run()
    bench.pipeline({"b": reader(address)})
    assert bench.log(bench.run(), "b") == "one\n"


def test_pruning_keeps_what_an_address_leads_to_and_removes_links_to_nowhere(bench):
    bench.pipeline({"a": writer("made"), "b": {**writer("gone"), "command": "echo two > ${{outputs.o}}/x"}})
    bench.run()
    links = bench.home / "datastores" / "blob"
    (links / "gone").unlink()
    (links / "gone").symlink_to("../nowhere")
    assert prune(bench.home, gigabytes=0).kept == 1
    assert [link.name for link in links.iterdir()] == ["made"]
    bench.pipeline({"b": reader(f"{STORE}made")})
    assert bench.log(bench.run(), "b") == "one\n"


@pytest.mark.parametrize(
    "jobs",
    [
        {"a": writer("made"), "b": writer("made/sub")},
        {"a": reader(f"{STORE}nothing")},
        {"a": {"type": "spark"}},
        {"a": {**writer("x"), "code": "./gone"}},
        {"a": {**writer("x"), "environment": {}}},
        {},
    ],
)
def test_what_a_run_refuses_check_finds(bench, jobs: dict):
    bench.pipeline(jobs)
    with pytest.raises(engine.InvalidPipeline) as refused:
        bench.run()
    found = check(bench.file, home=bench.home, judge=False).problems
    assert {str(problem) for problem in refused.value.problems} <= set(map(str, found))
