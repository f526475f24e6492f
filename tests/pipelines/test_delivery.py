"""A change on its way: what stops it, what trains and deploys it, and as whom."""

import pytest
from pipelines.events import Event, starts
from pipelines.expansion import Expander
from pipelines.scenes import (
    CLICK,
    CLICK_ON_MAIN,
    ELSEWHERE,
    GOOD,
    HOOK,
    PLACE,
    PULL_REQUEST,
    SENT,
    TO_DEV,
    TO_MAIN,
    asked,
    azure,
    tells,
    told,
    verdict,
)

NIGHT = Event("Schedule", "main")


@pytest.mark.parametrize(
    ("event", "started"),
    [
        (PULL_REQUEST, {"ci.yml"}),
        (Event("PullRequest", "main"), {"ci.yml"}),
        (Event("PullRequest", "main", ("infra/main.bicep",)), {"ci.yml", "infra.yml"}),
        (TO_DEV, {"ci.yml", "train.yml"}),
        (TO_MAIN, {"ci.yml", "train.yml"}),
        (Event("IndividualCI", "main", ("docs/README.md",)), {"ci.yml"}),
        (Event("IndividualCI", "main", ("infra/main.bicep",)), {"ci.yml", "infra.yml"}),
        (Event("IndividualCI", "feature/x"), set()),
        (Event("PullRequest", "feature/x"), set()),
        (Event("Schedule", "main"), {"ci.yml", "train.yml", "update.yml"}),
        (Event("Schedule", "dev"), set()),
    ],
)
def test_what_starts_what(folder, event, started):
    documents = {path.name: Expander(folder).pipeline(path.name, {}, event.variables) for path in folder.glob("*.yml")}
    assert {name for name, document in documents.items() if starts(document, event)} == started


def test_a_good_pull_request_is_green_and_shows_its_verdict(play):
    run = play("ci.yml", PULL_REQUEST, GOOD)
    assert set(run.results.values()) == {"Succeeded"}, run.log
    assert asked(run, "uv run") == [
        "uv run ruff check --output-format azure",
        "uv run ruff format --check",
        "uv run mypy",
        "uv run tdsp notebooks",
        "uv run tdsp data look",
        "uv run tdsp notebooks --execute changed --since origin/dev",
        "uv run tdsp check",
        "uv run pytest --junitxml=test-results.xml",
        "uv run tdsp data look",
        "uv run tdsp run",
        "uv run tdsp report --summary summary.md --strict",
        *asked(run, "uv run detect-secrets-hook"),
    ]
    assert "src/science/features.py" in asked(run, "uv run detect-secrets-hook")[0]
    assert [path.endswith("/summary.md") for path in run.summaries] == [True]
    assert ("publish", {"path": "docs/reports", "artifact": "report-1"}) in run.tasks


def test_a_pull_request_gets_no_credentials(play):
    run = play("ci.yml", PULL_REQUEST, GOOD, secrets=HOOK)
    assert azure(run) == []
    assert not asked(run, "az ")
    assert "AzureCLI@2" not in dict(run.tasks)


@pytest.mark.parametrize(("event", "words"), [(TO_DEV, []), (NIGHT, [" --execute all"])])
def test_notebooks_run_at_night(play, event, words):
    run = play("ci.yml", event, GOOD)
    assert asked(run, "uv run tdsp notebooks") == [f"uv run tdsp notebooks{word}" for word in ["", *words]]


def test_a_lint_error_stops_before_a_model_is_made(play):
    run = play(
        "ci.yml", PULL_REQUEST, GOOD, change=lambda project: (project / "src/science/bad.py").write_text("import os\n")
    )
    assert run.failed == ["lint: Lint"]
    assert "F401" in run.log
    assert (run.results["check.test"], run.results["check.model"], run.results["check"]) == (
        "Succeeded",
        "Skipped",
        "Failed",
    )


def test_a_failing_data_test_is_shown_and_stops(play):
    fails = ("^uv run pytest", 1, "echo '<testsuites/>' > test-results.xml")
    run = play("ci.yml", PULL_REQUEST, [fails, *GOOD])
    assert run.failed == ["test: Code and data"]
    assert "test: Show the results" in run.steps
    assert (run.results["check.model"], run.results["check"]) == ("Skipped", "Failed")


def test_a_worse_model_is_shown_and_stops(play):
    run = play("ci.yml", PULL_REQUEST, [verdict("refused", 1), *GOOD])
    assert run.failed == ["model: The verdict, and a failure if the gate refused the model"]
    assert run.summaries
    assert run.results["check"] == "Failed"


def test_a_run_that_fails_is_shown_too(play):
    run = play("ci.yml", PULL_REQUEST, [("^uv run tdsp run", 1, ""), verdict("failed", 1), *GOOD])
    assert run.failed[0] == "model: The whole pipeline, on this machine"
    assert run.summaries


