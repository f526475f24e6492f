"""`tdsp deploy --batch`, `score --batch` and `rollback --batch` against the emulated service, with the real SDK."""

from __future__ import annotations

import csv

import bench
import pytest
import servers
from emulator import batch_jobs

ENDPOINT = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"


@pytest.fixture
def project(tmp_path, azure, monkeypatch):
    folder = bench.project(tmp_path / "project")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CI", raising=False)
    azure.cloud.scorer = servers.BatchScorer()
    return folder


@pytest.fixture
def first(client, project, tmp_path):
    """A project with version 1 behind its batch endpoint."""
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    result = deploy()
    assert result.exit_code == 0, result.output + result.stderr
    return project


@pytest.fixture
def second(first, client, tmp_path):
    """Version 2 is the champion, version 1 the default."""
    bench.register(client, bench.model(tmp_path / "m2", 3.0))
    return first


@pytest.fixture
def rows(tmp_path):
    """A file to score, with a column that the model does not take."""
    file = tmp_path / "new rows.csv"
    file.write_text("z;x;y\n2;1;?\n4,5;3;?\n", encoding="utf-8")
    return file


def deploy(*more):
    return bench.tdsp("deploy", "--batch", *more)


def default(azure):
    return azure.cloud.resources.of_type(ENDPOINT)[0]["properties"]["defaults"]["deploymentName"]


def versions(azure):
    kind = f"{ENDPOINT}/deployments"
    return {item["name"]: item["tags"]["tdsp.model_version"] for item in azure.cloud.resources.of_type(kind)}


def predicted(file):
    place = file.with_name(f"{file.stem}.predictions.csv")
    return [float(line["prediction"]) for line in csv.DictReader(place.open(encoding="utf-8"))]


def changes(calls):
    return [call for call in calls if call.method in {"PUT", "DELETE", "PATCH"}]


def test_a_dry_run_shows_what_is_made_and_a_second_run_changes_nothing(azure, client, project, tmp_path):
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    azure.calls.clear()
    dry = deploy("--dry-run")
    assert dry.exit_code == 0
    assert "0 to 2 x Standard_DS3_v2" in dry.output
    assert changes(azure.calls) == []
    assert deploy().exit_code == 0
    assert default(azure) == "blue"
    cluster = azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/computes")[0]
    assert cluster["properties"]["properties"]["scaleSettings"]["minNodeCount"] == 0
    azure.calls.clear()
    assert deploy().exit_code == 0
    assert changes(azure.calls) == []


def test_a_second_version_takes_its_place_and_a_rollback_gives_it_back(azure, second):
    assert deploy().exit_code == 0
    assert (default(azure), versions(azure)) == ("green", {"blue": "1", "green": "2"})
    for _ in range(2):
        assert bench.tdsp("rollback", "--batch").exit_code == 0
        assert default(azure) == "blue"
    refused = deploy()
    assert refused.exit_code == 1
    assert "was rolled back" in refused.stderr
    assert deploy("--version", "2").exit_code == 0
    assert default(azure) == "green"


def test_a_third_version_takes_the_slot_of_the_former_one(azure, second, client, tmp_path):
    assert deploy().exit_code == 0
    text = bench.tdsp("status").output
    assert "green: v2, default, Succeeded, 1 x cpu-cluster" in text
    assert "blue: v1, kept for rollback" in text
    assert azure.cloud.subscription not in text
    bench.register(client, bench.model(tmp_path / "m3", 4.0))
    assert deploy().exit_code == 0
    assert (default(azure), versions(azure)) == ("blue", {"blue": "3", "green": "2"})


def test_wrong_predictions_never_become_the_default(azure, second):
    azure.cloud.scorer.off = True
    result = deploy()
    assert result.exit_code == 1
    assert "on this machine it is" in result.stderr
    assert "v1 in blue is still the default" in result.stderr
    assert (default(azure), versions(azure)) == ("blue", {"blue": "1"})
    azure.cloud.scorer.off = False  # it was not the model's fault
    assert deploy().exit_code == 0
    assert default(azure) == "green"


