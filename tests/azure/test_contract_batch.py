"""The real client scores whole tables through a batch endpoint."""

import pytest
from azure.ai.ml import Input, load_environment
from azure.ai.ml.constants._endpoint import EndpointInvokeFields
from azure.ai.ml.entities import AmlCompute, BatchEndpoint, CodeConfiguration, Model, ModelBatchDeployment
from azure.core.exceptions import HttpResponseError

NAME = "numbers-batch"


@pytest.fixture(autouse=True)
def fresh_headers(monkeypatch):
    """The SDK keeps the headers of one call, with the deployment's name, for all later ones of the process."""
    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", {"Content-Type": "application/json"})


@pytest.fixture
def deployment(client, sample):
    """A workspace with an endpoint, and the deployment for it."""
    client.environments.create_or_update(load_environment(sample / "environment.yml"))
    client.models.create_or_update(Model(name="numbers", version="1", type="custom_model", path=str(sample / "model")))
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name=NAME)).result()
    return ModelBatchDeployment(
        name="first",
        endpoint_name=NAME,
        model="azureml:numbers:1",
        environment="azureml:steps:1",
        code_configuration=CodeConfiguration(code=str(sample / "scoring"), scoring_script="score.py"),
        compute="cpu",
    )


def test_an_invocation_makes_a_job_on_the_default_slot(client, deployment, sample):
    client.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS2_v2")).result()
    client.batch_deployments.begin_create_or_update(deployment).result()
    endpoint = client.batch_endpoints.get(NAME)
    endpoint.defaults.deployment_name = "first"
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    job = client.batch_endpoints.invoke(NAME, input=Input(type="uri_folder", path=str(sample / "model")))
    assert client.jobs.get(job.name).status == "Completed"
    assert client.jobs.get(job.name).experiment_name == NAME
    client.batch_endpoints.begin_delete(NAME).result()
    assert list(client.batch_endpoints.list()) == []


def test_a_cluster_that_does_not_exist_is_refused(client, deployment):
    with pytest.raises(HttpResponseError, match="compute 'cpu' does not exist"):
        client.batch_deployments.begin_create_or_update(deployment).result()
