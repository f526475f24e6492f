"""The pipelines are run: what stops, what goes on, what is asked of Azure and as whom."""

import json

import pytest
from pipelines.agent import Event, starts
from pipelines.expansion import Expander

PULL_REQUEST = Event("PullRequest", "dev")
TO_DEV = Event("IndividualCI", "dev")
TO_MAIN = Event("IndividualCI", "main")
CLICK = Event("Manual", "dev")
CLICK_ON_MAIN = Event("Manual", "main")


def brought(outcome):
    """What `tdsp submit --wait` leaves: the results of a job with this outcome."""
    folder = ".tdsp/runs/train-1/outputs/register/registration"
    said = json.dumps({"outcome": outcome})
    return ("^uv run tdsp submit", 0, f"mkdir -p {folder} docs/reports; echo '{said}' > {folder}/outcome.json")


def ran_here(outcome):
    """What `tdsp run` leaves."""
    said = json.dumps({"outcome": outcome})
    return ("^uv run tdsp run", 0, f"mkdir -p .tdsp/runs/1; echo '{said}' > .tdsp/runs/1/outcome.json")


TESTED = ("^uv run pytest", 0, "echo '<testsuites/>' > test-results.xml")
GOOD = [ran_here("registered"), TESTED]


def asked(run, *words):
    """The recorded commands that start with one of `words`."""
    return [line for line in run.commands if line.startswith(words)]


def azure(run):
    """What was done as an identity of Azure."""
    return [line.removeprefix("uv run ") for line in run.commands if "@azureml-" in line]


@pytest.mark.parametrize(
    ("event", "started"),
    [
        (PULL_REQUEST, {"ci.yml"}),
        (Event("PullRequest", "main"), {"ci.yml"}),
        (TO_DEV, {"ci.yml", "train.yml"}),
        (TO_MAIN, {"ci.yml", "train.yml"}),
        (Event("IndividualCI", "main", ("docs/README.md",)), {"ci.yml"}),
        (Event("IndividualCI", "feature/x"), set()),
        (Event("PullRequest", "feature/x"), set()),
        (Event("Schedule", "dev"), {"train.yml"}),
        (Event("Schedule", "main"), set()),
    ],
)
def test_what_starts_what(folder, event, started):
    documents = {path.name: Expander(folder).pipeline(path.name) for path in folder.glob("*.yml")}
    assert {name for name, document in documents.items() if starts(document, event)} == started


def test_a_good_pull_request_is_green_and_shows_its_report(play):
    run = play("ci.yml", PULL_REQUEST, GOOD)
    assert set(run.results.values()) == {"Succeeded"}, run.log
    assert asked(run, "uv run tdsp", "uv run ruff", "uv run pytest") == [
        "uv run ruff check",
        "uv run ruff format --check",
        "uv run tdsp check",
        "uv run pytest --junitxml=test-results.xml",
        "uv run tdsp run",
    ]
    assert [path.endswith("/docs/reports/train.md") for path in run.summaries] == [True]
    assert ("publish", {"path": "docs/reports", "artifact": "report-1"}) in run.tasks


def test_a_pull_request_gets_no_credentials(play):
    run = play("ci.yml", PULL_REQUEST, GOOD, secrets={"TEAMS_WEBHOOK": "https://example.org/hook"})
    assert azure(run) == []
    assert not asked(run, "az", "curl")
    assert "AzureCLI@2" not in dict(run.tasks)


def test_a_lint_error_stops_the_lint_job_only(play):
    run = play(
        "ci.yml", PULL_REQUEST, GOOD, change=lambda project: (project / "src/science/bad.py").write_text("import os\n")
    )
    assert run.failed == ["lint: Lint"]
    assert "F401" in run.log
    assert (run.results["check.lint"], run.results["check.test"], run.results["check"]) == (
        "Failed",
        "Succeeded",
        "Failed",
    )


def test_a_failing_data_test_is_shown_and_stops(play):
    fails = ("^uv run pytest", 1, "echo '<testsuites/>' > test-results.xml")
    run = play("ci.yml", PULL_REQUEST, [fails, *GOOD])
    assert run.failed == ["test: Code and data"]
    assert "test: Show the results" in run.steps
    assert run.results["check"] == "Failed"


def test_a_worse_model_is_shown_and_stops(play):
    run = play("ci.yml", PULL_REQUEST, [ran_here("refused"), TESTED])
    assert run.failed == ["run: The gate lets the model in"]
    assert run.summaries
    assert run.results["check"] == "Failed"


def test_a_merge_to_dev_trains_and_deploys_there(play):
    run = play("train.yml", TO_DEV, [brought("registered")])
    assert run.results == {
        "dev.train": "Succeeded",
        "dev.deploy": "Succeeded",
        "dev": "Succeeded",
        "prod": "Skipped",
    }, run.log
    assert azure(run) == [
        "tdsp submit --env dev --wait @azureml-dev",
        "tdsp report train-1 @azureml-dev",
        "tdsp deploy --env dev @azureml-dev",
        "tdsp status --env dev @azureml-dev",
    ]
    assert run.approvals == []


