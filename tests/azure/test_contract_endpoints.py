"""The real client deploys, shares traffic, calls, reads logs and deletes."""

import collections
import json

import pytest
import requests
from azure.ai.ml import load_environment, load_online_deployment, load_online_endpoint
from azure.ai.ml.entities import Model
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential

NAME = "numbers-ep"


@pytest.fixture
def ready(client, sample):
    """A workspace with what a deployment needs, and an endpoint."""
    client.environments.create_or_update(load_environment(sample / "environment.yml"))
    client.models.create_or_update(Model(name="numbers", version="1", type="custom_model", path=str(sample / "model")))
    client.online_endpoints.begin_create_or_update(load_online_endpoint(sample / "endpoint.yml")).result()
    return client


@pytest.fixture
def deploy(ready, sample):
    """Deploy under a name."""

    def deploy(name="blue", **changes):
        deployment = load_online_deployment(sample / "deployment.yml", params_override=[{"name": name, **changes}])
        return ready.online_deployments.begin_create_or_update(deployment).result()

    return deploy


def share(client, **traffic):
    endpoint = client.online_endpoints.get(NAME)
    endpoint.traffic = traffic
    return live(client.online_endpoints.begin_create_or_update(endpoint).result())


def live(endpoint):
    """Return who has traffic; the SDK writes a zero for everybody else."""
    return {name: part for name, part in endpoint.traffic.items() if part}


def mirror(client, **traffic):
    endpoint = client.online_endpoints.get(NAME)
    endpoint.mirror_traffic = traffic
    return client.online_endpoints.begin_create_or_update(endpoint).result().mirror_traffic


def test_a_deployment_is_made_and_gets_traffic(ready, deploy):
    assert deploy().provisioning_state == "Succeeded"
    assert share(ready, blue=100) == {"blue": 100}
    assert ready.online_endpoints.get(NAME).scoring_uri == f"https://{NAME}.westeurope.inference.ml.azure.com/score"


@pytest.mark.parametrize(
    ("traffic", "reason"),
    [
        ({"blue": 60, "green": 30}, "must be 0 or 100, not 90"),
        ({"blue": 90, "red": 10}, "'red', which does not exist"),
        ({"blue": 150, "green": -50}, "from 0 to 100"),
    ],
)
def test_bad_traffic_is_refused_and_leaves_the_old(ready, deploy, traffic, reason):
    deploy("blue")
    deploy("green")
    share(ready, blue=100)
    with pytest.raises(HttpResponseError, match=reason):
        share(ready, **traffic)
    assert live(ready.online_endpoints.get(NAME)) == {"blue": 100}


def test_mirror_traffic_is_at_most_half_and_not_for_a_live_slot(ready, deploy):
    deploy("blue")
    deploy("green")
    share(ready, blue=100)
    assert mirror(ready, green=50) == {"green": 50}
    with pytest.raises(HttpResponseError, match="at most 50"):
        mirror(ready, green=60)
    with pytest.raises(HttpResponseError, match="live and mirror"):
        mirror(ready, blue=10)


def test_requests_follow_header_key_and_traffic(ready, deploy, tmp_path):
    deploy("blue")
    deploy("green")
    share(ready, blue=50, green=50)
    url, key = ready.online_endpoints.get(NAME).scoring_uri, ready.online_endpoints.get_keys(NAME).primary_key
    seen = collections.Counter()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        for _ in range(40):
            seen[session.post(url, json={"number": 1}, timeout=5).headers["azureml-model-deployment"]] += 1
        only = {"azureml-model-deployment": "green"}
        assert session.post(url, json={}, headers=only, timeout=5).json()["deployment"] == "green"
    assert set(seen) == {"blue", "green"}
    assert requests.post(url, json={}, headers={"Authorization": "Bearer wrong"}, timeout=5).status_code == 401
    body = tmp_path / "request.json"
    body.write_text(json.dumps({"number": 2}))
    answer = ready.online_endpoints.invoke(NAME, request_file=str(body), deployment_name="blue")
    assert json.loads(answer) == {"deployment": "blue", "echo": {"number": 2}}


