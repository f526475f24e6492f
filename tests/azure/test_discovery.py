"""The generator's search for workspaces, through `az`, against the emulated Azure; and where an answer leads."""

from __future__ import annotations

import json
import shutil

import bench
import discovery
import pytest
from baking import questions
from emulator.directory import Principal
from tdsp.azure import client as facts

ROOT = bench.ROOT


@pytest.fixture
def look(azure, kitchen, tmp_path, monkeypatch, capsys):
    """Run the search in a copy of the template; return the workspaces that it numbers, and what it printed."""
    folder = tmp_path / "template"
    (folder / "hooks").mkdir(parents=True)
    shutil.copy(kitchen.template / "cookiecutter.json", folder)
    shutil.copy(kitchen.template / "hooks" / "workspaces.json", folder / "hooks")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(discovery, "asks_nothing", lambda: False)

    def run():
        discovery.main()
        found = questions(folder).get("_workspaces", {})
        return {number: entry["id"] for number, entry in found.items()}, capsys.readouterr().out

    return run


def named(group, workspace):
    return f"{bench.SUBSCRIPTION}/{group}/{workspace}"


def test_the_workspaces_of_all_groups_are_offered_with_one_request(azure, look):
    azure.workspace("rg-prod", "ws-prod", account="prodstore")
    found, printed = look()
    assert found == {"1": "decide-later", "2": named("rg", "ws"), "3": named("rg-prod", "ws-prod")}
    assert printed == "Looking for your Azure ML workspaces ...\n"
    (call,) = azure.calls
    assert (call.method, call.path) == ("POST", "/providers/Microsoft.ResourceGraph/resources")


def test_the_region_comes_with_a_workspace(azure, look, tmp_path):
    look()
    (_, entry) = questions(tmp_path / "template")["_workspaces"].values()
    assert entry["region"] == "westeurope"
    assert "ws  (Emulated, rg, westeurope)" in entry["label"]


def test_what_cannot_run_jobs_is_not_offered(azure, look):
    azure.cloud.resources[azure.workspace("rg", "hub", account="hubstore")]["kind"] = "Hub"
    assert list(look()[0].values()) == ["decide-later", named("rg", "ws")]


def test_who_has_no_role_is_offered_nothing(azure, look):
    azure.sign_in(azure.cloud.directory.add(Principal("guest@example.com")))
    found, printed = look()
    assert found == {}
    assert "there is none that you can see: type one below, or decide later." in printed


def test_who_is_not_signed_in_is_told_how(azure, look):
    azure.sign_out()
    found, printed = look()
    assert found == {}
    assert "not logged in to Azure (`az login`): type one below" in printed


@pytest.mark.parametrize("fault", ["401", "403", "429", "500", "reset"])
def test_a_service_that_fails_is_one_line_and_the_question_stays(azure, look, fault):
    azure.fail("POST *ResourceGraph*", fault)
    found, printed = look()
    assert found == {}
    assert len(printed.splitlines()) == 2
    assert "type one below, or decide later." in printed


def test_a_chosen_workspace_is_the_one_that_the_commands_use(azure, look, kitchen, tmp_path, monkeypatch):
    chosen = azure.workspace("rg-demo", "mlw-demo", account="demostore")
    numbers = {answer: number for number, answer in look()[0].items()}
    assert numbers[named("rg-demo", "mlw-demo")] == "2"
    made = kitchen.bake(tmp_path / "made", azureml_workspace=named("rg-demo", "mlw-demo"))
    assert facts.target(made.root, "dev").workspace_id == chosen
    monkeypatch.chdir(made.root)
    status = bench.tdsp("status")
    assert status.exit_code == 0, status.stderr
    assert "none yet" in status.output


def test_a_question_that_resource_graph_would_not_understand_is_refused(azure, look, tmp_path):
    file = tmp_path / "template" / "hooks" / "workspaces.json"
    asked = json.loads(file.read_text())
    file.write_text(json.dumps({**asked, "query": asked["query"].replace("leftouter", "left")}))
    found, printed = look()
    assert found == {}
    assert "Query is invalid" in printed
