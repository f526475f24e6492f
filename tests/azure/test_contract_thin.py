import json
from pathlib import Path

from azure.ai.ml import load_environment, load_job, load_online_deployment, load_online_endpoint
from azure.ai.ml.entities import Data, Model
from emulator.runner import LocalRunner

P = Path(__file__).parent / "project"


def test_thin(azure, client, tmp_path):
    azure.cloud.runner = LocalRunner()
    assert client.workspaces.get("ws").name == "ws"
    client.environments.create_or_update(load_environment(P / "environment.yml"))
    client.data.create_or_update(
        Data(name="numbers", version="1", type="uri_file", path=str(P / "numbers.csv"))
    )
    client.models.create_or_update(
        Model(name="numbers", version="1", type="custom_model", path=str(P / "model"))
    )
    job = client.jobs.create_or_update(load_job(P / "pipeline.yml"))
    client.jobs.stream(job.name)
    assert client.jobs.get(job.name).status == "Completed"
    client.jobs.download(job.name, output_name="report", download_path=tmp_path / "got")
    assert json.loads(next((tmp_path / "got").rglob("report.json")).read_text()) == {"total": 18.0}
    client.online_endpoints.begin_create_or_update(load_online_endpoint(P / "endpoint.yml")).result()
    client.online_deployments.begin_create_or_update(load_online_deployment(P / "deployment.yml")).result()
    ep = client.online_endpoints.get("numbers-ep")
    ep.traffic = {"blue": 100}
    assert client.online_endpoints.begin_create_or_update(ep).result().traffic == {"blue": 100}
    f = tmp_path / "r.json"
    f.write_text('{"number": 2}')
    print(client.online_endpoints.invoke("numbers-ep", request_file=str(f)))
    for c in azure.calls:
        print(c)
