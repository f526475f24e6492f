"""The YAML of the endpoint and its deployment is what Azure ML's own reader takes."""

import shutil
from pathlib import Path

import pytest
from azure.ai.ml import load_online_deployment, load_online_endpoint
from azure.ai.ml._utils._asset_utils import get_ignore_file
from azure.ai.ml.exceptions import ValidationException
from marshmallow.exceptions import ValidationError

SCORING = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}" / "scoring"


def test_the_endpoint_takes_identities_not_keys():
    assert load_online_endpoint(SCORING / "endpoint.yml").auth_mode == "aad_token"


def test_the_deployment_runs_this_script_in_this_environment():
    deployment = load_online_deployment(SCORING / "deployment.yml")
    assert (SCORING / deployment.code_configuration.code / deployment.code_configuration.scoring_script).is_file()
    assert deployment.environment.conda_file["dependencies"][-1]["pip"]
    assert deployment.endpoint_name == load_online_endpoint(SCORING / "endpoint.yml").name


def test_the_deployment_uploads_the_code_and_nothing_that_serving_here_made(tmp_path):
    code = Path(shutil.copytree(SCORING, tmp_path / "scoring"))
    for made in (".venv/lib/big.so", "__pycache__/score.pyc", "uv.lock"):
        (code / made).parent.mkdir(parents=True, exist_ok=True)
        (code / made).write_text("made", encoding="utf-8")
    there = [file for file in code.rglob("*") if file.is_file()]
    ignored = get_ignore_file(code)
    left = {file.relative_to(code).as_posix() for file in there if not ignored.is_file_excluded(file)}
    scripts = {"score.py", "batch.py", "table.py", "request.py", "model_folder.py"}
    assert scripts <= left <= {*scripts, "sample-request.json", "pyproject.toml"}


def test_the_reader_refuses_an_unknown_field(tmp_path):
    broken = (SCORING / "deployment.yml").read_text().replace("instance_count", "instances")
    (tmp_path / "deployment.yml").write_text(broken.replace("./conda.yml", str(SCORING / "conda.yml")))
    with pytest.raises((ValidationError, ValidationException)):
        load_online_deployment(tmp_path / "deployment.yml")
