"""The way back from a version stays until its slot is really needed, and is open whatever else happens there."""

from __future__ import annotations

import functools

import bench
import pytest
import servers
from bench import deploy, endpoint, slots, traffic
from tdsp.azure import deploy as rollout
from tdsp.azure import probe
from tdsp.azure import slots as facts

DEPLOYMENT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
BATCH = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"


@pytest.fixture
def both(azure, second):
    """Version 2 is live in green, version 1 is kept in blue."""
    assert deploy("--requests", "2").exit_code == 0
    return second


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(facts, "settled", functools.partial(facts.settled, patience=0.2, pause=0.05))


def deployment(azure, slot):
    return next(item for item in azure.cloud.resources.of_type(DEPLOYMENT) if item["name"] == slot)


@pytest.mark.usefixtures("both", "impatient")
@pytest.mark.parametrize("state", ["Scaling", pytest.param("Updating", marks=pytest.mark.nightly), "Failed"])
def test_a_rollback_waits_for_no_slot_and_the_bad_version_does_not_come_back_by_itself(azure, state):
    deployment(azure, "green")["properties"]["provisioningState"] = state
    result = bench.tdsp("rollback")
    assert result.exit_code == 0, result.stderr
    assert traffic(azure) == {"blue": 100}
    assert "next: tdsp deploy --version 1 --env dev  (deletes green, which costs)" in result.output
    assert "rolled back already" in bench.tdsp("rollback").output
    deployment(azure, "green")["properties"]["provisioningState"] = "Succeeded"
    refused = deploy()
    assert refused.exit_code == 1
    assert "demo v2 was rolled back" in refused.stderr
    assert deploy("--version", "1").exit_code == 0
    assert slots(azure) == {"blue": "1"}


@pytest.mark.usefixtures("both", "impatient")
def test_a_rollback_waits_for_no_slot_of_somebody_else(azure):
    blue = deployment(azure, "blue")
    changed = {**blue["properties"], "provisioningState": "Updating"}
    azure.cloud.resources.put(blue["id"].replace("/blue", "/shadow"), {**blue, "tags": {}, "properties": changed})
    assert bench.tdsp("rollback").exit_code == 0
    assert traffic(azure) == {"blue": 100}


@pytest.mark.usefixtures("both")
def test_there_is_no_way_back_to_a_slot_that_broke(azure):
    deployment(azure, "blue")["properties"]["provisioningState"] = "Failed"
    refused = bench.tdsp("rollback")
    assert refused.exit_code == 1
    assert "v1 in blue does not run any more" in refused.stderr
    assert traffic(azure) == {"green": 100}


@pytest.mark.usefixtures("both")
def test_a_live_slot_that_is_being_scaled_is_not_built_again(azure):
    deployment(azure, "green")["properties"]["provisioningState"] = "Scaling"
    plan = deploy("--dry-run").output
    assert "it is what would be deployed" in plan
    assert "delete" not in plan


@pytest.mark.parametrize(
    ("file", "right", "wrong", "fault", "said"),
    [
        ("deployment.yml", "instance_count: 1", "instance_count: many", None, "deployment.yml: "),
        ("conda.yml", "skops==0.16.0", "skops==0.15.0", "* *mcr.microsoft.com*", "mcr.microsoft.com"),
    ],
)
def test_what_is_refused_before_a_slot_is_needed_leaves_the_way_back(
    azure, both, client, tmp_path, file, right, wrong, fault, said
):
    bench.register(client, bench.model(tmp_path / "m3", 4.0))
    path = both / "scoring" / file
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    if fault:
        azure.fail(fault, "500", count=20)
    refused = deploy("--requests", "2")
    assert refused.exit_code in (1, 2)
    assert said in refused.stderr
    azure.cloud.faults.clear()
    assert slots(azure) == {"blue": "1", "green": "2"}
    assert endpoint(azure)["tags"]["tdsp.previous"] == "blue"
    assert bench.tdsp("rollback").exit_code == 0
    assert traffic(azure) == {"blue": 100}


def test_a_refused_batch_deployment_leaves_the_way_back(azure, project, client, tmp_path):
    azure.cloud.scorer = servers.BatchScorer()
    for number in (1, 2):
        bench.register(client, bench.model(tmp_path / f"m{number}", float(number)))
        assert bench.tdsp("deploy", "--batch").exit_code == 0
    bench.register(client, bench.model(tmp_path / "m3", 4.0))
    assert "delete, then make demo v3" in bench.tdsp("deploy", "--batch", "--dry-run").output
    azure.fail("PUT */batchEndpoints/demo*", "403", count=5)
    refused = bench.tdsp("deploy", "--batch")
    assert refused.exit_code == 1
    assert "v2 in green is still the default" in refused.stderr
    azure.cloud.faults.clear()
    held = {
        item["name"]: item["tags"]["tdsp.model_version"]
        for item in azure.cloud.resources.of_type(f"{BATCH}/deployments")
    }
    assert held == {"blue": "1", "green": "2"}
    assert bench.tdsp("rollback", "--batch").exit_code == 0


def test_a_mistake_in_the_cluster_is_told_in_one_line(azure, project, client, tmp_path):
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    file = project / "scoring" / "batch-cluster.yml"
    file.write_text(file.read_text().replace("max_instances: 2", "max_instances: two"))
    refused = bench.tdsp("deploy", "--batch", "--dry-run")
    assert refused.exit_code == 2
    assert "batch-cluster.yml: " in refused.stderr


@pytest.mark.usefixtures("both")
def test_answers_are_worked_out_when_they_are_needed_whatever_changed_meanwhile(azure, monkeypatch):
    run = rollout.Rollout.run

    def late(self):
        monkeypatch.setattr(rollout.Rollout, "run", run)
        assert bench.tdsp("rollback").exit_code == 0  # by somebody else, after the plan was shown
        return run(self)

    monkeypatch.setattr(rollout.Rollout, "run", late)
    result = deploy("--requests", "2", "--version", "2")
    assert result.exit_code == 0, result.stderr
    assert "smoke test passed (1 rows" in result.output
    assert traffic(azure) == {"green": 100}


def test_a_slot_that_nothing_is_known_about_is_not_passed(azure):
    with pytest.raises(probe.TdspError, match="there is no request whose answer is known"):
        probe.Caller("https://localhost", []).smoke("green")


def test_the_95th_percentile_is_a_time_that_a_request_took(azure, monkeypatch):
    times = iter([100.0] * 9 + [900.0])
    monkeypatch.setattr(probe.Caller, "ask", lambda *_: ("", next(times)))
    measured = probe.Caller("https://localhost", ["one"]).measure("green", probe.Guards(requests=10, soak=0))
    assert 100 < measured.p95_ms <= 900
