"""The search for workspaces, with a recorded Azure CLI."""

import json
import os

import discovery
import pytest
from azure_cli import SUBSCRIPTION, install_az, workspace
from baking import questions

SEEN = [workspace("mlw-b", region="northeurope"), workspace("mlw-a", group="rg-A")]


@pytest.fixture
def look(kitchen, tmp_path, monkeypatch, capsys):
    """Run the search on a copy of `cookiecutter.json`; return the questions after it and what was printed."""
    (tmp_path / "cookiecutter.json").write_bytes((kitchen.template / "cookiecutter.json").read_bytes())
    monkeypatch.chdir(tmp_path)

    def run(*arguments, timeout=discovery.TIMEOUT_SECONDS, **options):
        if arguments or options:
            install_az(tmp_path / "bin", *arguments, **options)
        monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "bin"), "/usr/bin", "/bin")))
        monkeypatch.setattr(discovery, "TIMEOUT_SECONDS", timeout)
        discovery.main()
        return questions(tmp_path), capsys.readouterr().out.splitlines()

    return run


def unchanged(found, kitchen):
    return found == questions(kitchen.template)


def test_workspaces_become_numbers_with_the_safe_answer_first(look):
    found, _ = look(SEEN)
    assert {number: entry["id"] for number, entry in found["_workspaces"].items()} == {
        "1": "decide-later",
        "2": f"{SUBSCRIPTION}/rg-A/mlw-a",
        "3": f"{SUBSCRIPTION}/rg-churn-dev/mlw-b",
    }
    assert "mlw-b  (Contoso Dev, rg-churn-dev, northeurope)" in found["__prompts__"]["azureml_workspace"]


def test_the_question_stays_free_text_with_the_same_default(look, kitchen):
    found, _ = look(SEEN)
    assert found["azureml_workspace"] == "decide-later"
    assert {key: value for key, value in found.items() if key not in ("_workspaces", "__prompts__")} == {
        key: value for key, value in questions(kitchen.template).items() if key not in ("_workspaces", "__prompts__")
    }


def test_only_what_runs_jobs_is_offered(look):
    kinds = ["Default", None, "Hub", "Project", "FeatureStore"]
    found, _ = look([workspace(f"mlw-{kind}", kind=kind) for kind in kinds])
    assert [entry["id"].split("/")[-1] for entry in list(found["_workspaces"].values())[1:]] == [
        "mlw-Default",
        "mlw-None",
    ]


def test_sixty_workspaces_are_cut_to_a_screen_and_the_rest_is_counted(look):
    found, _ = look([workspace(f"mlw-{number:02}") for number in range(60)])
    assert len(found["_workspaces"]) == 1 + discovery.LISTED
    assert f"... and {60 - discovery.LISTED} more" in found["__prompts__"]["azureml_workspace"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"code": 1, "errors": "ERROR: Please run 'az login' to setup account."}, "not logged in"),
        ({"code": 1, "errors": "WARNING: old\nERROR: (Forbidden) No.\n\n"}, "(Forbidden) No."),
        ({"code": 3}, "az failed without a word"),
        ({"answer": "not json"}, "makes no sense"),
        ({"answer": [{"id": "?"}]}, "makes no sense"),
        ({"answer": {"data": 1}}, "makes no sense"),
        ({"answer": []}, "there is none that you can see"),
        ({"answer": [workspace("hub", kind="Hub")]}, "there is none that you can see"),
        ({}, "az is not installed"),
    ],
)
def test_when_it_is_not_possible_one_line_says_why(look, kitchen, options, reason):
    found, (_, line) = look(**options)
    assert reason in line
    assert line.endswith("type one below, or decide later.")
    assert unchanged(found, kitchen)


def test_a_slow_az_is_given_up_with_its_children(look, kitchen, tmp_path):
    found, (_, line) = look(SEEN, seconds=30, timeout=0.5)
    assert not (tmp_path / "bin" / "az.answered").exists()
    assert "az gave no answer in 0.5 seconds" in line
    assert unchanged(found, kitchen)


def test_az_is_asked_once_in_words_that_no_shell_can_misread(look, tmp_path, kitchen):
    look(SEEN)
    arguments = json.loads((tmp_path / "bin" / "az.log").read_text())
    assert arguments[0] == "rest"
    assert not [word for word in arguments if set(word) & set(' |&<>^"%')]
    body = arguments[arguments.index("--body") + 1]
    query = json.loads((kitchen.template / body.removeprefix("@")).read_text())["query"]
    assert "microsoft.machinelearningservices/workspaces" in query
