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
import pytest
import yaml
from emulator.runner import LocalRunner

pytestmark = pytest.mark.slow
SECRET = re.compile(r"emulated-(primary|secondary|github)|eyJ[\w-]{10,}\.|[?&]sig=(?!\*)|AccountKey=(?!\*)")


@pytest.fixture
def project(baked, tmp_path, azure, monkeypatch):
    """The project of the default answers, in the workspaces of the emulator."""
    folder = tmp_path / "project"
    shutil.copytree(baked("the defaults").root, folder, ignore=shutil.ignore_patterns(".venv"))
    facts = yaml.safe_load((folder / "project.yml").read_text(encoding="utf-8"))
    facts["environments"] = bench.FACTS["environments"]
    facts["azure"]["promotion"] = "copy"
    (folder / "project.yml").write_text(yaml.safe_dump(facts))
    (folder / "pyproject.toml").write_text(bench.PYPROJECT)
    (folder / "uv.lock").write_text(bench.LOCK)
    monkeypatch.chdir(folder)
    # `submit` would do this itself where the project is installed; here the path would reach the job's steps, too.
    sample = [sys.executable, "-m", "science.sample", "diabetes", str(folder / "data/raw/diabetes.csv")]
    subprocess.run(sample, check=True, env={**os.environ, "PYTHONPATH": str(folder / "src")})
    monkeypatch.setenv("CI", "true")  # where others may read what is printed
    monkeypatch.setattr("tdsp.azure.follow.time", SimpleNamespace(sleep=lambda _: time.sleep(0.3)))
    azure.workspace("rg-prod", "ws-prod")
    azure.cloud.runner = LocalRunner()
    return folder


def test_a_job_registers_what_passes_the_gate_and_promotion_keeps_its_lineage(azure, project, client):
    from tdsp import project as facts
    from tdsp import registry_azure

    slug = facts.load(project / "project.yml").project.slug
    first = bench.tdsp("submit", "--wait")
    assert first.exit_code == 0, first.output + first.stderr
    assert "registered as" in first.output
    champion = registry_azure.champion(client, slug)
    job = champion.tags["tdsp.job"]
    assert champion.path.endswith("/outputs/model")
    assert champion.tags["tdsp.data_sha256"]
    home = project / ".tdsp" / "runs" / job
    assert json.loads((home / "outputs/register/registration/outcome.json").read_text())["version"] == 1

    again = bench.tdsp("submit", "--wait")
    assert again.exit_code == 0
    jobs = azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/jobs")
    assert len([item for item in jobs if item["properties"]["jobType"] == "Pipeline"]) == 2
    assert len(registry_azure.versions(client, slug)) == 1, "the same model was registered twice"

    for _ in range(2):
        assert bench.tdsp("promote").exit_code == 0
    models = azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/models/versions")
    copies = [item for item in models if "/ws-prod/" in item["id"]]
    assert len(copies) == 1
    assert copies[0]["properties"]["tags"]["tdsp.promoted_from"] == "dev v1"

    azure.cloud.server = bench.ModelServer()
    deployed = bench.tdsp("deploy", "--soak", "0", "--requests", "2")
    assert deployed.exit_code == 0, deployed.output + deployed.stderr
    rows = int(re.search(r"smoke test passed \((\d+) rows", deployed.output)[1])
    assert rows > 50, "the held-out rows were not compared"
    printed = "".join(result.output + result.stderr for result in (first, again, deployed))
    written = [
        path for path in (project / ".tdsp").rglob("*") if path.suffix in {".json", ".txt", ".md", ".html", ".log"}
    ]
    for where, text in [
        ("printed", printed),
        *((path, path.read_text(errors="replace")) for path in written),
    ]:
        assert not SECRET.search(text), where
        assert bench.SUBSCRIPTION not in text, where
