"""The real client finds its workspace, or is told why not."""

import pytest
import requests
from azure.ai.ml.entities import AmlCompute
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from emulator.directory import Principal


def test_a_workspace_is_found_and_listed(client, azure):
    assert client.workspaces.get("ws").location == azure.cloud.region
    assert [item.name for item in client.workspaces.list()] == ["ws"]


def test_pages_are_followed_to_the_last(client, azure):
    for number in range(5):
        azure.workspace(name=f"other{number}", account=f"store{number}")
    azure.cloud.page_size = 2
    assert len(list(client.workspaces.list(scope="subscription"))) == 6
    assert sum(call.path.endswith("/workspaces") for call in azure.calls) == 3


def test_the_default_datastore_is_the_blob_store(client):
    assert client.datastores.get_default().name == "workspaceblobstore"


def test_another_workspace_is_not_found(client):
    with pytest.raises(ResourceNotFoundError, match="workspaces/other' under resource group 'rg'"):
        client.workspaces.get("other")


def test_who_is_signed_out_is_told_to_sign_in(azure, client):
    azure.sign_out()
    with pytest.raises(ClientAuthenticationError, match="az login"):
        client.workspaces.get("ws")


def test_who_has_no_role_is_told_which_one_lacks(azure, client):
    guest = azure.cloud.directory.add(Principal("eve@example.com"))
    azure.sign_in(guest)
    with pytest.raises(HttpResponseError) as caught:
        client.workspaces.get("ws")
    assert caught.value.status_code == 403
    assert "eve@example.com" in caught.value.message
    assert "Microsoft.MachineLearningServices/workspaces/read" in caught.value.message
    assert "AzureML Data Scientist" in caught.value.error.details[0].message


def test_a_role_at_the_group_is_enough_for_what_is_in_it(azure, client):
    guest = azure.cloud.directory.add(Principal("eve@example.com"))
    azure.cloud.access.grant(guest, "Reader", f"/subscriptions/{azure.cloud.subscription}/resourceGroups/rg")
    azure.sign_in(guest)
    assert client.workspaces.get("ws").name == "ws"
    with pytest.raises(HttpResponseError, match=r"workspaces/computes/write"):
        client.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS2_v2")).result()


def test_a_cluster_is_made_and_deleted(client):
    made = client.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS2_v2", max_instances=2))
    assert made.result().provisioning_state == "Succeeded"
    client.compute.begin_delete("cpu").result()
    assert list(client.compute.list()) == []


def test_an_expired_token_is_refused(azure):
    token = azure.cloud.directory.token(azure.cloud.user, "https://management.azure.com", lifetime=-1)
    url = f"https://management.azure.com/subscriptions/{azure.cloud.subscription}?api-version=2022-12-01"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 401
    assert "expiry" in answer.json()["error"]["message"]


def test_a_token_for_another_service_is_refused(azure):
    token = azure.cloud.directory.token(azure.cloud.user, "https://graph.microsoft.com")
    url = f"https://management.azure.com/subscriptions/{azure.cloud.subscription}?api-version=2022-12-01"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 401
    assert "audience" in answer.json()["error"]["message"]
