"""`tdsp destroy` takes away what the project made, and only after its name was typed."""

import bench
import pytest
import servers


@pytest.fixture
def made(azure, client, tmp_path, monkeypatch):
    monkeypatch.chdir(bench.project(tmp_path / "project"))
    azure.cloud.github.users["octo"] = 77
    azure.cloud.github.login = "octo"
    azure.cloud.github.add("demo", "octo")
    azure.cloud.server = servers.ModelServer()
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    assert bench.tdsp("connect", "--yes").exit_code == 0
    assert bench.tdsp("deploy", "--soak", "0").exit_code == 0
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


def test_an_endpoint_of_somebody_else_is_left_alone(made):
    endpoint = made.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")[0]
    endpoint["tags"] = {}
    for command in ("deploy", "rollback", "status", "destroy"):
        result = bench.tdsp(command)
        assert result.exit_code == 2, command
        assert "was not made by this project" in result.stderr
