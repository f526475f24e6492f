"""`tdsp connect` and `doctor` against the emulated Azure and GitHub."""

from __future__ import annotations

import bench
import pytest
import servers
import yaml
from emulator.directory import Principal
from tdsp.azure import rest

CHANGING = {"PUT", "POST", "PATCH", "DELETE"}


@pytest.fixture
def project(tmp_path, monkeypatch, azure):
    folder = bench.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    azure.cloud.github.users["octo"] = 77
    azure.cloud.github.login = "octo"
    azure.workspace("rg-prod", "ws-prod")
    return folder


@pytest.fixture
def repository(azure, project):
    return azure.cloud.github.add("demo", "octo")


def changes(azure, start=0):
    return [str(call) for call in azure.calls[start:] if call.method in CHANGING and "login.microsoft" not in call.host]


@pytest.mark.parametrize("immutable", [True, False])
@pytest.mark.parametrize("env", ["dev", "prod"])
def test_one_consent_wires_everything_and_a_second_run_changes_nothing(azure, repository, env, immutable):
    repository.immutable = immutable
    first = bench.tdsp("connect", "--env", env, "--yes")
    assert first.exit_code == 0, first.output + first.stderr
    assert "verified" in first.output
    credential = azure.cloud.resources.of_type(
        "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
    )[0]
    assert credential["properties"]["subject"] == f"{repository.prefix}:environment:{env}"
    seen = len(azure.calls)
    second = bench.tdsp("connect", "--env", env)
    assert second.exit_code == 0
    assert "nothing to do" in second.output
    assert changes(azure, seen) == []
    assert bench.tdsp("doctor", "--env", env).exit_code == 0


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_two_environments_in_one_resource_group_are_refused(azure, project, repository, env):
    written = yaml.safe_load((project / "project.yml").read_text())
    written["environments"]["prod"] |= {"resource_group": "RG", "workspace": "ws-next"}  # names ignore case in Azure
    (project / "project.yml").write_text(yaml.safe_dump(written))
    azure.workspace("rg", "ws-next", account="nextstore")
    result = bench.tdsp("connect", "--env", env, "--yes")
    assert result.exit_code == 1
    assert f"is also that of {'dev' if env == 'prod' else 'prod'}" in result.stderr
    assert changes(azure) == []
    assert "BAD  resource group" in bench.tdsp("doctor", "--env", env).output


def test_a_dry_run_shows_the_plan_and_changes_nothing(azure, repository):
    result = bench.tdsp("connect", "--dry-run")
    assert result.exit_code == 0
    assert "make it right" in result.output
    assert changes(azure) == []


def test_no_consent_no_change(azure, repository):
    result = bench.tdsp("connect", says="n\n")
    assert changes(azure) == []
    assert result.exit_code == 2 or "nothing was changed" in result.output


def test_a_door_to_the_infrastructure_that_nobody_watches_is_told(azure, repository):
    assert bench.tdsp("connect", "--yes").exit_code == 0
    assert "ok   GitHub environment dev-infra" in bench.tdsp("doctor").output
    github = rest.github()
    github("PUT", "/repos/octo/demo/environments/dev-infra", {})
    assert "note GitHub environment dev-infra: any branch may deploy" in bench.tdsp("doctor").output
    policy = {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}}
    github("PUT", "/repos/octo/demo/environments/dev-infra", policy)
    github("POST", "/repos/octo/demo/environments/dev-infra/deployment-branch-policies", {"name": "dev"})
    assert "note GitHub environment dev-infra: no reviewer" in bench.tdsp("doctor").output
    github("PUT", "/repos/octo/demo/environments/dev-infra", policy | {"reviewers": [{"type": "User", "id": 77}]})
    assert "ok   GitHub environment dev-infra" in bench.tdsp("doctor").output


def test_main_requires_the_check_that_the_workflow_has(azure, repository):
    bench.tdsp("connect", "--yes")
    (made,) = repository.rulesets.values()
    rules = {rule["type"]: rule.get("parameters", {}) for rule in made["rules"]}
    jobs = yaml.safe_load((bench.TEMPLATE / ".github/workflows/ci.yml").read_text())["jobs"]
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": jobs["passed"]["name"]}]
    assert set(jobs["passed"]["needs"]) == set(jobs) - {"passed"}
    assert rules["pull_request"]["required_approving_review_count"] == 0, "one who works alone could merge nothing"


def test_prod_waits_for_a_reviewer_and_takes_main_only(azure, repository):
    bench.tdsp("connect", "--env", "prod", "--yes")
    environment = repository.environments["prod"]
    assert [item["id"] for item in environment["reviewers"]] == [77]
    assert set(environment["policies"].values()) == {"main"}


