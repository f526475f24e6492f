"""What `tdsp deploy` does when something is wrong: the version, the guards, the endpoint, the quota, the service."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import signal
import time
from datetime import UTC, datetime, timedelta

import bench
import pytest
from bench import deploy, endpoint, slots, traffic
from emulator.wire import Response
from tdsp import automation
from tdsp.azure import deploy as rollout
from tdsp.azure import probe
from tdsp.azure import slots as facts


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits half an hour for what is stuck."""
    monkeypatch.setattr(facts, "settled", functools.partial(facts.settled, patience=0.1))
    monkeypatch.setattr(rollout, "PATIENCE", 0.5)
    settled = facts.settled
    monkeypatch.setattr(facts, "settled", lambda *words, **options: settled(*words, **{**options, "pause": 0.05}))


def shares(wanted):
    def fits(request):
        if request.method != "PUT" or "/onlineendpoints/" not in request.path.lower():
            return False
        return (request.json["properties"].get("traffic") or {}).get("green") == wanted

    return fits


def mirrors(request):
    return (
        request.method == "PUT"
        and "/onlineendpoints/" in request.path.lower()
        and request.json["properties"].get("mirrorTraffic")
    )


def test_without_a_champion_or_with_an_unknown_version_nothing_is_made(azure, client, project, server, tmp_path):
    refused = deploy()
    assert refused.exit_code == 2
    assert "no champion among the versions of model demo: run `tdsp submit --env dev --wait` first" in refused.stderr
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    unknown = deploy("--version", "9")
    assert unknown.exit_code == 2
    assert "has no version 9 of model demo" in unknown.stderr
    assert slots(azure) == {}
    assert not [call for call in azure.calls if call.method == "PUT" and "/onlineEndpoints/" in call.path]
    for command in ("rollback", "status"):
        assert "Traceback" not in bench.tdsp(command).output
    assert "nothing is deployed in ws" in bench.tdsp("rollback").stderr


EACH_SHARE_WITH_EACH_FAULT = [
    pytest.param(share, fault, marks=[] if number % 4 == 0 else pytest.mark.nightly)  # each of both once a day
    for number, (share, fault) in enumerate(itertools.product([10, 50, 100], ["broken", "wrong", "slow"]))
]


@pytest.mark.parametrize(("share", "fault"), EACH_SHARE_WITH_EACH_FAULT)
def test_a_guard_that_fails_at_a_step_gives_everything_back(azure, second, server, share, fault):
    server.from_share = share
    if fault == "slow":
        server.slow["green"] = 0.8  # far above the limit, which is far above what a busy machine takes
    else:
        getattr(server, fault).add("green")
    result = deploy("--requests", "2", "--max-latency", "400")
    assert result.exit_code == 1
    assert f"slot green at {share} %" in result.stderr
    assert "v1 in blue still has all traffic" in result.stderr
    assert "blue: back to 100 %" in result.output
    assert "log of green" in result.output
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}
    assert not endpoint(azure)["properties"]["mirrorTraffic"]
    assert bench.tdsp("rollback").exit_code == 1, "the failed version counts as a former one"


def test_a_slot_that_fails_only_those_who_reach_it_by_its_share_is_found(azure, second, server):
    server.unnamed.add("green")
    result = deploy("--requests", "3")
    assert result.exit_code == 1
    assert "without the deployment header: status 424" in result.stderr
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}


def test_an_endpoint_that_cannot_mirror_gets_its_version_all_the_same(azure, second):
    refusal = {"error": {"code": "BadArgument", "message": "Mirror traffic is not supported for this endpoint."}}
    azure.fail(mirrors, Response(400, refusal))
    result = deploy("--requests", "2")
    assert result.exit_code == 0, result.output + result.stderr
    assert "no mirroring here" in result.output
    assert "not supported for this endpoint" in result.output
    assert traffic(azure) == {"green": 100}


@pytest.mark.parametrize("fits", [shares(10), mirrors], ids=["10 %", "mirror"])
def test_a_change_whose_end_is_not_seen_is_waited_for_and_taken_back(azure, second, fits, monkeypatch):
    monkeypatch.setattr(facts, "settled", functools.partial(facts.settled, pause=0.05))

    def accepted(_request):
        azure.fail("GET */mfeoperationsstatus/*", "403")  # the service goes on with it, nobody can see how far it is

    azure.fail(fits, accepted)
    result = deploy("--requests", "2")
    azure.cloud.operations.release()
    azure.cloud.operations.watch(endpoint(azure)["id"])
    assert result.exit_code == 1
    assert "v1 in blue still has all traffic" in result.stderr
    assert "going back failed" not in result.stderr
    assert traffic(azure) == {"blue": 100}
    assert not endpoint(azure)["properties"]["mirrorTraffic"]
    assert slots(azure) == {"blue": "1"}


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_failure_that_has_nothing_to_do_with_mirroring_ends_the_rollout(azure, second, status):
    azure.fail(mirrors, Response(status, {"error": {"code": "Denied", "message": "A policy denies this."}}), count=6)
    result = deploy("--requests", "2")
    assert result.exit_code == 1
    assert "A policy denies this" in result.stderr
    assert "no mirroring here" not in result.output
    assert traffic(azure) == {"blue": 100}


