"""`tdsp deploy`, `rollback` and `status` against the emulated service, with the real SDK."""

from __future__ import annotations

import bench
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential
from bench import deploy, endpoint, slots, traffic
from tdsp.azure import client


def test_the_first_version_is_tested_then_gets_everything(azure, first):
    assert traffic(azure) == {"blue": 100}
    assert slots(azure) == {"blue": "1"}


def test_a_second_version_passes_every_step_and_the_first_is_kept(azure, second):
    result = deploy()
    assert result.exit_code == 0, result.output
    assert traffic(azure) == {"green": 100}
    assert slots(azure) == {"blue": "1", "green": "2"}
    name = endpoint(azure)["name"]
    bodies = [call.body for call in azure.calls if call.method == "PUT" and call.path.endswith(name)]
    sent = [body["properties"] for body in bodies]
    shares = [properties["traffic"] for properties in sent if properties.get("traffic")]
    assert [share.get("green", 0) for share in shares] == [0, 0, 10, 50, 100, 100]
    assert [body["tags"].get("tdsp.live") for body in bodies][-2:] == ["blue", "green"], "live before the last guard"
    assert "tdsp.trial" not in endpoint(azure)["tags"]
    assert "mirror 10 %" in result.output


def test_a_proof_of_identity_that_ends_while_the_slot_is_built_stops_nothing(azure, second, monkeypatch):
    """A workflow's sign-in can be renewed for minutes only; building a slot takes longer."""
    known = DefaultAzureCredential.get_token

    def get_token(self, *scopes, **options):
        if any(call.method == "PUT" and call.path.endswith("/deployments/green") for call in azure.calls):
            raise ClientAuthenticationError("AADSTS700024: the client assertion is not within its valid time range")
        return known(self, *scopes, **options)

    monkeypatch.setattr(DefaultAzureCredential, "get_token", get_token)
    client.credential.cache_clear()
    result = deploy()
    assert result.exit_code == 0, result.output
    assert traffic(azure) == {"green": 100}


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
