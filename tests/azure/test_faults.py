"""Faults reach the real client as Azure's own would."""

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
)
from azure.identity import DefaultAzureCredential
from emulator.faults import meaning

WORKSPACE = "GET management.azure.com/*/workspaces/ws"


def statuses(azure):
    return [call.status for call in azure.calls if call.path.endswith("/workspaces/ws")]


@pytest.mark.parametrize("answer", ["429", "500", "503"])
def test_what_passes_is_tried_again(azure, client, answer):
    azure.fail(WORKSPACE, answer)
    assert client.workspaces.get("ws").name == "ws"
    assert statuses(azure) == [int(answer), 200]


@pytest.mark.parametrize("answer", ["reset", "lost", "timeout"])
def test_a_broken_connection_is_tried_again(azure, client, answer):
    azure.fail(WORKSPACE, answer)
    assert client.workspaces.get("ws").name == "ws"
    assert statuses(azure)[-1] == 200


def test_what_does_not_pass_is_told_at_once(azure, client):
    azure.fail(WORKSPACE, "403")
    with pytest.raises(HttpResponseError, match="injected") as caught:
        client.workspaces.get("ws")
    assert caught.value.status_code == 403
    azure.fail(WORKSPACE, 401)
    with pytest.raises(ClientAuthenticationError):
        client.workspaces.get("ws")


def test_a_lost_answer_leaves_its_request_done(azure, client):
    azure.fail("PUT *computes/cpu", "lost")
    with pytest.raises(ResourceExistsError, match="wait for the operation"):
        client.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS2_v2"))
    assert client.compute.get("cpu").size == "Standard_DS2_v2"


def test_a_reset_request_is_not_done(azure):
    client = MLClient(DefaultAzureCredential(), azure.cloud.subscription, "rg", "ws", retry_total=0)
    fault = azure.fail("PUT *computes/cpu", "reset")
    with pytest.raises(ServiceRequestError):  # behind a proxy, urllib3 takes it for the proxy's fault
        client.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS2_v2"))
    assert fault.hits == 1
    assert list(client.compute.list()) == []


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="'404' is no fault"):
        meaning("404")
