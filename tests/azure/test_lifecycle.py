"""From a generated project to a model in the workspace: the real pipeline runs as a job, registers, and is promoted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import bench
import leaks
import pytest
import servers
import yaml
from emulator.runner import LocalRunner

pytestmark = pytest.mark.slow


@pytest.fixture
def project(baked, tmp_path, azure, monkeypatch):
    """The project of the default answers, committed, in the workspaces of the emulator."""
    folder = tmp_path / "project"
    shutil.copytree(baked("the defaults").root, folder, ignore=shutil.ignore_patterns(".venv"))
    facts = yaml.safe_load((folder / "project.yml").read_text(encoding="utf-8"))
    facts["environments"], facts["people"] = bench.FACTS["environments"], bench.FACTS["people"]
    (folder / "project.yml").write_text(yaml.safe_dump(facts))
    (folder / "pyproject.toml").write_text(bench.PYPROJECT)
    (folder / "uv.lock").write_text(bench.LOCK)
    commit(folder)
    monkeypatch.chdir(folder)
    # `submit` would do this itself where the project is installed; here the path would reach the job's steps, too.
    sample = [sys.executable, "-m", "science.sample", "diabetes", str(folder / "data/raw/diabetes.csv")]
    subprocess.run(sample, check=True, env={**os.environ, "PYTHONPATH": str(folder / "src")})
    monkeypatch.setenv("CI", "true")  # where others may read what is printed
    monkeypatch.setattr("tdsp.azure.follow.time", SimpleNamespace(sleep=lambda _: time.sleep(0.3)))
    azure.workspace("rg-prod", "ws-prod")
    azure.cloud.runner, azure.cloud.server = LocalRunner(), servers.ModelServer()
    azure.cloud.github.users["octo"] = 77
    azure.cloud.github.login = "octo"
    azure.cloud.github.add(yaml.safe_load((folder / "project.yml").read_text())["project"]["slug"], "octo")
    return folder


def commit(folder):
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *who, "commit", "--quiet", "--all", "-m", "Change"], cwd=folder, check=True)


def answers_yes(monkeypatch):
    """Put somebody at the terminal who agrees to everything; return the questions."""
    from tdsp.azure import plan

    asked = []
    monkeypatch.setattr(plan, "input", lambda question: asked.append(question) or "y", raising=False)
    monkeypatch.setattr(plan, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True), stdout=sys.stdout))
    return asked


def told(*arguments):
    """Run a command that must end well; return what it printed, which holds no secret and no address."""
    result = bench.tdsp(*arguments)
    assert result.exit_code == 0, result.output + result.stderr
    assert leaks.of_text(result.output + result.stderr, public=True) == []
    return result.output


def of_kind(azure, kind, workspace):
    everything = azure.cloud.resources.of_type(f"Microsoft.MachineLearningServices/workspaces/{kind}")
    return [item for item in everything if f"/{workspace}/" in item["id"]]


def pipelines(azure, workspace):
    return [job for job in of_kind(azure, "jobs", workspace) if job["properties"]["jobType"] == "Pipeline"]


@pytest.mark.nightly
def test_what_only_a_subscription_can_prove_is_proved_here_and_its_model_goes_to_prod(
    azure, project, client, monkeypatch
):
    from tdsp import project as facts
    from tdsp import registry_azure

    slug = facts.load(project / "project.yml").project.slug
    asked = answers_yes(monkeypatch)
    told("connect")

    # `doctor --live`: submit, submit again, deploy, deploy again.
    proof = told("doctor", "--live")
    assert len(asked) == 2, f"one consent for connect, one for what costs money: {asked}"
    assert "proved here" in proof
    assert proof.count("registered as") == 1
    assert "unchanged: " in proof, "the same model was registered twice"
    champion = registry_azure.champion(client, slug)
    job = champion.tags["tdsp.job"]
    assert champion.path.endswith("/outputs/model")
    assert champion.tags["tdsp.data_sha256"]
    home = project / ".tdsp" / "runs" / job
    assert json.loads((home / "outputs/register/registration/outcome.json").read_text())["version"] == 1
    told("report", job)
    page = (project / "docs" / "reports" / "train.md").read_text(encoding="utf-8")
    assert champion.tags["tdsp.commit"][:7] in page, "the report is not that of the job"
    assert len(pipelines(azure, "ws")) == 2
    assert len(registry_azure.versions(client, slug)) == 1
    assert len(of_kind(azure, "onlineEndpoints/deployments", "ws")) == 1
    rows = int(re.search(r"smoke test passed \((\d+) rows", proof)[1])
    assert rows > 50, "the held-out rows were not compared"

    # By copy, twice: one version, with its lineage.
    as_it_was = (project / "project.yml").read_text()
    (project / "project.yml").write_text(as_it_was.replace("promotion: retrain", "promotion: copy"))
    for _ in range(2):
        told("promote")
    (copied,) = of_kind(azure, "models/versions", "ws-prod")
    assert copied["properties"]["tags"]["tdsp.promoted_from"] == "dev v1"
    assert copied["properties"]["tags"]["tdsp.commit"] == champion.tags["tdsp.commit"]
    azure.cloud.resources.delete(copied["id"])

    # By training again: not from other code, and in prod's own workspace.
    (project / "project.yml").write_text(as_it_was.replace("seed: 42", "seed: 43"))
    refused = bench.tdsp("promote")
    assert refused.exit_code == 1
    assert f"was made from commit {champion.tags['tdsp.commit'][:8]}" in refused.stderr
    (project / "project.yml").write_text(as_it_was)
    told("promote", "--dry-run")
    assert pipelines(azure, "ws-prod") == []
    told("promote")
    (retrained,) = of_kind(azure, "models/versions", "ws-prod")
    assert retrained["properties"]["tags"]["tdsp.commit"] == champion.tags["tdsp.commit"]
    (its_job,) = pipelines(azure, "ws-prod")
    assert retrained["properties"]["tags"]["tdsp.job"] == its_job["name"]

    assert (project / ".tdsp" / "runs" / job / "run.json").is_file()
    assert leaks.of_project(project) == []