@pytest.mark.parametrize("share", [10, 50])
@pytest.mark.parametrize("fault", ["mistake", "cancelled"])
def test_whatever_ends_the_command_gives_the_traffic_back(azure, second, monkeypatch, share, fault):
    def measure(*_, **_options):
        if traffic(azure).get("green") != share:
            return probe.Measured(1, (), 1.0)
        if fault == "cancelled":  # as a CI system ends a job
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(probe.Caller, "measure", measure)
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with contextlib.suppress(ZeroDivisionError):
            assert deploy().exit_code == 130
    finally:
        signal.signal(signal.SIGTERM, before)
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1", "green": "2"}


class KilledError(BaseException):
    pass


def killed_at(share, monkeypatch, azure, by=None):
    """Begin a rollout of version 2, as somebody, and kill it while green has a share of the requests."""

    def killed(*_words, **_options):
        raise KilledError

    with monkeypatch.context() as patch:
        if by:
            patch.setattr(automation, "who", lambda _root: by)
        patch.setattr(rollout.Rollout, "_give_up", killed)  # nothing runs after a kill
        patch.setattr(probe, "judge", lambda *_: killed() if traffic(azure).get("green") == share else "")
        with pytest.raises(KilledError):
            deploy("--requests", "2")


@pytest.mark.parametrize("goal", ["deploy", "rollback"])
def test_a_kill_before_the_last_guard_leaves_a_trial_that_is_repeated(azure, second, server, monkeypatch, goal):
    killed_at(100, monkeypatch, azure)
    assert traffic(azure) == {"green": 100}
    server.from_share = 100
    server.broken.add("green")
    if goal == "rollback":
        assert "rollout stopped: v1 in blue has all traffic" in bench.tdsp("rollback").output
    else:
        assert "an interrupted rollout" in deploy("--dry-run").output
        result = deploy("--requests", "2")
        assert result.exit_code == 1
        assert "slot green at 100 %" in result.stderr
    assert traffic(azure) == {"blue": 100}
    assert "tdsp.trial" not in endpoint(azure)["tags"]


def test_nobody_takes_over_a_rollout_of_somebody_else_before_its_time(azure, second, monkeypatch):
    killed_at(10, monkeypatch, azure, "Ada on her-laptop")
    for words in ((), ("--dry-run",)):
        refused = deploy("--requests", "2", *words)
        assert refused.exit_code == 1
        assert "Ada on her-laptop tries a new version on" in refused.stderr
        assert traffic(azure) == {"blue": 90, "green": 10}
    endpoint(azure)["tags"]["tdsp.trial_until"] = "2026-01-01T00:00:00+00:00"
    assert deploy("--requests", "2").exit_code == 0
    assert traffic(azure) == {"green": 100}
    assert not [key for key in endpoint(azure)["tags"] if "trial" in key]


def test_a_rollback_frees_what_somebody_else_began(azure, second, monkeypatch):
    killed_at(10, monkeypatch, azure, "Ada on her-laptop")
    assert "rollout stopped: v1 in blue has all traffic" in bench.tdsp("rollback").output
    assert deploy("--requests", "2").exit_code == 0
    assert traffic(azure) == {"green": 100}


@pytest.mark.parametrize("guard", ["passes", "fails"])
def test_a_rollout_whose_traffic_somebody_took_back_ends_there(azure, second, monkeypatch, guard):
    def judge(*_):
        if traffic(azure).get("green") == 10:
            assert bench.tdsp("rollback").exit_code == 0
        return "too many errors" if guard == "fails" else ""

    monkeypatch.setattr(probe, "judge", judge)
    result = deploy("--requests", "2")
    assert result.exit_code == 1
    assert traffic(azure) == {"blue": 100}
    if guard == "passes":
        assert "somebody else changed the traffic" in result.stderr


