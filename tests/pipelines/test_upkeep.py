"""Infrastructure, template updates and messages: what is asked of whom, and when nothing is."""

import pytest
from pipelines.events import Event
from pipelines.scenes import CLICK, HOOK, PLACE, PULL_REQUEST, TO_DEV, TO_MAIN, asked, azure, tells, told


def test_a_pull_request_to_infra_is_compiled_and_touches_nothing(play):
    run = play("infra.yml", PULL_REQUEST, [PLACE])
    assert run.results == {"build.build": "Succeeded", "build": "Succeeded"}
    assert [line.split(" --file")[0] for line in asked(run, "az ")] == [
        "az bicep build",
        "az bicep lint",
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
    assert line.endswith("@azureml-prod-plan")
    assert run.summaries


def test_infra_is_deployed_after_the_approval(play):
    run = play("infra.yml", TO_MAIN, [PLACE])
    assert run.approvals == ["prod"]
    assert azure(run)[-1] == (
        "az deployment group create --resource-group rg-churn --name infra-prod --template-file infra/main.bicep"
        " --parameters infra/prod.bicepparam --output none @azureml-prod-infra"
    )


def test_where_the_environment_is_not_filled_in_nothing_is_asked_of_azure(play):
    run = play("infra.yml", TO_MAIN, [("^uv run tdsp connected", 0, tells(connected="false"))])
    assert (run.results["preview"], run.results["deploy"]) == ("Succeeded", "Succeeded"), run.log
    assert azure(run) == []
    assert run.summaries == []


LINKED = {"change": lambda project: (project / ".cruft.json").write_text("{}")}
NEWER = ("cruft check", 1, "")
NO_GIT = ("^git ", 0, "")


def test_a_newer_template_comes_as_a_pull_request(play):
    run = play("update.yml", Event("Schedule", "main"), [NEWER, NO_GIT], **LINKED)
    assert run.results["update"] == "Succeeded", run.log
    assert "uv run --group update cruft update --skip-apply-ask --allow-untracked-files" in run.commands
    assert "git push --force origin template-update" in run.commands
    (line,) = asked(run, "az repos pr create")
    assert "--source-branch template-update --target-branch dev" in line
    assert "uv lock" in run.commands
    assert "token-of-this-run" not in run.log + "".join(run.commands)


def test_without_a_branch_dev_the_update_goes_where_the_pipeline_runs(play):
    run = play("update.yml", Event("Schedule", "main"), [NEWER, ("^git rev-parse", 1, ""), NO_GIT], **LINKED)
    assert not asked(run, "git switch --discard-changes")
    assert "--target-branch main" in asked(run, "az repos pr create")[0]


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
