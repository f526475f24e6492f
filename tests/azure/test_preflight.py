"""What has to hold before there is anything: names that are free, sizes and cores, a cluster."""

from __future__ import annotations

import re

import bench
import pytest
import yaml
from emulator.directory import Principal
from tdsp.azure import client as facts
from tdsp.azure import names, preflight
from tdsp.project import Environment

# Words -> what the service made of them (published by people who asked it).
GIVEN = {
    ("hello", "world"): "a7wkljktk6wne",
    ("tyeth",): "zcztcwvu6iyg6",
    ("test",): "rbgf3xv4ufgzg",
    ("abc",): "cgtzqvhu4i23s",
    ("foo", "bar", "baz"): "xzi4ioaxtmth4",
    ("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/my-rg",): "bmg7c6xu4tw46",
}


@pytest.mark.parametrize(("words", "text"), GIVEN.items())
def test_a_unique_string_is_the_one_that_the_service_makes(words, text):
    assert names.unique_string(*words) == text


@pytest.mark.parametrize("slug", ["demo", "a-name-of-many-letters-that-is-cut"])
def test_the_names_are_those_that_the_infrastructure_gives(slug):
    """Bicep's own expressions, filled in here."""
    text = (bench.TEMPLATE / "infra" / "main.bicep").read_text(encoding="utf-8")
    assert "var suffix = take(uniqueString(resourceGroup().id, slug, env), 5)" in text
    assert "var compact = replace(slug, '-', '')" in text
    assert "var stem = take(compact, 10)" in text
    where = facts.Target("prod", slug, Environment(subscription_id=bench.SUBSCRIPTION, resource_group="rg-prod"))
    compact, suffix = slug.replace("-", ""), names.unique_string(where.group_id, slug, "prod")[:5]
    values = {"stem": compact[:10], "env": "prod", "suffix": suffix, "take(compact, 38)": compact[:38]}
    written = dict(re.findall(r"^  (storage|vault|containers): '(.*)'$", text, re.MULTILINE))
    filled = {key: re.sub(r"\$\{(.*?)\}", lambda part: values[part[1]], value) for key, value in written.items()}
    assert list(names.of(where).values()) == [filled["storage"], filled["vault"], filled["containers"]]


@pytest.fixture
def without(azure, project, repository):
    """A project whose workspace was not created yet."""
    written = yaml.safe_load((project / "project.yml").read_text())
    written["environments"]["dev"]["workspace"] = "not-yet"
    (project / "project.yml").write_text(yaml.safe_dump(written))
    return names.of(facts.target(project, "dev"))


def workspace_line(*more):
    result = bench.tdsp("connect", *more)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith(("workspace", "error: workspace"))]
    return line


def test_names_that_are_free_are_told(azure, without):
    assert "missing; the names that infra/ would give are free" in workspace_line("--yes")
    asked = [call.body["name"] for call in azure.calls if call.path.endswith("/checkNameAvailability")]
    assert sorted(asked) == sorted(without.values())


def test_a_vault_that_was_deleted_softly_is_told_with_the_command_that_takes_it_back(azure, without):
    vault = without["Microsoft.KeyVault/vaults"]
    azure.cloud.deleted_vaults += ["kv-another", vault]
    line = workspace_line()
    assert f"az keyvault recover --name {vault}" in line
    assert "kv-another" not in line
    assert "is taken" not in line


@pytest.mark.parametrize("kind", ["Microsoft.Storage/storageAccounts", "Microsoft.ContainerRegistry/registries"])
def test_a_name_that_somebody_else_has_is_told(azure, without, kind):
    azure.cloud.taken_names.add(without[kind])
    assert f"the name {without[kind]} is taken" in workspace_line()


def test_who_may_not_ask_for_names_still_learns_that_the_workspace_is_missing(azure, without):
    azure.fail("GET *deletedVaults", "403")
    assert "missing; whether its names are free cannot be seen" in workspace_line()