@pytest.mark.parametrize(("outcome", "deployed"), [("refused", False), ("unchanged", True)])
def test_a_refused_model_is_not_deployed(play, outcome, deployed):
    run = play("train.yml", TO_DEV, [brought(outcome)])
    assert run.results["dev.train"] == "Succeeded"
    assert run.results["dev.deploy"] == ("Succeeded" if deployed else "Skipped")
    assert any("tdsp deploy" in line for line in run.commands) == deployed


def test_a_training_that_fails_stops_and_says_so(play):
    hook = {"TEAMS_WEBHOOK": "https://example.org/hook"}
    run = play("train.yml", TO_DEV, [("^uv run tdsp submit", 1, "")], secrets=hook)
    assert run.results["dev.train"] == "Failed"
    assert run.results["dev.deploy"] == "Skipped"
    assert [said(line) for line in asked(run, "curl")] == ["Training in dev: started", "Training in dev: failed"]


def test_a_merge_to_main_waits_before_anything_of_prod_is_touched(play):
    run = play("train.yml", TO_MAIN, [brought("registered")], agreed=False)
    assert run.results == {"dev": "Skipped", "prod": "Waiting"}
    assert run.approvals == ["prod"]
    assert run.commands == []


def test_an_approved_merge_to_main_trains_and_deploys_in_prod(play):
    run = play("train.yml", TO_MAIN, [brought("registered")])
    assert run.approvals == ["prod"]
    assert azure(run)[0] == "tdsp submit --env prod --wait @azureml-prod"
    assert azure(run)[-2:] == ["tdsp deploy --env prod @azureml-prod", "tdsp status --env prod @azureml-prod"]
    assert "dev" not in "".join(azure(run))


def test_a_failed_smoke_test_fails_the_run_and_shows_what_is_live(play):
    """`tdsp deploy` goes back by itself; the pipeline must not hide that it did."""
    back = ("^uv run tdsp deploy", 1, "echo 'guard failed: all requests go to v3 again'")
    run = play("train.yml", TO_MAIN, [brought("registered"), back], secrets={"TEAMS_WEBHOOK": "https://example.org/h"})
    assert run.results["prod.deploy"] == "Failed"
    assert azure(run)[-1] == "tdsp status --env prod @azureml-prod"
    assert said(asked(run, "curl")[-1]) == "Deployment to prod: failed"


def test_a_click_on_another_branch_trains_nowhere(play):
    run = play("train.yml", Event("Manual", "feature/x"))
    assert run.results == {"dev": "Skipped", "prod": "Skipped"}
    assert run.commands == []


def test_a_deployment_to_prod_goes_through_dev_and_the_approval(play):
    run = play("deploy.yml", CLICK_ON_MAIN, parameters={"environment": "prod", "version": "7"})
    assert [line for line in azure(run) if "deploy" in line] == [
        "tdsp deploy --env dev @azureml-dev",
        "tdsp deploy --env prod --version 7 @azureml-prod",
    ]
    assert run.approvals == ["prod"]


def test_a_deployment_that_fails_in_dev_never_asks_about_prod(play):
    run = play("deploy.yml", CLICK_ON_MAIN, [("deploy --env dev", 1, "")], parameters={"environment": "prod"})
    assert run.results == {"dev.deploy": "Failed", "dev": "Failed", "prod": "Skipped"}
    assert run.approvals == []


def test_prod_is_not_deployed_from_dev(play):
    run = play("deploy.yml", CLICK, parameters={"environment": "prod"})
    assert run.results["prod"] == "Skipped"


def test_a_version_cannot_bring_commands_along(play):
    run = play("deploy.yml", CLICK, parameters={"version": '"; az group delete; "$(az x)'})
    assert azure(run)[0] == 'tdsp deploy --env dev --version "; az group delete; "$(az x) @azureml-dev'
    assert not asked(run, "az")


@pytest.mark.parametrize(("environment", "approvals"), [("dev", []), ("prod", ["prod"])])
def test_a_rollback_is_one_click(play, environment, approvals):
    run = play("rollback.yml", CLICK_ON_MAIN, parameters={"environment": environment})
    assert azure(run) == [
        f"tdsp rollback --env {environment} @azureml-{environment}",
        f"tdsp status --env {environment} @azureml-{environment}",
    ]
    assert run.approvals == approvals


def said(line):
    """The words of a message to Teams."""
    card = json.loads(line[line.index("{") : line.rindex("}") + 1])
    return card["attachments"][0]["content"]["body"][0]["text"]


def test_teams_is_told_with_a_link_and_nothing_else_is_said(play):
    run = play("rollback.yml", CLICK, secrets={"TEAMS_WEBHOOK": "https://example.org/hook"})
    (line,) = asked(run, "curl")
    assert said(line) == "Rollback in dev: succeeded"
    assert "https://dev.azure.com/contoso/Data%20Science/_build/results?buildId=42" in line
    assert "https://example.org" not in run.log


def test_without_an_address_nobody_is_told(play):
    assert not asked(play("rollback.yml", CLICK), "curl")


def test_a_teams_that_is_down_fails_nothing(play):
    hook = {"TEAMS_WEBHOOK": "https://example.org/hook"}
    run = play("rollback.yml", CLICK, [("^curl", 22, "")], secrets=hook)
    assert run.results["rollback"] == "Succeeded"
    assert "Teams was not told" in run.log
