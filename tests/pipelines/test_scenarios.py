"""The pipelines are run: what stops, what goes on, what is asked of Azure and as whom."""

import pytest
from pipelines.agent import Event, starts
from pipelines.expansion import Expander

PULL_REQUEST = Event("PullRequest", "dev")
TO_DEV = Event("IndividualCI", "dev")
TO_MAIN = Event("IndividualCI", "main")
CLICK = Event("Manual", "dev")
CLICK_ON_MAIN = Event("Manual", "main")
ELSEWHERE = Event("Manual", "feature/x")
HOOK = {"TEAMS_WEBHOOK_URL": "https://example.org/hook"}


def tells(**values):
    """A line of bash by which `tdsp` gives values to later steps."""
    return "; ".join(
        f"echo '##vso[task.setvariable variable={name};isOutput=true]{value}'" for name, value in values.items()
    )


def verdict(outcome, code=0):
    """What `tdsp report --summary` does for a model with this outcome."""
    return (
        "^uv run tdsp report",
        code,
        f"echo '# Verdict' > summary.md; mkdir -p docs/reports; {tells(outcome=outcome)}",
    )


HERE = ("^uv run tdsp data look", 0, tells(here="true"))
TESTED = ("^uv run pytest", 0, "echo '<testsuites/>' > test-results.xml")
GOOD = [HERE, TESTED, verdict("registered")]
SENT = ("^uv run tdsp submit", 0, tells(job="train-1"))
PLACE = ("^uv run tdsp connected", 0, tells(connected="true", group="rg-churn", subscription="s"))


def asked(run, *words):
    """The recorded commands that start with one of `words`."""
    return [line for line in run.commands if line.startswith(words)]


def azure(run):
    """What was done as an identity of Azure."""
    return [line.removeprefix("uv run ") for line in run.commands if "@azureml-" in line]


def told(run):
    """What Teams was told."""
    return [line.removeprefix("uv run tdsp notify ") for line in asked(run, "uv run tdsp notify")]


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


@pytest.mark.parametrize(("event", "words"), [(TO_DEV, ""), (Event("Schedule", "main"), " --execute all")])
def test_notebooks_run_at_night(play, event, words):
    assert asked(play("ci.yml", event, GOOD), "uv run tdsp notebooks") == [f"uv run tdsp notebooks{words}"]


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


def test_where_the_data_is_not_nothing_is_run_and_nothing_fails(play):
    run = play("ci.yml", PULL_REQUEST, [("^uv run tdsp data look", 0, tells(here="false")), *GOOD])
    assert run.results["check"] == "Succeeded"
    assert not asked(run, "uv run tdsp run", "uv run tdsp report")
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


def test_a_pull_request_to_infra_is_compiled_and_touches_nothing(play):
    run = play("infra.yml", PULL_REQUEST, [PLACE])
    assert run.results == {"build.build": "Succeeded", "build": "Succeeded"}
    assert [line.split(" --file")[0] for line in asked(run, "az ")] == [
        "az bicep build",
        "az bicep lint",
        "az bicep build-params",
        "az bicep build-params",
    ]


def test_bicep_that_does_not_compile_stops(play):
    run = play("infra.yml", TO_DEV, [PLACE, ("^az bicep lint", 1, "")])
    assert run.results == {"build.build": "Failed", "build": "Failed", "preview": "Skipped", "deploy": "Skipped"}


def test_infra_is_previewed_and_waits(play):
    run = play("infra.yml", TO_MAIN, [PLACE, ("what-if", 0, "echo '+ workspace'")], agreed=False)
    assert run.results["deploy"] == "Waiting"
    (line,) = azure(run)
    assert line.startswith("az deployment group what-if --resource-group rg-churn --template-file infra/main.bicep")
    assert line.endswith("@azureml-prod-infra")
    assert run.summaries


def test_infra_is_deployed_after_the_approval(play):
    run = play("infra.yml", TO_MAIN, [PLACE])
    assert run.approvals == ["prod"]
    assert azure(run)[-1] == (
        "az deployment group create --resource-group rg-churn --name infra-prod --template-file infra/main.bicep"
        " --parameters infra/prod.bicepparam --output none @azureml-prod-infra"
    )


LINKED = {"change": lambda project: (project / ".cruft.json").write_text("{}")}
NEWER = ("cruft check", 1, "")
NO_GIT = ("^git ", 0, "")


def test_a_newer_template_comes_as_a_pull_request(play):
    run = play("update.yml", Event("Schedule", "main"), [NEWER, NO_GIT], **LINKED)
    assert run.results["update"] == "Succeeded", run.log
    assert "uv run --group update cruft update --skip-apply-ask" in run.commands
    assert "git push --force origin template-update" in run.commands
    (line,) = asked(run, "az repos pr create")
    assert "--source-branch template-update --target-branch main" in line
    assert "token-of-this-run" not in run.log + "".join(run.commands)


def test_a_pull_request_that_is_open_is_not_opened_again(play):
    rules = [NEWER, NO_GIT, ("^az repos pr list", 0, "echo 7")]
    run = play("update.yml", Event("Schedule", "main"), rules, **LINKED)
    assert "git push --force origin template-update" in run.commands
    assert not asked(run, "az repos pr create")


@pytest.mark.parametrize("linked", [LINKED, {}])
def test_without_something_newer_nothing_is_pushed(play, linked):
    run = play("update.yml", Event("Schedule", "main"), [NO_GIT], **linked)
    assert run.results["update"] == "Succeeded"
    assert not asked(run, "git push", "az ", "uv run --group update cruft update")


def test_without_an_address_nobody_is_told(play):
    assert told(play("rollback.yml", CLICK)) == []


def test_a_teams_that_is_down_fails_nothing(play):
    run = play("rollback.yml", CLICK, [("^uv run tdsp notify", 1, "")], secrets=HOOK)
    assert run.results["rollback"] == "Succeeded"
    assert "https://example.org" not in run.log + "".join(run.commands)
