"""Versions of a model in the workspace's registry."""

import bench

VERSIONS = "Microsoft.MachineLearningServices/workspaces/models/versions"


def test_the_number_of_an_archived_version_is_not_given_again(azure, client, tmp_path):
    for number in ("1", "2"):
        assert bench.register(client, bench.model(tmp_path / f"m{number}", float(number))) == number
    (newest,) = [item for item in azure.cloud.resources.of_type(VERSIONS) if item["name"] == "2"]
    newest["properties"]["isArchived"] = True
    assert bench.register(client, bench.model(tmp_path / "m3", 3.0)) == "3"
