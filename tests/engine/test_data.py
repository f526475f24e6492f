"""Data and results from elsewhere: the map file, assets, stubs, datastores."""

from __future__ import annotations

import pytest
from tdsp import engine


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
