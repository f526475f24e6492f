"""`tdsp connect`, `doctor` and `destroy` for a project that runs in Azure Pipelines."""

from __future__ import annotations

import subprocess

import bench
import pytest
import yaml

CREDENTIALS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
ORIGIN = "https://dev.azure.com/contoso/Data%20Science/_git/demo"


@pytest.fixture
def project(tmp_path, monkeypatch, azure):
    folder = bench.project(tmp_path / "project")
    (folder / "project.yml").write_text(yaml.safe_dump({**bench.FACTS, "ci": "azure-pipelines"}))
    for arguments in (["init", "-q"], ["remote", "add", "origin", ORIGIN]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    azure.workspace("rg-prod", "ws-prod")
    return folder


def changes(azure, start=0):
    changing = [call for call in azure.calls[start:] if call.method in {"PUT", "POST", "PATCH", "DELETE"}]
    return [str(call) for call in changing if "login.microsoft" not in call.host]


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_one_consent_wires_everything_and_a_second_run_changes_nothing(azure, project, env):
    first = bench.tdsp("connect", "--env", env, "--yes")
    assert first.exit_code == 0, first.output + first.stderr
    devops = azure.cloud.devops
    (connection,) = devops.connections.values()
    assert connection["name"] == f"azureml-{env}"
    (trust,) = azure.cloud.resources.of_type(CREDENTIALS)
    given = connection["authorization"]["parameters"]
    assert trust["properties"]["issuer"] == given["workloadIdentityFederationIssuer"]
    assert trust["properties"]["subject"] == given["workloadIdentityFederationSubject"]
    assert list(devops.environments.values()) == [env]
    approvals = [check for check in devops.checks if check["type"]["name"] == "Approval"]
    assert [check["settings"]["approvers"] for check in approvals] == [[{"id": devops.approver}]] * (env == "prod")
    (control,) = [check for check in devops.checks if check not in approvals]
    assert control["resource"]["id"] == connection["id"]
    branches = {"dev": "refs/heads/dev", "prod": "refs/heads/main"}
    assert control["settings"]["inputs"]["allowedBranches"] == branches[env]
    assert not any(call.host == "api.github.com" for call in azure.calls)
    seen = len(azure.calls)
    second = bench.tdsp("connect", "--env", env)
    assert (second.exit_code, changes(azure, seen)) == (0, [])
    assert "nothing to do" in second.output
    assert bench.tdsp("doctor", "--env", env).exit_code == 0


def test_a_dry_run_changes_nothing(azure, project):
    result = bench.tdsp("connect", "--dry-run")
    assert result.exit_code == 0
    assert "service connection azureml-dev" in result.output
    assert changes(azure) == []


def test_a_service_connection_that_was_made_anew_is_trusted_again(azure, project):
    bench.tdsp("connect", "--yes")
    azure.cloud.devops.connections.clear()
    sick = bench.tdsp("doctor")
    assert sick.exit_code == 1
    assert "service connection azureml-dev: missing" in sick.output
    assert bench.tdsp("connect", "--yes").exit_code == 0
    assert bench.tdsp("doctor").exit_code == 0


def test_a_service_connection_with_a_secret_is_not_accepted(azure, project):
    bench.tdsp("connect", "--yes")
    (connection,) = azure.cloud.devops.connections.values()
    connection["authorization"]["scheme"] = "ServicePrincipal"
    assert "signs in with a secret" in bench.tdsp("doctor").output


def test_an_approval_that_was_taken_away_is_noticed_and_given_back(azure, project):
    bench.tdsp("connect", "--env", "prod", "--yes")
    azure.cloud.devops.checks.clear()
    said = bench.tdsp("doctor", "--env", "prod").output
    assert "nobody has to approve" in said
    assert "any branch may use it" in said
    bench.tdsp("connect", "--env", "prod", "--yes")
    assert len(azure.cloud.devops.checks) == 2


def test_a_branch_that_was_let_in_is_shut_out_again(azure, project):
    bench.tdsp("connect", "--env", "prod", "--yes")
    (control,) = [check for check in azure.cloud.devops.checks if check["type"]["name"] == "Task Check"]
    control["settings"]["inputs"]["allowedBranches"] = "*"
    assert "* may use it" in bench.tdsp("doctor", "--env", "prod").output
    assert bench.tdsp("connect", "--env", "prod", "--yes").exit_code == 0
    assert control["settings"]["inputs"]["allowedBranches"] == "refs/heads/main"


def test_approvers_whom_somebody_chose_stay(azure, project):
    bench.tdsp("connect", "--env", "prod", "--yes")
    (approval,) = [check for check in azure.cloud.devops.checks if check["type"]["name"] == "Approval"]
    approval["settings"]["approvers"] = [{"id": "somebody"}]
    assert bench.tdsp("connect", "--env", "prod").exit_code == 0
    assert approval["settings"]["approvers"] == [{"id": "somebody"}]


def test_who_is_not_let_in_is_told_in_one_line(azure, project):
    azure.cloud.devops.allowed = False
    result = bench.tdsp("connect", "--yes")
    assert result.exit_code == 1
    assert "not signed in there, or not allowed in" in result.stderr
    assert changes(azure) == []


@pytest.mark.parametrize("option", ["--create-repository", "--unprotected"])
def test_what_is_for_github_is_refused_there(azure, project, option):
    result = bench.tdsp("connect", option, "--yes")
    assert result.exit_code == 2
    assert f"{option} is for GitHub" in result.stderr


def test_another_project_is_not_made(azure, project):
    subprocess.run(["git", "remote", "set-url", "origin", ORIGIN.replace("Data%20Science", "Other")], check=True)
    result = bench.tdsp("connect", "--yes")
    assert result.exit_code == 1
    assert "create contoso/Other in Azure DevOps" in result.stderr


def test_destroy_takes_the_connection_away(azure, project):
    bench.tdsp("connect", "--yes")
    assert bench.tdsp("destroy", says="demo\n").exit_code == 0
    assert azure.cloud.devops.connections == {}
    assert azure.cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities") == []


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ("https://contoso@dev.azure.com/contoso/churn/_git/churn", "contoso/churn"),
        ("git@ssh.dev.azure.com:v3/contoso/Data%20Science/churn", "contoso/Data Science"),
        ("https://contoso.visualstudio.com/churn/_git/churn", "contoso/churn"),
    ],
)
def test_every_address_of_azure_devops_is_understood(project, origin, path):
    from tdsp.azure import devops

    subprocess.run(["git", "remote", "set-url", "origin", origin], check=True)
    assert devops.of(project).path == path


def test_a_remote_elsewhere_is_refused_with_what_to_do(azure, project):
    subprocess.run(["git", "remote", "set-url", "origin", "https://github.com/octo/demo.git"], check=True)
    result = bench.tdsp("connect")
    assert result.exit_code == 2
    assert "git remote add origin https://dev.azure.com/" in result.stderr
