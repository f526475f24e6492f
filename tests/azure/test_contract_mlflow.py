"""The real MLflow client, through azureml-mlflow, tracks in the workspace; it cannot log models there."""

import pytest

URI = (
    "azureml://westeurope.api.azureml.ms/mlflow/v1.0/subscriptions/0a0a0a0a-0000-4000-8000-000000000001"
    "/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
)


@pytest.fixture
def mlflow(azure):
    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(URI)
    yield mlflow
    mlflow.set_tracking_uri(before)


def test_the_workspace_names_its_tracking_server(client):
    assert client.workspaces.get("ws").mlflow_tracking_uri == URI.replace("/v1.0/", "/v2.0/")  # the SDK raises it


def test_parameters_metrics_and_tags_are_kept(azure, mlflow):
    mlflow.set_experiment("contract")
    with mlflow.start_run() as run:
        mlflow.log_param("depth", 3)
        mlflow.log_metrics({"mae": 4.5, "r2": 0.5})
        mlflow.set_tag("who", "ada")
    found = mlflow.get_run(run.info.run_id)
    assert found.data.params == {"depth": "3"}
    assert azure.cloud.tracking.metrics(run.info.run_id) == {"mae": 4.5, "r2": 0.5}
    assert found.data.tags["who"] == "ada"


def test_a_model_cannot_be_logged(azure, mlflow):
    import numpy as np
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(np.ones((2, 1)), [1, 2])
    mlflow.set_experiment("contract")
    with mlflow.start_run(), pytest.raises(Exception, match=r"logged-models|404"):
        mlflow.sklearn.log_model(model, name="model", serialization_format="skops")
    assert any("/logged-models" in call.path and call.status == 404 for call in azure.calls)