def test_identity_authentication_wants_a_role_and_has_no_keys(azure, client, sample):
    from emulator.directory import Principal

    change = [{"auth_mode": "aad_token"}]
    client.online_endpoints.begin_create_or_update(
        load_online_endpoint(sample / "endpoint.yml", params_override=change)
    ).result()
    url = client.online_endpoints.get(NAME).scoring_uri
    token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
    assert requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5).status_code == 404
    guest = azure.cloud.directory.add(Principal("eve@example.com"))
    token = azure.cloud.directory.token(guest, "https://ml.azure.com")
    answer = requests.post(url, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 403
    assert "onlineEndpoints/score/action" in answer.text


def test_a_deployment_that_fails_says_why_and_stays_failed(azure, ready, deploy):
    azure.cloud.broken_deployments["blue"] = "User container has crashed or terminated: no module named x"
    with pytest.raises(HttpResponseError, match="no module named x"):
        deploy()
    assert ready.online_deployments.get("blue", NAME).provisioning_state == "Failed"
    with pytest.raises(HttpResponseError, match="not in state Succeeded"):
        share(ready, blue=100)
    azure.cloud.broken_deployments.clear()
    assert deploy().provisioning_state == "Succeeded"


def test_a_deployment_beyond_the_quota_fails_with_the_numbers(azure, deploy):
    azure.cloud.quota.limits["standardDSv2Family"] = 3
    assert deploy("blue").provisioning_state == "Succeeded"
    with pytest.raises(HttpResponseError, match=r"Current usage/limit: 2/3. Additional needed: 2"):
        deploy("green")


def test_a_stuck_deployment_stays_in_creation_and_refuses_a_second(azure, ready, sample):
    azure.cloud.slow["*/deployments/blue"] = -1
    deployment = load_online_deployment(sample / "deployment.yml")
    ready.online_deployments.begin_create_or_update(deployment)
    assert ready.online_deployments.get("blue", NAME).provisioning_state == "Creating"
    with pytest.raises(HttpResponseError, match="wait for the operation"):
        ready.online_deployments.begin_create_or_update(deployment).result()


def test_a_slot_with_traffic_is_not_deleted(ready, deploy):
    deploy()
    share(ready, blue=100)
    with pytest.raises(HttpResponseError, match="live traffic"):
        ready.online_deployments.begin_delete("blue", NAME).result()
    share(ready, blue=0)
    ready.online_deployments.begin_delete("blue", NAME).result()
    assert list(ready.online_deployments.list(NAME)) == []
    assert ready.online_endpoints.get(NAME).traffic == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": "azureml:numbers:7"}, "models/numbers/versions/7 does not exist"),
        ({"instance_type": "Standard_Huge"}, "not supported in this region"),
        ({"instance_count": 0}, "at least 1"),
        ({"request_settings": {"request_timeout_ms": 200000}}, "at most 180 seconds"),
    ],
)
def test_the_service_refuses_a_deployment(deploy, change, reason):
    with pytest.raises(HttpResponseError, match=reason):
        deploy(**{"name": "blue", **change})


def test_a_taken_or_bad_endpoint_name_is_refused(azure, client, sample):
    azure.cloud.taken_endpoints.add(NAME)
    with pytest.raises(HttpResponseError, match="already exists an endpoint"):
        client.online_endpoints.begin_create_or_update(load_online_endpoint(sample / "endpoint.yml")).result()
    for name in ("2fast", "a" * 33):
        with pytest.raises(Exception, match=r"3 to 32|name"):
            client.online_endpoints.begin_create_or_update(
                load_online_endpoint(sample / "endpoint.yml", params_override=[{"name": name}])
            ).result()


def test_an_endpoint_is_deleted_with_its_slots(azure, ready, deploy):
    deploy()
    ready.online_endpoints.begin_delete(NAME).result()
    assert list(ready.online_endpoints.list()) == []
    assert not azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments")


def test_data_collection_and_autoscale_settings_are_taken(azure, deploy):
    collector = {"collections": {"model_inputs": {"enabled": "True"}, "model_outputs": {"enabled": "True"}}}
    deploy(data_collector=collector)
    assert {item["name"] for item in azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/data")}
