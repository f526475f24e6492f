"""`tdsp deploy`, `rollback` and `status` against the emulated service, with the real SDK."""

from __future__ import annotations

import bench
import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = bench.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CI", raising=False)
    return folder


@pytest.fixture
def server(azure):
    azure.cloud.server = bench.ModelServer()
    return azure.cloud.server


@pytest.fixture
def first(azure, client, project, server, tmp_path):
    """A project with version 1 live in slot blue."""
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    assert deploy().exit_code == 0
    return project


@pytest.fixture
def second(first, client, tmp_path):
    """Version 2 is the champion, version 1 is live."""
    bench.register(client, bench.model(tmp_path / "m2", 3.0))
    return first


def deploy(*more):
    return bench.tdsp("deploy", "--soak", "0", *more)


def endpoint(azure):
    return azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")[0]


def traffic(azure):
    return {slot: share for slot, share in endpoint(azure)["properties"]["traffic"].items() if share}


def slots(azure):
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    return {item["name"]: item["tags"]["tdsp.model_version"] for item in azure.cloud.resources.of_type(kind)}


def test_the_first_version_is_tested_then_gets_everything(azure, first):
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}


def test_a_second_version_passes_every_step_and_the_first_is_kept(azure, second):
    result = deploy()
    assert result.exit_code == 0, result.output
    assert traffic(azure) == {"green": 100}
    assert slots(azure) == {"blue": "1", "green": "2"}
    name = endpoint(azure)["name"]
    sent = [call.body["properties"] for call in azure.calls if call.method == "PUT" and call.path.endswith(name)]
    shares = [properties["traffic"] for properties in sent if properties.get("traffic")]
    assert [share.get("green", 0) for share in shares] == [0, 0, 10, 50, 100]
    assert "mirror 10 %" in result.output


def test_deploying_what_is_live_changes_nothing(azure, first):
    before = len(azure.calls)
    assert deploy().exit_code == 0
    assert not [call for call in azure.calls[before:] if call.method in {"PUT", "DELETE", "PATCH"}]


def test_a_wrong_answer_in_the_smoke_test_gives_no_traffic(azure, second, server):
    server.wrong.add("green")
    result = deploy()
    assert result.exit_code == 1
    assert "on this machine it is" in result.stderr
    assert "v1 in blue still has all traffic" in result.stderr
    assert "log of green" in result.output
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}


def test_rollback_gives_everything_back_and_a_second_one_does_no_harm(azure, second):
    assert deploy().exit_code == 0
    for _ in range(2):
        assert bench.tdsp("rollback").exit_code == 0
        assert traffic(azure) == {"blue": 100}
    refused = deploy()
    assert refused.exit_code == 1
    assert "rolled back" in refused.stderr
    assert traffic(azure) == {"blue": 100}
    assert deploy("--version", "2").exit_code == 0
    assert traffic(azure) == {"green": 100}


def test_status_shows_slots_versions_and_origin(azure, second):
    deploy()
    text = bench.tdsp("status").output
    assert "green: v2, 100 %, live" in text
    assert "blue: v1, 0 %, kept for rollback until" in text
    assert "v2, champion: commit c0ffee00" in text
    assert azure.cloud.subscription not in text
