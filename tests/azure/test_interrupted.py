"""Every request of connect, submit and promote is broken once; running the command again reaches its goal."""

from __future__ import annotations

import json
import subprocess

import bench
import pytest
import quick
import yaml
from emulator import model_registry
from emulator.runner import LocalRunner

pytestmark = pytest.mark.slow
CREDENTIALS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"


def test_connect(walk, azure, project, repository):
    def reached(cloud, folder):
        types = ("userAssignedIdentities", "userAssignedIdentities/federatedIdentityCredentials")
        assert [len(cloud.resources.of_type(f"Microsoft.ManagedIdentity/{kind}")) for kind in types] == [1, 1]
        repository = cloud.github.repositories["octo/demo"]
        assert set(repository.environments["dev"]["variables"]) == {"AZURE_CLIENT_ID", "AZURE_TENANT_ID"}
        assert len(repository.rulesets) == 1

    def always(cloud, folder):
        if cloud.resources.of_type(CREDENTIALS):
            environment = cloud.github.repositories["octo/demo"].environments["dev"]
            assert environment["deployment_branch_policy"]["custom_branch_policies"], "trusted, and any branch may come"
            assert list(environment["policies"].values()) == ["dev"]

    walk(project, ["connect", "--yes"], reached=reached, always=always)


@pytest.mark.nightly
def test_connect_to_production(walk, azure, project, repository):
    azure.workspace("rg-prod", "ws-prod")

    def reached(cloud, folder):
        environment = cloud.github.repositories["octo/demo"].environments["prod"]
        assert set(environment["variables"]) == {"AZURE_CLIENT_ID", "AZURE_TENANT_ID"}
        assert_guarded(environment)

    def always(cloud, folder):
        if cloud.resources.of_type(CREDENTIALS):
            assert_guarded(cloud.github.repositories["octo/demo"].environments["prod"])

    def assert_guarded(environment):
        assert environment["reviewers"], "trusted, and nobody has to agree"
        assert list(environment["policies"].values()) == ["main"], "trusted, and any branch may come"

    walk(project, ["connect", "--env", "prod", "--yes"], reached=reached, always=always)


@pytest.mark.nightly
def test_connect_to_azure_devops(walk, azure, project):
    (project / "project.yml").write_text(yaml.safe_dump({**bench.FACTS, "ci": "azure-pipelines"}))
    origin = "https://dev.azure.com/contoso/Data%20Science/_git/demo"
    for arguments in (["init", "-q"], ["remote", "add", "origin", origin]):
        subprocess.run(["git", *arguments], cwd=project, check=True)

    def reached(cloud, folder):
        (trust,) = cloud.resources.of_type(CREDENTIALS)
        (connection,) = cloud.devops.connections.values()
        given = connection["authorization"]["parameters"]
        assert trust["properties"]["subject"] == given["workloadIdentityFederationSubject"]
        assert list(cloud.devops.environments.values()) == ["dev"]
        assert len(cloud.devops.checks) == 1

    def always(cloud, folder):
        if cloud.resources.of_type(CREDENTIALS):
            assert cloud.devops.checks, "trusted, and any branch may use the service connection"

    walk(project, ["connect", "--yes"], reached=reached, always=always)


@pytest.mark.nightly
def test_submit(walk, azure, project):
    # One step is enough: each further one repeats the requests of the first.
    file = project / "pipelines" / "train.yml"
    pipeline = yaml.safe_load(file.read_text())
    pipeline["jobs"] = {"prepare": pipeline["jobs"]["prepare"]}
    file.write_text(yaml.safe_dump(pipeline))

    def reached(cloud, folder):
        jobs = cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/jobs")
        assert len(jobs) == 1, "the same job was started twice"

    walk(project, ["submit"], reached=reached)


@pytest.mark.nightly
def test_submit_and_wait(walk, azure, project):
    quick.write(project)
    azure.cloud.runner = LocalRunner()

    def reached(cloud, folder):
        (home,) = (folder / ".tdsp" / "runs").iterdir()
        outcome = json.loads((home / "outputs/register/registration/outcome.json").read_text())
        assert outcome == quick.REGISTERED
        jobs = cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/jobs")
        assert len(jobs) == 1 + len(quick.STEPS), "the same job was started twice"

    walk(project, ["submit", "quick", "--wait"], reached=reached)


@pytest.mark.nightly
@pytest.mark.parametrize("way", ["copy", "registry"])
def test_promote(walk, azure, second, way):
    model_registry.create(azure.cloud, "mlr-shared")
    facts = yaml.safe_load((second / "project.yml").read_text()) | {
        "azure": {"promotion": way, "registry": "mlr-shared"}
    }
    (second / "project.yml").write_text(yaml.safe_dump(facts))
    azure.workspace("rg-prod", "ws-prod", account="prodstore")

    def reached(cloud, folder):
        models = cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/models/versions")
        (copied,) = [item for item in models if "/ws-prod/" in item["id"]]
        assert copied["properties"]["tags"]["tdsp.promoted_from"] == "dev v2"

    walk(second, ["promote"], reached=reached)
