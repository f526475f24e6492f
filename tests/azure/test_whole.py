"""A generated project, whole: its pipeline runs in the workspace, its model is registered, deployed and answers."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from azure.ai.ml import load_job, load_online_deployment, load_online_endpoint
from emulator.containers import InferenceServer
from emulator.history import ENDED
from emulator.runner import LocalRunner

pytestmark = pytest.mark.slow
SOURCES = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def serving_python():
    """The Python of the project's own serving environment; `SERVING_PYTHON` names one that is there already."""
    if given := os.environ.get("SERVING_PYTHON"):
        return given
    if not shutil.which("uv"):
        pytest.skip("uv is not installed: it makes the serving environment")
    folder = SOURCES / "build" / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SOURCES / "{{cookiecutter.project_slug}}" / "scoring" / "pyproject.toml", folder)
    environment = {key: text for key, text in os.environ.items() if key != "VIRTUAL_ENV"}
    subprocess.run(["uv", "sync", "--quiet", "--project", str(folder)], env=environment, check=True, timeout=600)
    return str(folder / ".venv" / "bin" / "python")


def test_from_pipeline_to_answers(azure, client, baked, serving_python, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(baked("the defaults").root, root)
    sample = [sys.executable, "-m", "science.sample", "diabetes", str(root / "data" / "raw" / "diabetes.csv")]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    subprocess.run(sample, cwd=root, env=environment, check=True, timeout=60)
    azure.cloud.runner, azure.cloud.server = LocalRunner(), InferenceServer(serving_python)

    job = client.jobs.create_or_update(load_job(root / "pipelines" / "train.yml"))
    end = time.monotonic() + 180
    while azure.cloud.runs[job.name].status not in ENDED and time.monotonic() < end:
        time.sleep(0.2)
    assert azure.cloud.runs[job.name].status == "Completed", azure.cloud.runs[job.name].error[-900:]
    steps = {step.display_name: step.name for step in client.jobs.list(parent_job_name=job.name)}
    assert set(steps) == {"prepare", "train", "evaluate", "register"}
    client.jobs.download(steps["register"], output_name="registration", download_path=tmp_path)
    outcome = json.loads(next(tmp_path.rglob("outcome.json")).read_text(encoding="utf-8"))
    assert outcome["outcome"] == "registered", outcome["reason"]
    registered = client.models.get(outcome["model"], version=str(outcome["version"]))
    assert registered.tags["tdsp.job"] == job.name
    assert azure.cloud.tracking.metrics(steps["train"])

    changes = [{"name": "trained-ep"}, {"auth_mode": "key"}]
    client.online_endpoints.begin_create_or_update(
        load_online_endpoint(root / "scoring" / "endpoint.yml", params_override=changes)
    ).result()
    changes = [{"endpoint_name": "trained-ep"}, {"model": f"azureml:{outcome['model']}:{outcome['version']}"}]
    client.online_deployments.begin_create_or_update(
        load_online_deployment(root / "scoring" / "deployment.yml", params_override=changes)
    ).result()

    url = client.online_endpoints.get("trained-ep").scoring_uri
    key = client.online_endpoints.get_keys("trained-ep").primary_key
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": "blue"}
    request = json.loads((root / "scoring" / "sample-request.json").read_text(encoding="utf-8"))
    answer = requests.post(url, json=request, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == len(request["data"])
    refused = requests.post(url, json={"data": [{}]}, headers=headers, timeout=30)
    assert (refused.status_code, refused.headers["ms-azureml-model-error-statuscode"]) == (424, "400")
    assert "serving" in client.online_deployments.get_logs("blue", "trained-ep", lines=200)