@pytest.mark.parametrize("event", [PULL_REQUEST, NIGHT])
def test_where_the_data_is_not_nothing_is_run_and_nothing_fails(play, event):
    run = play("ci.yml", event, [("^uv run tdsp data look", 0, tells(here="false")), *GOOD])
    assert run.results["check"] == "Succeeded"
    assert not asked(run, "uv run tdsp run", "uv run tdsp report", "uv run tdsp notebooks --execute")
    assert asked(run, "uv run tdsp notebooks") == ["uv run tdsp notebooks"]
    assert run.summaries == []


def test_a_secret_in_a_file_stops(play):
    run = play("ci.yml", PULL_REQUEST, [("^uv run detect-secrets-hook", 1, ""), *GOOD])
    assert run.failed == ["secrets: No secrets"]


def test_a_merge_to_dev_trains_and_deploys_there(play):
    run = play("train.yml", TO_DEV, [SENT, verdict("registered")])
    assert run.results == {"release.train": "Succeeded", "release.deploy": "Succeeded", "release": "Succeeded"}, run.log
    assert azure(run) == [
        "tdsp submit --env dev --wait @azureml-dev",
        "tdsp deploy --env dev @azureml-dev",
        "tdsp status --env dev @azureml-dev",
    ]
    assert asked(run, "uv run tdsp report") == ["uv run tdsp report train-1 --summary summary.md"]
    assert run.approvals == []


@pytest.mark.parametrize(("outcome", "deployed"), [("refused", False), ("unchanged", True), ("failed", False)])
def test_a_refused_model_is_not_deployed(play, outcome, deployed):
    run = play("train.yml", TO_DEV, [SENT, verdict(outcome)])
    assert run.results["release.train"] == "Succeeded"
    assert run.results["release.deploy"] == ("Succeeded" if deployed else "Skipped")
    assert any("tdsp deploy" in line for line in run.commands) == deployed


def test_a_training_that_fails_stops_and_says_so(play):
    run = play("train.yml", TO_DEV, [("^uv run tdsp submit", 1, "")], secrets=HOOK)
    assert (run.results["release.train"], run.results["release.deploy"]) == ("Failed", "Skipped")
    assert [line.split(" --link")[0] for line in told(run)] == [
        "started --what churn: Training in dev",
        "Failed --what churn: Training in dev",
    ]


def test_a_merge_to_main_waits_before_anything_of_prod_is_touched(play):
    run = play("train.yml", TO_MAIN, [SENT, verdict("registered")], agreed=False)
    assert (run.results, run.approvals, run.commands) == ({"release": "Waiting"}, ["prod"], [])


def test_an_approved_merge_to_main_trains_and_deploys_in_prod(play):
    run = play("train.yml", TO_MAIN, [SENT, verdict("registered")])
    assert run.approvals == ["prod"]
    assert azure(run) == [
        "tdsp submit --env prod --wait @azureml-prod",
        "tdsp deploy --env prod @azureml-prod",
        "tdsp status --env prod @azureml-prod",
    ]


def test_a_failed_smoke_test_fails_the_run_and_shows_what_is_live(play):
    """`tdsp deploy` goes back by itself; the pipeline must not hide that it did."""
    back = ("^uv run tdsp deploy", 1, "echo 'guard failed: all requests go to v3 again'")
    run = play("train.yml", TO_MAIN, [SENT, verdict("registered"), back], secrets=HOOK)
    assert (run.results["release.deploy"], run.results["release"]) == ("Failed", "Failed")
    assert azure(run)[-1] == "tdsp status --env prod @azureml-prod"
    assert told(run)[-1].startswith("Failed --what churn: Deployment to prod --link https://dev.azure.com/contoso/")


@pytest.mark.parametrize("name", ["train.yml", "deploy.yml", "rollback.yml", "infra.yml"])
def test_from_another_branch_nothing_of_azure_is_touched(play, name):
    run = play(name, ELSEWHERE, [PLACE, ("^az bicep", 0, "")])
    assert azure(run) == []
    assert run.approvals == []


@pytest.mark.parametrize(("event", "env"), [(CLICK, "dev"), (CLICK_ON_MAIN, "prod")])
def test_a_version_is_deployed_by_hand_where_the_branch_says(play, event, env):
    run = play("deploy.yml", event, parameters={"version": "7"})
    assert azure(run)[0] == f"tdsp deploy --env {env} --version 7 @azureml-{env}"
    assert run.approvals == ["prod"] * (env == "prod")


def test_a_version_cannot_bring_commands_along(play):
    run = play("deploy.yml", CLICK, parameters={"version": '"; az group delete; "$(az x)'})
    assert azure(run)[0] == 'tdsp deploy --env dev --version "; az group delete; "$(az x) @azureml-dev'
    assert not asked(run, "az ")


@pytest.mark.parametrize(("event", "env"), [(CLICK, "dev"), (CLICK_ON_MAIN, "prod")])
def test_a_rollback_is_one_click(play, event, env):
    run = play("rollback.yml", event)
    assert azure(run) == [f"tdsp rollback --env {env} @azureml-{env}", f"tdsp status --env {env} @azureml-{env}"]
    assert run.approvals == ["prod"] * (env == "prod")