def test_an_approval_that_is_there_is_not_weakened(azure, repository):
    bench.tdsp("connect", "--env", "prod", "--yes")
    environment = repository.environments["prod"]
    environment |= {"prevent_self_review": True, "wait_timer": 30, "deployment_branch_policy": None}
    assert bench.tdsp("connect", "--env", "prod", "--yes").exit_code == 0
    corrected = repository.environments["prod"]
    assert corrected["deployment_branch_policy"]["custom_branch_policies"]
    assert (corrected["prevent_self_review"], corrected["wait_timer"]) == (True, 30)


def test_nothing_is_trusted_before_its_branch_and_reviewer_are_set(azure, repository):
    azure.fail("PUT */environments/prod", "403", count=20)
    assert bench.tdsp("connect", "--env", "prod", "--yes").exit_code == 1
    kinds = ("ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", "Authorization/roleAssignments")
    of_identity = [
        item
        for kind in kinds
        for item in azure.cloud.resources.of_type(f"Microsoft.{kind}")
        if item["properties"].get("principalType", "ServicePrincipal") == "ServicePrincipal"
    ]
    assert of_identity == []


def test_a_renamed_repository_is_found_and_mended(azure, repository):
    bench.tdsp("connect", "--yes")
    repository.owner_id = 4711
    sick = bench.tdsp("doctor")
    assert sick.exit_code == 1
    assert "trusts repo:octo@77/demo" in sick.output
    assert bench.tdsp("connect", "--yes").exit_code == 0
    assert bench.tdsp("doctor").exit_code == 0


@pytest.mark.parametrize("command", [("doctor",), ("connect", "--yes"), ("destroy",)])
def test_a_renamed_repository_whose_old_name_origin_has_is_one_line(azure, repository, command):
    azure.cloud.github.moved["octo/demo"] = azure.cloud.github.repositories.pop("octo/demo").id
    result = bench.tdsp(*command)
    assert result.exit_code == 1, result.exception
    assert "git remote set-url origin" in result.output + result.stderr
    assert changes(azure) == []


def test_a_customised_subject_stops_everything_that_depends_on_it(azure, repository):
    repository.subject = {"use_default": False, "include_claim_keys": ["repo"]}
    result = bench.tdsp("connect", "--yes")
    assert result.exit_code == 1
    assert "customised OIDC subject" in result.stderr + result.output


@pytest.mark.parametrize("more", [("--dry-run",), ("--yes",)])
def test_the_plan_makes_no_repository_that_nobody_asked_for(azure, project, more):
    azure.cloud.providers["Microsoft.ManagedIdentity"] = "NotRegistered"
    result = bench.tdsp("connect", *more)
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("  repository")]
    assert "yours to mend" in line
    assert changes(azure) == []


@pytest.mark.parametrize("more", [("--dry-run",), ("--yes", "--create-repository")])
def test_who_is_no_admin_of_the_repository_is_told_before_anything_is_made(azure, repository, more):
    azure.cloud.github.permission = "write"
    result = bench.tdsp("connect", *more)
    assert result.exit_code == 1
    assert "you are not an admin of it; ask an admin of octo/demo" in result.stderr
    assert changes(azure) == []


def test_the_repository_is_created_when_asked(azure, project):
    assert bench.tdsp("connect", "--yes").exit_code == 1
    result = bench.tdsp("connect", "--yes", "--create-repository")
    assert result.exit_code == 0, result.output + result.stderr
    assert azure.cloud.github.repositories["octo/demo"].private


# Plan of a private repository -> whether its environments have branches, whether they have reviewers.
PLANS = {
    "free": {"plan": "free"},
    "pro": {"plan": "pro"},
    "team": {"plan": "team", "organization": True},
}


def private(repository, plan):
    repository.private = True
    for name, value in PLANS[plan].items():
        setattr(repository, name, value)


@pytest.mark.parametrize(("plan", "env"), [("free", "dev"), ("free", "prod"), ("pro", "prod")])
def test_rules_that_the_plan_has_not_are_told_before_anything_is_made(azure, repository, plan, env):
    private(repository, plan)
    result = bench.tdsp("connect", "--env", env, "--yes")
    assert result.exit_code == 1
    assert f"GitHub environment {env}: missing; " in result.stderr
    assert "or go without: `--unprotected`" in result.stderr
    assert changes(azure) == []


def test_a_plan_that_cannot_be_seen_is_told_before_there_is_an_identity(azure, repository):
    private(repository, "team")
    result = bench.tdsp("connect", "--env", "prod", "--yes")
    assert result.exit_code == 1
    assert "GitHub's plan has no such rules for a private repository" in result.stderr
    assert "or go without: `--unprotected`" in result.stderr
    assert not azure.cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")


