"""Azure ML's own reader takes the YAML of endpoints, deployments and the cluster, and refuses a broken twin of each."""

import shutil
from pathlib import Path

import pytest
import yaml
from azure.ai.ml import load_batch_endpoint, load_compute, load_job, load_online_deployment, load_online_endpoint
from azure.ai.ml._utils._asset_utils import get_ignore_file
from azure.ai.ml.entities._load_functions import load_model_batch_deployment
from azure.ai.ml.exceptions import ValidationException
from marshmallow.exceptions import ValidationError

TEMPLATE = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
SCORING = TEMPLATE / "scoring"
LOADERS = {
    "endpoint.yml": load_online_endpoint,
    "deployment.yml": load_online_deployment,
    "batch-endpoint.yml": load_batch_endpoint,
    "batch-deployment.yml": load_model_batch_deployment,
    "batch-cluster.yml": load_compute,
}
BROKEN = {
    "endpoint.yml": {"auth_mode": "password"},
    "deployment.yml": {"instances": 1},
    "batch-endpoint.yml": {"traffic": {"blue": 100}},
    "batch-deployment.yml": {"settings": {"mini_batch_size": "many"}},
    "batch-cluster.yml": {"min_instances": "none"},
}


def test_every_definition_is_read_and_has_a_broken_twin():
    others = {"autoscale.yml", "conda.yml", "batch-conda.yml"}  # not Azure ML's own
    assert {file.name for file in SCORING.glob("*.yml")} - others == set(LOADERS) == set(BROKEN)


@pytest.mark.parametrize("name", LOADERS)
def test_the_reader_takes_it_and_refuses_its_broken_twin(name, tmp_path):
    folder = Path(shutil.copytree(SCORING, tmp_path / "scoring"))
    assert LOADERS[name](folder / name).name
    content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(yaml.safe_dump(content | BROKEN[name]), encoding="utf-8")
    with pytest.raises((ValidationError, ValidationException)):
        LOADERS[name](folder / name)


@pytest.mark.parametrize("name", ["endpoint.yml", "batch-endpoint.yml"])
def test_endpoints_take_identities_not_keys(name):
    assert LOADERS[name](SCORING / name).auth_mode == "aad_token"


@pytest.mark.parametrize("kind", ["", "batch-"])
def test_a_deployment_runs_a_script_of_this_folder_in_this_environment(kind):
    deployment = LOADERS[f"{kind}deployment.yml"](SCORING / f"{kind}deployment.yml")
    assert (SCORING / deployment.code_configuration.code / deployment.code_configuration.scoring_script).is_file()
    assert deployment.environment.conda_file["dependencies"][-1]["pip"]
    assert deployment.endpoint_name == LOADERS[f"{kind}endpoint.yml"](SCORING / f"{kind}endpoint.yml").name


def test_the_online_deployment_keeps_no_request_unless_somebody_switches_that_on():
    found = load_online_deployment(SCORING / "deployment.yml").data_collector.collections
    assert {name: item.enabled for name, item in found.items()} == {"model_inputs": "false", "model_outputs": "false"}


def test_the_batch_deployment_loses_no_file_in_silence_and_costs_nothing_between_jobs():
    deployment = load_model_batch_deployment(SCORING / "batch-deployment.yml")
    assert (deployment.settings.error_threshold, deployment.settings.output_action) == (0, "append_row")
    assert deployment.settings.retry_settings.timeout == 600
    cluster = load_compute(SCORING / "batch-cluster.yml")
    assert (cluster.name, cluster.min_instances) == (deployment.compute, 0)


def test_the_pipeline_on_this_machine_does_what_the_batch_deployment_does():
    pipeline = load_job(TEMPLATE / "pipelines" / "score.yml")
    assert pipeline._validate().passed
    step, deployment = pipeline.jobs["score"].component, load_model_batch_deployment(SCORING / "batch-deployment.yml")
    settings = deployment.settings
    assert step.task.entry_script == deployment.code_configuration.scoring_script
    assert (TEMPLATE / "pipelines" / step.task.code).resolve() == SCORING.resolve()
    assert step.task.environment.conda_file == deployment.environment.conda_file
    assert step.task.environment.image == deployment.environment.image
    assert int(step.mini_batch_size) == settings.mini_batch_size
    assert step.error_threshold == settings.error_threshold
    assert (step.retry_settings.max_retries, step.retry_settings.timeout) == (
        settings.retry_settings.max_retries,
        settings.retry_settings.timeout,
    )


def test_the_deployment_uploads_the_code_and_nothing_that_serving_here_made(tmp_path):
    code = Path(shutil.copytree(SCORING, tmp_path / "scoring"))
    for made in (".venv/lib/big.so", "__pycache__/score.pyc", "uv.lock"):
        (code / made).parent.mkdir(parents=True, exist_ok=True)
        (code / made).write_text("made", encoding="utf-8")
    there = [file for file in code.rglob("*") if file.is_file()]
    ignored = get_ignore_file(code)
    left = {file.relative_to(code).as_posix() for file in there if not ignored.is_file_excluded(file)}
    scripts = {file.name for file in SCORING.glob("*.py")}
    assert {"score.py", "batch.py", "model_folder.py", "request.py"} <= scripts
    assert scripts <= left <= {*scripts, "sample-request.json", "pyproject.toml"}
