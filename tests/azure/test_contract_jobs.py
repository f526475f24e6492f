"""The real client submits pipelines that really run, follows them, and brings back what they made."""

import json
import time

import pytest
from azure.ai.ml import Input, Output, command, load_environment, load_job
from azure.core.exceptions import HttpResponseError
from emulator.runner import LocalRunner


@pytest.fixture
def running(azure):
    """Let submitted jobs run."""
    azure.cloud.runner = LocalRunner()
    return azure


def finished(client, name, patience=30):
    end = time.monotonic() + patience
    while (job := client.jobs.get(name)).status not in ("Completed", "Failed", "Canceled"):
        assert time.monotonic() < end, job.status
        time.sleep(0.05)
    return job


@pytest.mark.usefixtures("running")
def test_a_pipeline_runs_and_its_output_comes_back(client, sample, tmp_path):
    job = client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    assert finished(client, job.name).status == "Completed"
    client.jobs.download(job.name, output_name="report", download_path=tmp_path)
    assert json.loads(next(tmp_path.rglob("report.json")).read_text()) == {"total": 18}


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("credentials", ["sas", "key", "identity"])
def test_a_running_pipeline_is_followed(azure, client, sample, capsys, credentials):
    workspace = azure.workspace(credentials=credentials)
    azure.cloud.access.grant(azure.cloud.user, "Storage Blob Data Contributor", workspace.split("/providers/")[0])
    job = client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    client.jobs.stream(job.name)
    assert client.jobs.get(job.name).status == "Completed"
    assert job.name in capsys.readouterr().out


@pytest.mark.usefixtures("running")
def test_steps_are_listed_under_their_pipeline(client, sample, tmp_path):
    job = client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    finished(client, job.name)
    steps = {step.display_name: step for step in client.jobs.list(parent_job_name=job.name)}
    assert set(steps) == {"prepare", "sum"}
    client.jobs.download(steps["prepare"].name, download_path=tmp_path)
    assert "3 numbers" in next(tmp_path.rglob("std_log.txt")).read_text()
    assert [item.name for item in client.jobs.list()] == [job.name]


@pytest.mark.usefixtures("running")
def test_a_failing_step_fails_its_pipeline_and_says_why(client, sample):
    pipeline = load_job(sample / "pipeline.yml", params_override=[{"inputs.raw.path": str(sample / "conda.yml")}])
    job = client.jobs.create_or_update(pipeline)
    with pytest.raises(Exception, match=r"step 'sum' failed: .*could not convert string to float"):
        client.jobs.stream(job.name)
    assert finished(client, job.name).status == "Failed"


def test_a_second_submission_uploads_nothing(azure, client, sample):
    client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    before = len(azure.calls)
    client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    assert not [call for call in azure.calls[before:] if call.method == "PUT" and "blob.core" in call.host]


@pytest.mark.usefixtures("running")
def test_a_command_job_runs(client, sample, tmp_path):
    client.environments.create_or_update(load_environment(sample / "environment.yml"))
    job = command(
        command="cp ${{inputs.raw}} ${{outputs.copy}}/numbers.csv && echo copied $WHAT",
        environment="azureml:steps:1",
        environment_variables={"WHAT": "numbers"},
        inputs={"raw": Input(type="uri_file", path=str(sample / "numbers.csv"))},
        outputs={"copy": Output(type="uri_folder")},
        compute="serverless",
    )
    job = client.jobs.create_or_update(job)
    assert finished(client, job.name).status == "Completed"
    client.jobs.download(job.name, output_name="copy", download_path=tmp_path)
    assert next(tmp_path.rglob("numbers.csv")).read_bytes() == (sample / "numbers.csv").read_bytes()


@pytest.mark.usefixtures("running")
def test_a_job_is_canceled(client, sample):
    client.environments.create_or_update(load_environment(sample / "environment.yml"))
    job = client.jobs.create_or_update(
        command(command="echo begun; sleep 30", environment="azureml:steps:1", compute="serverless")
    )
    client.jobs.begin_cancel(job.name).result()
    assert finished(client, job.name).status == "Canceled"


def test_tags_reach_the_job_and_can_be_changed(client, sample):
    pipeline = load_job(sample / "pipeline.yml")
    pipeline.tags = {"tdsp.commit": "abc"}
    job = client.jobs.create_or_update(pipeline)
    assert client.jobs.get(job.name).tags == {"tdsp.commit": "abc"}


FAULTS = {
    "a step that does not exist": (
        "jobs.sum.inputs.clean",
        "${{parent.jobs.nobody.outputs.clean}}",
        "there is no step 'nobody'",
    ),
    "an output that does not exist": (
        "jobs.sum.inputs.clean",
        "${{parent.jobs.prepare.outputs.dirty}}",
        "has no output 'dirty'",
    ),
    "an input that does not exist": (
        "jobs.prepare.inputs.raw",
        "${{parent.inputs.cooked}}",
        "no input 'cooked'",
    ),
    "a number out of range": ("jobs.sum.inputs.factor", "11", "out of range"),
    "a word for a number": ("jobs.sum.inputs.factor", "three", "not a number"),
    "a compute that does not exist": ("settings.default_compute", "azureml:big", "compute 'big' not found"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_service_refuses(client, sample, fault):
    where, value, reason = FAULTS[fault]
    pipeline = load_job(sample / "pipeline.yml", params_override=[{where: value}])
    with pytest.raises(HttpResponseError, match=reason):
        client.jobs.create_or_update(pipeline)


def test_the_service_refuses_a_component_that_is_not_registered(azure, client, sample, resend):
    client.jobs.create_or_update(load_job(sample / "pipeline.yml"))
    for component in azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/components/versions"):
        azure.cloud.resources.delete(component["id"])
    last = next(call for call in reversed(azure.calls) if call.method == "PUT" and "/jobs/" in call.path)
    answer = resend(last, f"{last.path}-again")
    assert answer.status_code == 400
    assert "not found" in answer.text


def test_steps_that_wait_for_each_other_are_refused(client, sample):
    loop = {"jobs.prepare.inputs.raw": "${{parent.jobs.sum.outputs.report}}"}
    with pytest.raises(HttpResponseError, match="wait for each other"):
        client.jobs.create_or_update(load_job(sample / "pipeline.yml", params_override=[loop]))