def test_a_rollout_that_fails_leaves_one_alone_that_somebody_else_began(azure, second, monkeypatch):
    def judge(*_):
        if traffic(azure).get("green") == 50:
            endpoint(azure)["tags"]["tdsp.trial_by"] = "Ada on her-laptop"
            return "too many errors"
        return ""

    monkeypatch.setattr(probe, "judge", judge)
    result = deploy("--requests", "2")
    assert result.exit_code == 1
    assert "Ada on her-laptop has begun a rollout meanwhile" in result.output
    assert traffic(azure) == {"blue": 50, "green": 50}


def test_the_former_slot_is_deleted_after_its_time(azure, second):
    assert deploy("--keep", "2").exit_code == 0
    until = datetime.fromisoformat(endpoint(azure)["tags"]["tdsp.previous_until"])
    assert timedelta(hours=1.9) < until - datetime.now(UTC) < timedelta(hours=2)
    assert deploy().exit_code == 0
    assert slots(azure) == {"blue": "1", "green": "2"}
    endpoint(azure)["tags"]["tdsp.previous_until"] = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    plan = deploy("--dry-run")
    assert "kept long enough" in plan.output
    assert slots(azure) == {"blue": "1", "green": "2"}
    result = deploy()
    assert result.exit_code == 0
    assert "blue: deleted" in result.output
    assert slots(azure) == {"green": "2"}
    refused = bench.tdsp("rollback")
    assert refused.exit_code == 1
    assert "there is none to go back to" in refused.stderr


def test_a_third_version_says_that_it_deletes_the_kept_one(azure, second, client, tmp_path):
    assert deploy("--requests", "2").exit_code == 0
    bench.register(client, bench.model(tmp_path / "m3", 4.0))
    plan = deploy("--dry-run").output
    line = next(line for line in plan.splitlines() if "slot blue" in line and "delete" in line)
    assert "v1" in line
    assert f"kept for rollback until {endpoint(azure)['tags']['tdsp.previous_until']}" in line
    assert "slot blue      free" not in plan
    assert deploy("--requests", "2").exit_code == 0
    assert slots(azure) == {"blue": "3", "green": "2"}


def test_what_a_person_put_on_the_endpoint_stays(azure, second):
    blue = azure.cloud.resources[f"{endpoint(azure)['id']}/deployments/blue"]
    shadow = blue["id"].replace("/blue", "/shadow")
    azure.cloud.resources.put(shadow, {**blue, "tags": {}})
    result = deploy("--requests", "2")
    assert result.exit_code == 0, result.stderr
    assert shadow in azure.cloud.resources
    assert "shadow" not in result.output


def test_a_name_that_somebody_else_has_in_the_region_is_told(azure, client, project, server, tmp_path):
    from tdsp.azure.client import target

    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    azure.cloud.taken_endpoints.add(facts.endpoint_name(target(project, "dev")))
    result = deploy()
    assert result.exit_code == 1
    assert "There already exists an endpoint with name" in result.stderr
    assert "project.slug" in result.stderr


def test_missing_cores_end_the_first_deployment_and_the_next_run_reaches_it(azure, client, project, server, tmp_path):
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    azure.cloud.quota.limits["standardDSv2Family"] = 2
    result = deploy()
    assert result.exit_code == 1
    assert "Current usage/limit: 0/2" in result.stderr
    assert "nothing is live yet" in result.stderr
    assert traffic(azure) == {}
    azure.cloud.quota.limits["standardDSv2Family"] = 100
    assert deploy().exit_code == 0
    assert traffic(azure) == {"blue": 100}


def test_missing_cores_for_a_second_slot_leave_the_live_one_alone(azure, second):
    azure.cloud.quota.limits["standardDSv2Family"] = azure.cloud.quota.used("standardDSv2Family") + 1
    result = deploy()
    assert result.exit_code == 1
    assert "Not enough quota" in result.stderr
    assert "v1 in blue still has all traffic" in result.stderr
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}


def test_a_container_that_never_starts_is_told_with_its_last_words(azure, second, server):
    server.crashing.add("green")
    result = deploy()
    assert result.exit_code == 1
    assert "No module named 'nowhere'" in result.stderr
    assert traffic(azure) == {"blue": 100}


def test_a_deployment_that_is_stuck_is_told_and_finished_later(azure, second, impatient):
    azure.cloud.slow["*deployments/green"] = -1
    for said in ("is not ready after", "is stuck in state Creating"):
        result = deploy()
        assert result.exit_code == 1
        assert said in result.stderr
        assert traffic(azure) == {"blue": 100}
    assert not [call for call in azure.calls if call.method == "DELETE"], "the service goes on with it"
    azure.cloud.slow.clear()
    azure.cloud.operations.release()
    assert deploy().exit_code == 0
    assert traffic(azure) == {"green": 100}