def test_a_file_is_scored_with_the_default_and_once(azure, first, rows):
    for _ in range(2):
        result = bench.tdsp("score", str(rows), "--batch", "--env", "dev")
        assert result.exit_code == 0, result.output + result.stderr
        assert predicted(rows) == pytest.approx([4.0, 10.5])
    invoked = [call for call in azure.calls if call.method == "POST" and call.path == "/jobs"]
    assert len(invoked) == 2, "the trial and one job"


def test_a_folder_is_scored_file_by_file_and_a_mistake_leaves_no_predictions(azure, first, tmp_path):
    folder = tmp_path / "many"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("x,z\n1,0\n")
    (folder / "deep" / "b.csv").write_text("x,z\n2,0\noops,0\n")
    (folder / "notes.md").write_text("not a table")
    score, answer = ("score", str(folder), "--batch", "--env", "dev"), tmp_path / "many.predictions.csv"
    refused = bench.tdsp(*score)
    assert refused.exit_code == 1
    assert "b.csv: row 2: column 'x': 'oops' is not a number" in refused.stderr
    assert not answer.exists()
    (folder / "deep" / "b.csv").write_text("x,z\n2,0\n3,0\n")
    result = bench.tdsp(*score)
    assert result.exit_code == 0, result.output + result.stderr
    assert [line.rsplit(",", 1)[0] for line in answer.read_text().splitlines()] == [
        "file,row",
        "a.csv,1",
        "b.csv,1",
        "b.csv,2",
    ]


def test_nothing_can_be_scored_before_the_first_deployment(project, rows):
    result = bench.tdsp("score", str(rows), "--batch", "--env", "dev")
    assert result.exit_code == 1
    assert "run `tdsp deploy --batch --env dev`" in result.stderr


def test_who_may_deploy_but_not_create_clusters_is_told_who_may(azure, client, project, tmp_path):
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    azure.fail("PUT *computes/cpu-cluster", "403")
    result = deploy()
    assert result.exit_code == 1
    assert "somebody with Contributor on rg runs `tdsp deploy --batch --env dev` once" in result.stderr
    assert deploy().exit_code == 0


@pytest.mark.slow
def test_the_script_runs_in_a_process_of_its_own_as_in_a_job(azure, first, rows):
    azure.cloud.scorer = batch_jobs.Scorer()
    result = bench.tdsp("score", str(rows), "--batch", "--env", "dev")
    assert result.exit_code == 0, result.output + result.stderr
    assert predicted(rows) == pytest.approx([4.0, 10.5])
    rows.write_text("x,z\n1,2\noops,3\n")
    result = bench.tdsp("score", str(rows), "--batch", "--env", "dev")
    assert result.exit_code == 1
    assert "row 2: column 'x': 'oops' is not a number" in result.stderr


def test_destroy_takes_the_batch_endpoint_and_the_cluster_that_the_project_made(azure, first):
    azure.cloud.github.users["octo"] = 77
    azure.cloud.github.login = "octo"
    azure.cloud.github.add("demo", "octo")
    assert bench.tdsp("destroy", says="demo\n").exit_code == 0
    kinds = ("batchEndpoints", "batchEndpoints/deployments", "computes")
    left = [azure.cloud.resources.of_type(f"Microsoft.MachineLearningServices/workspaces/{kind}") for kind in kinds]
    assert left == [[], [], []]


def test_the_cluster_of_infra_is_used_and_left_to_it(azure, client, project, tmp_path):
    from azure.ai.ml.entities import AmlCompute

    tags = {"tdsp.project": bench.SLUG}  # as infra/ sets them
    made = AmlCompute(name="cpu-cluster", size="Standard_DS2_v2", tags=tags)
    client.compute.begin_create_or_update(made).result()
    bench.register(client, bench.model(tmp_path / "m1", 2.0))
    assert deploy().exit_code == 0
    assert "cluster" not in bench.tdsp("destroy", "--dry-run").output


def test_the_pipeline_that_runs_here_can_be_sent_too(azure, project):
    result = bench.tdsp("submit", "score")
    assert result.exit_code == 0, result.output + result.stderr
    jobs = azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/jobs")
    (step,) = jobs[0]["properties"]["jobs"].values()
    assert step["type"] == "parallel"