def test_a_size_that_the_region_lacks_is_told(azure, project, repository):
    file = project / "scoring" / "deployment.yml"
    file.write_text(file.read_text().replace("Standard_DS3_v2", "Standard_X1"))
    assert "westeurope has no size Standard_X1" in bench.tdsp("doctor").output


def test_a_provider_that_was_never_registered_is_registered_by_connect(azure, project, repository):
    azure.cloud.providers["Microsoft.ManagedIdentity"] = "NotRegistered"
    result = bench.tdsp("connect", "--yes")
    assert result.exit_code == 0, result.output + result.stderr
    assert azure.cloud.providers["Microsoft.ManagedIdentity"] in {"Registering", "Registered"}


def test_who_has_rights_on_the_resource_group_alone_can_connect(azure, project, repository):
    ann = azure.cloud.directory.add(Principal("ann@example.com"))
    for role in ("Contributor", "Role Based Access Control Administrator"):
        azure.cloud.access.grant(ann, role, f"/subscriptions/{azure.cloud.subscription}/resourceGroups/rg")
    azure.sign_in(ann)
    result = bench.tdsp("connect", "--yes")
    assert result.exit_code == 0, result.output + result.stderr
    unseen = [line.split("  cannot be seen")[0].strip() for line in result.output.splitlines() if "cannot be" in line]
    assert unseen == [*(f"provider {name}" for name in preflight.PROVIDERS), "quota"]


@pytest.mark.parametrize("look", ["locations/*/usages", "providers/Microsoft.Insights"])
def test_a_failure_to_look_at_the_subscription_is_no_reason_to_go_on(azure, project, repository, look):
    azure.fail(f"GET *{look}", "500", count=50)
    assert bench.tdsp("connect", "--yes").exit_code == 1
    assert not azure.cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")


@pytest.fixture
def cluster(azure, client, project):
    """Make a cluster with some nodes that never stop."""

    def make(name, nodes):
        from azure.ai.ml.entities import AmlCompute

        client.compute.begin_create_or_update(
            AmlCompute(name=name, size="Standard_DS3_v2", min_instances=nodes, max_instances=4)
        ).result()

    return make


def computes(azure):
    jobs = azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/jobs")
    return [job["properties"]["settings"]["default_compute"].rsplit("/", 1)[-1] for job in jobs]


def test_jobs_run_on_serverless_compute_unless_told_otherwise(azure, project):
    result = bench.tdsp("submit")
    assert result.exit_code == 0, result.output + result.stderr
    assert "start on serverless compute" in result.output
    assert computes(azure) == ["serverless"]


@pytest.mark.parametrize("told", ["by an option", "by project.yml"])
def test_a_cluster_that_shrinks_to_nothing_is_taken_without_a_word(azure, project, cluster, told):
    cluster("cpu-cluster", 0)
    if told == "by project.yml":
        written = yaml.safe_load((project / "project.yml").read_text()) | {"azure": {"compute": "cpu-cluster"}}
        (project / "project.yml").write_text(yaml.safe_dump(written))
        result = bench.tdsp("submit")
    else:
        result = bench.tdsp("submit", "--compute", "cpu-cluster")
    assert result.exit_code == 0, result.output + result.stderr
    assert "min_instances" not in result.output
    assert computes(azure) == ["cpu-cluster"]


def test_a_cluster_that_costs_when_idle_is_told(azure, project, cluster):
    cluster("cpu-cluster", 1)
    result = bench.tdsp("submit", "--compute", "cpu-cluster", "--dry-run")
    assert result.exit_code == 0
    assert "1 nodes at least" in result.output
    assert computes(azure) == []


def test_a_cluster_that_does_not_exist_is_one_line(azure, project):
    result = bench.tdsp("submit", "--compute", "nowhere")
    assert result.exit_code == 2
    assert "has no cluster 'nowhere'" in result.stderr
    assert computes(azure) == []
