"""The commands that workflows call around the others: what they print, what they give on, how they fail."""

import io
import json
import urllib.error
from types import SimpleNamespace

import pytest
import yaml
from process import evidence
from tdsp import automation, notify
from tdsp.cli import app
from tdsp.errors import TdspError, WrongInput
from tdsp.project import Project
from tdsp.report import summary
from typer.testing import CliRunner

PLACE = {"subscription_id": "s", "resource_group": "g", "workspace": "w", "region": "r"}
HOSTILE = ['"]\n  click x "javascript:alert(1)"', "```", "a|b", "<b>", "", "é" * 90]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project where dev is connected and prod is not, on a runner of GitHub."""
    facts = evidence.facts(environments={"dev": PLACE, "prod": {}})
    (tmp_path / "project.yml").write_text(yaml.safe_dump(facts), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in automation.IDENTITY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("TF_BUILD", raising=False)
    return tmp_path


def tdsp(*words):
    return CliRunner().invoke(app, list(words))


def given(project):
    return dict(line.split("=", 1) for line in (project / "GITHUB_OUTPUT").read_text().splitlines())


def test_a_connected_environment_is_told_with_its_place(project):
    result = tdsp("connected", "--env", "dev")
    assert result.exit_code == 0
    assert given(project) == {"connected": "true", "subscription": "s", "group": "g"}


def test_the_runner_is_told_to_leave_the_subscription_out_of_the_log(project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert tdsp("connected", "--env", "dev").output.startswith("::add-mask::s\n")


def test_azure_pipelines_gets_the_same_values_as_lines(project, monkeypatch):
    monkeypatch.setenv("TF_BUILD", "True")
    monkeypatch.delenv("GITHUB_OUTPUT")
    assert "##vso[task.setvariable variable=connected;isOutput=true]true" in tdsp("connected", "--env", "dev").output


def test_an_environment_that_is_not_connected_is_told_on_the_page(project):
    result = tdsp("connected", "--env", "prod")
    assert result.exit_code == 0
    assert given(project) == {"connected": "false"}
    assert "tdsp connect --env prod" in (project / "GITHUB_STEP_SUMMARY").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--env", "test"], "has no environment 'test'"),
        (["--env", "prod", "--identity"], "prod is not connected"),
        (["--env", "dev", "--identity"], "no variable AZURE_CLIENT_ID and no AZURE_TENANT_ID"),
    ],
)
def test_what_is_missing_is_one_sentence(project, words, says):
    result = tdsp("connected", *words)
    assert isinstance(result.exception, WrongInput)
    assert says in str(result.exception)
    assert given(project) == {}


def test_with_its_variables_the_identity_is_there(project, monkeypatch):
    for name in automation.IDENTITY:
        monkeypatch.setenv(name, "x")
    assert tdsp("connected", "--env", "dev", "--identity").exit_code == 0


def test_a_value_cannot_smuggle_in_another(project):
    with pytest.raises(WrongInput, match="line end"):
        automation.tell(group="g\nconnected=true")
    assert given(project) == {}


@pytest.mark.parametrize("there", [True, False])
def test_data_that_is_not_here_is_told(project, there):
    if there:
        (project / "data" / "raw").mkdir(parents=True)
        (project / "data" / "raw" / "diabetes.csv").touch()
    assert tdsp("data", "look").exit_code == 0
    assert given(project) == {"here": str(there).lower()}
    assert ("not on this machine" in (project / "GITHUB_STEP_SUMMARY").read_text()) != there


@pytest.mark.parametrize(("outcome", "code"), [("registered", 0), ("unchanged", 0), ("refused", 1)])
def test_the_summary_has_verdict_metrics_and_charts(project, outcome, code):
    evidence.run_folder(project, outcome=evidence.outcome(outcome=outcome))
    result = tdsp("report", "--summary", "page.md", "--strict")
    assert bool(result.exception and not isinstance(result.exception, SystemExit)) == bool(code)
    page = (project / "page.md").read_text()
    assert f"**{outcome.capitalize()}:**" in page
    assert "| **mean absolute error** (lower is better) |" in page
    assert page.count("```mermaid") == 3
    assert page.strip() in (project / "GITHUB_STEP_SUMMARY").read_text()
    assert given(project) == {"outcome": outcome}
    assert tdsp("report", "--summary", "page.md").exit_code == 0, "refused is a result"


def test_the_summary_changes_no_document(project):
    evidence.run_folder(project)
    assert tdsp("report", "--summary", "page.md").exit_code == 0
    assert not (project / "docs").exists()


def test_a_failed_run_has_a_summary_too(project):
    folder = evidence.run_folder(project)
    step = {"state": "failed", "tail": "age: in range 0 to 120 failed\n```"}
    evidence.write(folder / "run.json", {"status": "failed", "steps": {"prepare": step, "train": {"state": "skipped"}}})
    result = tdsp("report", "--summary", "page.md", "--strict")
    assert isinstance(result.exception, TdspError)
    page = (project / "page.md").read_text()
    assert "age: in range 0 to 120 failed" in page
    assert page.count("```") == 2, "what a step printed ends the block early"
    assert given(project) == {"outcome": "failed"}


def test_without_a_run_there_is_nothing_to_tell(project):
    assert "no run yet" in str(tdsp("report", "--summary", "page.md").exception)
    assert "belongs to --summary" in str(tdsp("report", "--strict").exception)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_chart_takes_any_name(name):
    text = summary.chart("t", {name: 1.0, "b": float("nan"), "c": 2})
    lines = text.splitlines()
    assert lines[0] == "```mermaid"
    assert lines[-1] == "```"
    assert len(lines) == 6
    assert lines[3].count('"') == 4
    assert lines[4] == "  bar [1, 2]"
    assert summary.chart("t", {"b": None}) == ""


def test_predictions_become_a_chart_of_agreement(project, tmp_path):
    import pandas as pd

    folder = evidence.run_folder(project)
    rows = pd.DataFrame({"truth": range(20), "challenger": [value + 0.5 for value in range(20)]})
    rows.to_parquet(folder / "outputs" / "evaluate" / "evaluation" / "predictions.parquet")
    facts = Project.model_validate(evidence.facts())
    _, page = summary.summary(tmp_path, facts)
    assert "bar [0.5, 2.5, 4.5" in page
    assert "line [1, 3, 5" in page


@pytest.mark.parametrize(("column", "drawn"), [("challenger_yes", True), ("challenger_maybe", False)])
def test_the_chart_of_a_classification_is_of_the_class_that_counts_as_yes(project, column, drawn):
    import pandas as pd

    contract = {"task": "classification", "positive": "yes"}
    folder = evidence.run_folder(project)
    rows = pd.DataFrame({"truth": ["no", "yes"] * 10, column: [0.1, 0.9] * 10})
    rows.to_parquet(folder / "outputs" / "evaluate" / "evaluation" / "predictions.parquet")
    found = SimpleNamespace(folder=folder, contract=contract)
    assert ("line [0.1, 0.1" in summary._agreement(found)) is drawn


def test_nobody_is_told_without_a_webhook(project, monkeypatch):
    monkeypatch.delenv(notify.VARIABLE, raising=False)
    result = tdsp("notify", "failure", "--what", "Training in dev")
    assert (result.exit_code, result.output) == (0, "")


def test_a_message_is_a_card_with_a_link(monkeypatch):
    sent = []

    def opened(request, timeout):
        sent.append((request, timeout))
        return io.BytesIO()

    monkeypatch.setattr(notify.urllib.request, "urlopen", opened)
    monkeypatch.setenv(notify.VARIABLE, "https://example.org/hook?sig=secret")
    words = ["--what", "Training in dev", "--link", "https://example.org/run", "--detail", "Refused."]
    assert tdsp("notify", "failure", *words).exit_code == 0
    ((request, timeout),) = sent
    assert timeout < 60
    card = json.loads(request.data)["attachments"][0]["content"]
    assert [line["text"] for line in card["body"]] == ["Training in dev failed", "Refused."]
    assert card["actions"][0]["url"] == "https://example.org/run"


@pytest.mark.parametrize(
    "trouble",
    [
        urllib.error.HTTPError("https://example.org/hook?sig=secret", 404, "gone", {}, None),
        urllib.error.URLError("no route"),
        TimeoutError(),
    ],
)
def test_a_message_that_does_not_arrive_is_a_warning_without_the_address(monkeypatch, trouble):
    def opened(*_, **__):
        raise trouble

    monkeypatch.setattr(notify.urllib.request, "urlopen", opened)
    monkeypatch.setenv(notify.VARIABLE, "https://example.org/hook?sig=secret")
    result = tdsp("notify", "started")
    assert result.exit_code == 0
    assert "warning: Teams" in result.stderr
    assert "sig=" not in result.output + result.stderr


def test_an_unknown_state_is_an_error():
    assert "use started, success" in str(tdsp("notify", "begun").exception)
