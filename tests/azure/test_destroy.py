"""`tdsp destroy` takes away what the project made, and only after its name was typed."""

import bench
import pytest
from tdsp.azure import identity


@pytest.fixture
def made(azure, repository, stage):
    stage("made", (2.0, True), wired=True)
    return azure.cloud


def left(cloud):
    kinds = ("MachineLearningServices/workspaces/onlineEndpoints", "ManagedIdentity/userAssignedIdentities")
    return sum(len(cloud.resources.of_type(f"Microsoft.{kind}")) for kind in kinds) + len(
        cloud.github.repositories["octo/demo"].environments
    )


@pytest.mark.parametrize("typed", ["\n", "yes\n", "Demo\n"])
def test_another_word_deletes_nothing(made, typed):
    assert bench.tdsp("destroy", says=typed).exit_code == 2
    assert left(made) == 3


def test_the_name_deletes_what_the_project_made_and_nothing_else(made):
    roles = len(made.resources.of_type("Microsoft.Authorization/roleAssignments"))
    assert bench.tdsp("destroy", says="demo\n").exit_code == 0
    assert left(made) == 0
    assert len(made.resources.of_type("Microsoft.Authorization/roleAssignments")) == roles - 2
    assert made.resources.of_type("Microsoft.MachineLearningServices/workspaces/models/versions")
    assert bench.tdsp("destroy").exit_code == 0


def test_roles_above_and_below_the_group_are_neither_taken_away_nor_taken_for_its_own(made):
    kind = "Microsoft.Authorization/roleAssignments"
    own = [item for item in made.resources.of_type(kind) if item["name"] in names_of(made)]
    group = own[0]["properties"]["scope"]
    scopes = (group.rsplit("/", 2)[0], f"{group}/providers/Microsoft.MachineLearningServices/workspaces/ws-dev")
    elsewhere = {}
    for number, scope in enumerate(scopes):
        path = f"{scope}/providers/{kind}/00000000-0000-4000-8000-00000000000{number}"
        made.resources.put(path, {"properties": {**own[0]["properties"], "scope": scope}})
        elsewhere[scope] = path
    made.page_size = 1
    made.resources.delete(elsewhere[scopes[0]])
    for item in own:
        made.resources.delete(item["id"])
    assert bench.tdsp("doctor").output.count("role ") == 2, "a role on the workspace alone is not enough"
    made.resources.put(elsewhere[scopes[0]], {"properties": {**own[0]["properties"], "scope": scopes[0]}})
    for item in own:
        made.resources.put(item["id"], {"properties": item["properties"]})
    assert bench.tdsp("doctor").exit_code == 0
    assert bench.tdsp("destroy", says="demo\n").exit_code == 0
    left = {item["id"] for item in made.resources.of_type(kind)}
    assert set(elsewhere.values()) <= left
    assert not left & {item["id"] for item in own}


@pytest.mark.parametrize("other", [{"secrets": ["TEAM_KEY"]}, {"variables": {"TEAM_KEY": "1"}}])
def test_a_github_environment_that_holds_anything_else_stays_without_our_variables(made, other):
    environment = made.github.repositories["octo/demo"].environments["dev"]
    environment["secrets"] = other.get("secrets", [])
    environment["variables"] |= other.get("variables", {})
    result = bench.tdsp("destroy", says="demo\n")
    assert result.exit_code == 0
    assert "the environment stays, as it holds TEAM_KEY" in result.output
    assert left(made) == 1
    assert environment["variables"] == other.get("variables", {})
    assert "delete" not in bench.tdsp("destroy", "--dry-run").output


def rules(**more):
    policy = {"protected_branches": False, "custom_branch_policies": True}
    return {"wait_timer": 0, "prevent_self_review": False, "reviewers": [], "deployment_branch_policy": policy} | more


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"wait_timer": 30}, "wait timer"),
        ({"reviewers": [{"type": "User", "id": 77}]}, "required reviewers"),
        ({"policies": {1: "dev", 2: "release"}}, "branch release"),
    ],
)
def test_a_github_environment_with_rules_that_connect_does_not_make_stays(made, more, said):
    environment = made.github.repositories["octo/demo"].environments["dev"]
    environment |= rules(**more)
    result = bench.tdsp("destroy", says="demo\n")
    assert result.exit_code == 0
    assert f"the environment stays, as it holds {said}" in result.output
    assert environment["variables"] == {}
    assert made.github.repositories["octo/demo"].environments["dev"] is environment


@pytest.mark.parametrize("wired", [True, False])
def test_an_identity_that_somebody_else_made_stays_without_what_connect_gave_it(made, wired):
    (found,) = made.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")
    found["tags"] = {"owner": "platform-team"}
    kind = "Microsoft.Authorization/roleAssignments"
    given = [item for item in made.resources.of_type(kind) if item["name"] in names_of(made)]
    theirs = f"{found['id'].split('/providers/')[0]}/providers/{kind}/00000000-0000-4000-8000-000000000009"
    made.resources.put(theirs, {"properties": given[0]["properties"]})
    if not wired:
        for item in given:
            made.resources.delete(item["id"])
        for item in made.resources.children(f"{found['id']}/federatedIdentityCredentials"):
            made.resources.delete(item["id"])
    result = bench.tdsp("destroy", says="demo\n")
    assert result.exit_code == 0
    assert ("the identity stays, as this project did not make it" in result.output) == wired
    assert found["id"] in made.resources
    assert theirs in made.resources
    assert made.resources.children(f"{found['id']}/federatedIdentityCredentials") == []
    assert not [item for item in given if item["id"] in made.resources]
    assert "delete" not in bench.tdsp("destroy", "--dry-run").output


@pytest.mark.parametrize(
    ("where", "fault", "said"),
    [
        ("* api.github.com*", "401", "what GitHub holds cannot be seen"),
        ("GET *autoscaleSettings*", "409", "autoscale rules of demo-dev-4286c cannot be seen"),
        ("GET */userAssignedIdentities/*", "409", "identity id-demo-dev cannot be seen"),
        ("GET */batchEndpoints/*", "403", "batch endpoint cannot be seen"),
        ("DELETE */onlineEndpoints/*", "403", "endpoint demo-dev-4286c is not deleted"),
    ],
)
def test_what_cannot_be_seen_or_deleted_keeps_nothing_else(made, azure, where, fault, said):
    azure.fail(where, fault, count=50)
    result = bench.tdsp("destroy", says="demo\n")
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert "tdsp destroy --env dev" in result.stderr
    assert left(made) <= 1, "only what the fault hides is left"
    azure.cloud.faults.clear()
    assert bench.tdsp("destroy", says="demo\n").exit_code == 0
    assert left(made) == 0
    assert not made.resources.of_type("Microsoft.Insights/autoscaleSettings")


def names_of(cloud):
    """Return the names of the role assignments that `connect` makes."""
    (found,) = cloud.resources.of_type("Microsoft.ManagedIdentity/userAssignedIdentities")
    group, principal = found["id"].split("/providers/")[0], found["properties"]["principalId"]
    return {identity.assignment_name(group, principal, role) for role in identity.ROLES}


def test_an_endpoint_of_somebody_else_is_left_alone(made):
    endpoint = made.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")[0]
    endpoint["tags"] = {}
    for command in ("deploy", "rollback", "status", "destroy"):
        result = bench.tdsp(command)
        assert result.exit_code == 2, command
        assert "was not made by this project" in result.stderr
