"""Every request of deploy, rollback and status is broken once; the endpoint answers all the time."""

from __future__ import annotations

import signal

import bench
import pytest
import servers
from emulator import snapshots
from walk import Walk

pytestmark = pytest.mark.slow
ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
BATCH = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"
ROLE = "Microsoft.Authorization/roleAssignments"
DEPLOY = ["deploy", "--soak", "0", "--requests", "2"]


def champion(client, folder, slope):
    """Register a version and work its answers out."""
    from tdsp import project, registry_azure
    from tdsp.azure import evidence

    bench.register(client, bench.model(folder / f"m{slope:.0f}", slope))
    evidence.exchanges(project.find_root(), client, registry_azure.champion(client, bench.SLUG), say=print)


@pytest.fixture
def live(azure, project, server, client, tmp_path):
    """Version 1 is live; version 2 is champion, its answers are worked out."""
    champion(client, tmp_path, 2.0)
    assert bench.tdsp(*DEPLOY).exit_code == 0
    champion(client, tmp_path, 3.0)
    return project


def traffic(cloud):
    endpoints = cloud.resources.of_type(ENDPOINT)
    shares = (endpoints[0]["properties"]["traffic"] or {}) if endpoints else {}
    return {slot: share for slot, share in shares.items() if share}


def whole(cloud, folder):
    """What is live has all traffic at any moment, and only slots whose container answers have any."""
    shares = traffic(cloud)
    assert sum(shares.values()) == 100, shares
    for slot in shares:
        assert cloud.server.answered.get(slot) is not None, f"{slot} has traffic and no container"


def guarded(cloud):
    """Say whether the slot was asked between its getting all traffic and its being called live."""
    calls = cloud.calls
    tags = {
        number: call.body["tags"]
        for number, call in enumerate(calls)
        if call.method == "PUT" and "/deployments/" not in call.path and "/onlineEndpoints/" in call.path
        if call.body["properties"].get("traffic") == {"green": 100}
    }
    moved = max(number for number in tags if tags[number].get("tdsp.trial") == "green")
    named = min(number for number in tags if number > moved and tags[number].get("tdsp.live") == "green")
    return any(call.path == "/score" for call in calls[moved:named])


def test_deploy(walk, azure, live):
    def reached(cloud, folder):
        assert traffic(cloud) == {"green": 100}
        assert guarded(cloud), "nobody looked at the slot after it had got all traffic"

    walk(live, DEPLOY, reached=reached, always=whole)


@pytest.mark.nightly
def test_the_first_deployment(walk, azure, project, server, client, tmp_path):
    champion(client, tmp_path, 2.0)

    def reached(cloud, folder):
        assert traffic(cloud) == {"blue": 100}

    def always(cloud, folder):
        if traffic(cloud):
            whole(cloud, folder)
            assert any(call.path == "/score" for call in cloud.calls), "blue has traffic without a smoke test"

    walk(project, DEPLOY, reached=reached, always=always)


def test_rollback(walk, azure, live):
    assert bench.tdsp(*DEPLOY).exit_code == 0

    def reached(cloud, folder):
        assert traffic(cloud) == {"blue": 100}

    walk(live, ["rollback"], reached=reached, always=whole)


@pytest.fixture
def live_batch(azure, project, client, tmp_path):
    """Version 1 scores files; version 2 is champion, its answers are worked out."""
    azure.cloud.scorer = servers.BatchScorer()
    champion(client, tmp_path, 2.0)
    assert bench.tdsp("deploy", "--batch").exit_code == 0
    champion(client, tmp_path, 3.0)
    return project


def default(cloud):
    """The deployment that jobs go to, with its model's version."""
    endpoint = cloud.resources.of_type(BATCH)[0]
    name = endpoint["properties"]["defaults"]["deploymentName"]
    return name, cloud.resources[f"{endpoint['id']}/deployments/{name}"]["tags"]["tdsp.model_version"]


@pytest.mark.nightly
def test_deploy_batch(walk, azure, live_batch):
    def reached(cloud, folder):
        assert default(cloud) == ("green", "2")

    def always(cloud, folder):
        assert default(cloud) in {("blue", "1"), ("green", "2")}
        tried = [call for call in cloud.calls if call.method == "POST" and call.path == "/jobs"]
        assert tried or default(cloud)[0] == "blue", "green is the default without a trial"

    walk(live_batch, ["deploy", "--batch"], reached=reached, always=always)


@pytest.mark.nightly
def test_rollback_batch(walk, azure, live_batch):
    assert bench.tdsp("deploy", "--batch").exit_code == 0

    def reached(cloud, folder):
        assert default(cloud) == ("blue", "1")

    walk(live_batch, ["rollback", "--batch"], reached=reached)


@pytest.mark.nightly
def test_score_batch(walk, azure, live_batch):
    (live_batch / "rows.csv").write_text("x,z\n1,2\n")

    def reached(cloud, folder):
        assert (folder / "rows.predictions.csv").read_text().splitlines()[1:] == ["rows.csv,1,4.0"]

    walk(live_batch, ["score", "rows.csv", "--batch", "--env", "dev"], reached=reached)


@pytest.mark.nightly
def test_destroy(walk, azure, live, repository):
    kinds = (
        ENDPOINT,
        "Microsoft.Insights/autoscaleSettings",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
    )
    roles = {item["id"] for item in azure.cloud.resources.of_type(ROLE)}
    assert bench.tdsp("connect", "--yes").exit_code == 0

    def reached(cloud, folder):
        assert [item["id"] for kind in kinds for item in cloud.resources.of_type(kind)] == []
        assert {item["id"] for item in cloud.resources.of_type(ROLE)} == roles
        assert cloud.github.repositories["octo/demo"].environments == {}

    walk(live, ["destroy"], reached=reached, says="demo\n")


def test_status(walk, azure, live):
    before = traffic(azure.cloud)

    def reached(cloud, folder):
        assert traffic(cloud) == before

    walk(live, ["status"], reached=reached, always=whole)


def test_a_bad_version_never_gets_traffic_however_its_deployment_ends(azure, live, server, forks, tmp_path):
    """The command is killed at each request that changes or asks something of the endpoint, then runs again."""
    server.wrong.add("green")
    start = snapshots.take(azure.cloud)
    azure.calls.clear()
    assert bench.tdsp(*DEPLOY).exit_code == 1
    writes = [number for number, call in enumerate(azure.calls) if call.method != "GET"]
    walker = Walk(azure.cloud, live, {**azure.env, "HOME": str(tmp_path)}, forks, lambda *_: None)
    assert len(writes) >= 3
    for number in writes:
        snapshots.restore(azure.cloud, start)
        walker._arm(number, "kill")
        code, _ = walker._command(tuple(DEPLOY), live)
        assert code == -signal.SIGKILL
        assert traffic(azure.cloud) == {"blue": 100}
        azure.cloud.faults.clear()
        code, printed = walker._command(tuple(DEPLOY), live)
        assert code == 1
        assert "failed its smoke test" in printed
        assert traffic(azure.cloud) == {"blue": 100}
    print(f"{len(writes)} requests of a deployment that fails were followed by a kill")
