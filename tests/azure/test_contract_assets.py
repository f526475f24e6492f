"""The real client registers data, environments, models and components; versions stay as they are."""

import pytest
from azure.ai.ml import load_component, load_environment
from azure.ai.ml.entities import Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"


def uploads(azure):
    return [call for call in azure.calls if call.method == "PUT" and "blob.core" in call.host]


@pytest.mark.parametrize("credentials", ["sas", "key", "identity"])
def test_a_data_file_is_uploaded_however_the_store_signs_in(azure, client, sample, credentials):
    workspace = azure.workspace(credentials=credentials)
    azure.cloud.access.grant(azure.cloud.user, "Storage Blob Data Contributor", workspace.split("/providers/")[0])
    data = client.data.create_or_update(
        Data(name="numbers", version="1", type="uri_file", path=str(sample / "numbers.csv"))
    )
    assert client.data.get("numbers", version="1").path == data.path
    assert azure.cloud.blobs.container("emulatedstore", "azureml-blobstore")[data.path.split("/paths/")[1]]


def test_an_owner_without_a_data_role_cannot_upload_by_identity(azure, client, sample):
    azure.workspace(credentials="identity")
    with pytest.raises(Exception, match="Storage Blob Data Contributor"):
        client.data.create_or_update(Data(name="numbers", type="uri_file", path=str(sample / "numbers.csv")))


def test_the_same_file_is_uploaded_once(azure, client, sample):
    for name in ("one", "two"):
        client.data.create_or_update(Data(name=name, version="1", type="uri_file", path=str(sample / "numbers.csv")))
        uploaded = len(uploads(azure))
    assert uploaded == len(uploads(azure)) > 0
    assert client.data.get("one", version="1").path == client.data.get("two", version="1").path


def test_a_version_of_data_does_not_change(client, sample):
    client.data.create_or_update(Data(name="numbers", version="1", type="uri_file", path=str(sample / "numbers.csv")))
    with pytest.raises(Exception, match=r"already exists|immutable|exists with other content"):
        client.data.create_or_update(Data(name="numbers", version="1", type="uri_file", path=str(sample / "conda.yml")))


def test_registering_the_same_again_changes_nothing(client, sample):
    for _ in range(2):
        client.models.create_or_update(
            Model(name="numbers", version="1", type="custom_model", path=str(sample / "model"))
        )
    assert [item.version for item in client.models.list(name="numbers")] == ["1"]


def test_a_changed_environment_gets_the_next_version(client, sample):
    assert client.environments.create_or_update(load_environment(sample / "environment.yml")).version == "1"
    assert client.environments.create_or_update(Environment(name="steps", image=IMAGE)).version == "2"
    assert client.environments.get("steps", label="latest").version == "2"


def test_the_latest_model_is_the_newest(client, sample):
    for version in ("1", "2"):
        client.models.create_or_update(
            Model(name="numbers", version=version, type="custom_model", path=str(sample / "model"))
        )
    assert client.models.get("numbers", label="latest").version == "2"
    assert [item.version for item in client.models.list(name="numbers")] == ["2", "1"]


def test_tags_and_properties_of_a_model_come_back(client, sample):
    model = Model(name="numbers", version="1", type="custom_model", path=str(sample / "model"))
    model.tags, model.properties = {"tdsp.commit": "abc"}, {"kind": "test"}
    client.models.create_or_update(model)
    found = client.models.get("numbers", version="1")
    assert found.tags == {"tdsp.commit": "abc"}
    found.tags["stage"] = "champion"
    client.models.create_or_update(found)
    assert client.models.get("numbers", version="1").tags["stage"] == "champion"


def test_an_archived_model_is_hidden(client, sample):
    client.models.create_or_update(Model(name="numbers", version="1", type="custom_model", path=str(sample / "model")))
    client.models.archive("numbers", version="1")
    assert list(client.models.list(name="numbers")) == []


def test_what_is_not_there_is_not_found(client):
    with pytest.raises(ResourceNotFoundError):
        client.models.get("nothing", version="1")
    with pytest.raises(ResourceNotFoundError):
        client.data.get("nothing", version="1")


def test_a_bad_name_is_refused(client):
    with pytest.raises(HttpResponseError, match="letters, digits"):
        client.environments.create_or_update(Environment(name="no spaces", version="1", image=IMAGE))


def test_a_component_comes_back_as_it_was_sent(client, sample):
    made = client.components.create_or_update(load_component(sample / "components" / "sum.yml"))
    found = client.components.get("sum", version=made.version)
    assert found.command == made.command
    assert set(found.inputs) == {"clean", "factor", "note"}
    assert found.inputs["factor"]["max"] == 10


def test_a_command_that_names_an_undeclared_input_is_refused(azure, client, sample, resend):
    component = load_component(sample / "components" / "sum.yml")
    client.components.create_or_update(component)
    last = next(call for call in reversed(azure.calls) if "/components/" in call.path and call.method == "PUT")
    spec = last.body["properties"]["componentSpec"]
    spec["command"] += " ${{inputs.wrong}}"
    spec["name"] = "wrong"
    answer = resend(last, last.path.replace("/sum/", "/wrong/"))
    assert answer.status_code == 400
    assert "inputs.wrong is not declared" in answer.text