@pytest.mark.parametrize("env", [pytest.param("dev", marks=pytest.mark.nightly), "prod"])
@pytest.mark.parametrize("plan", PLANS)
def test_who_agrees_to_it_goes_without_the_rules_that_the_plan_has_not(azure, repository, plan, env):
    private(repository, plan)
    words = ("--env", env, "--unprotected")
    result = bench.tdsp("connect", *words, "--yes")
    assert result.exit_code == 0, result.output + result.stderr
    assert "verified" in result.output
    made = repository.environments[env]
    branch = {"dev": "dev", "prod": "main"}[env]
    assert set(made["policies"].values()) == (set() if plan == "free" else {branch})
    seen = len(azure.calls)
    assert "nothing to do" in bench.tdsp("connect", *words).output
    assert changes(azure, seen) == []
    assert bench.tdsp("doctor", *words).exit_code == 0
    assert bench.tdsp("doctor", "--env", env).exit_code == (0 if (plan != "free" and env == "dev") else 1)


def test_a_public_repository_is_protected_whatever_somebody_agrees_to(azure, repository):
    repository.plan = "free"
    assert bench.tdsp("connect", "--env", "prod", "--unprotected", "--yes").exit_code == 0
    assert repository.environments["prod"]["reviewers"]
    assert set(repository.environments["prod"]["policies"].values()) == {"main"}


def test_a_private_repository_that_connect_makes_is_told_of_too(azure, project):
    words = ("--env", "prod", "--create-repository", "--yes")
    result = bench.tdsp("connect", *words)
    assert result.exit_code == 1
    assert "or go without: `--unprotected`" in result.stderr
    assert not azure.cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")
    assert bench.tdsp("connect", *words, "--unprotected").exit_code == 0


def test_missing_quota_and_an_unregistered_provider_are_told(azure, repository):
    azure.cloud.quota.limits["standardDSv2Family"] = 2
    azure.cloud.providers["Microsoft.ManagedIdentity"] = "NotRegistered"
    result = bench.tdsp("doctor")
    assert "needs 5 cores of standardDSv2Family, 2 of 2 are free" in result.output
    assert "az provider register --namespace Microsoft.ManagedIdentity" in result.output


def test_the_identity_can_submit_deploy_and_score_with_its_roles_alone(azure, repository, client, tmp_path):

    bench.tdsp("connect", "--yes")
    azure.cloud.server = servers.ModelServer()
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    made = azure.cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")[0]
    azure.sign_in(azure.cloud.directory.get(made["properties"]["principalId"]))
    for command in (("submit",), ("deploy", "--soak", "0"), ("status",)):
        result = bench.tdsp(*command)
        denied = [str(call) for call in azure.calls if call.status == 403]
        assert result.exit_code == 0, (command, result.stderr, denied)


@pytest.fixture
def scientist(azure, repository):
    """Whoever is signed in after somebody else has connected has one role."""
    assert bench.tdsp("connect", "--yes").exit_code == 0
    bob = azure.cloud.directory.add(Principal("bob@example.com"))
    azure.cloud.access.grant(
        bob, "AzureML Data Scientist", f"/subscriptions/{azure.cloud.subscription}/resourceGroups/rg"
    )
    azure.sign_in(bob)
    return bob


def test_what_cannot_be_seen_is_not_called_wrong_and_names_what_is_lacking(scientist):
    result = bench.tdsp("doctor")
    assert result.exit_code == 1
    assert "BAD" not in result.output
    assert "mend" not in result.output
    assert "?    identity id-demo-dev: cannot be seen" in result.output
    assert "with Microsoft.ManagedIdentity/userAssignedIdentities/read on" in result.output
    assert "tdsp doctor" not in result.output
    assert "things cannot be seen: provider" in result.stderr


def test_storage_without_keys_takes_a_second_role_and_says_which(azure, scientist, project):
    azure.workspace("rg", "ws-keyless", account="keyless", credentials="identity")
    written = yaml.safe_load((project / "project.yml").read_text())
    written["environments"]["dev"]["workspace"] = "ws-keyless"
    (project / "project.yml").write_text(yaml.safe_dump(written))
    refused = bench.tdsp("submit")
    assert refused.exit_code == 1
    assert "Storage Blob Data Contributor" in refused.stderr
    assert "again" not in refused.stderr
    group = f"/subscriptions/{azure.cloud.subscription}/resourceGroups/rg"
    azure.cloud.access.grant(scientist, "Storage Blob Data Contributor", group)
    assert bench.tdsp("submit").exit_code == 0


def test_signed_out_is_one_line(azure, repository):
    azure.sign_out()
    result = bench.tdsp("submit")
    assert result.exit_code == 1
    assert "az login" in result.stderr


@pytest.mark.parametrize("command", ["connect", "doctor"])
def test_who_is_signed_in_nowhere_is_told_so_at_once(azure, repository, monkeypatch, command):
    azure.sign_out()
    (azure.folder / "bin" / "gh").unlink()
    monkeypatch.setenv("PATH", str(azure.folder / "bin"))
    result = bench.tdsp(command)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert "Azure: not signed in: run `az login`" in lines[0]
    assert "gh is not installed" in lines[1]
