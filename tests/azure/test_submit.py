"""`tdsp submit --wait` follows a job that really runs, brings its results home, and ends as the job did."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from bench import tdsp
from emulator.runner import LocalRunner
from quick import REFUSED, REGISTERED, STEPS, write


@pytest.fixture
def job(azure, project, monkeypatch):
    """Write `pipelines/quick.yml`; return a function that says how its last step ends."""
    monkeypatch.setattr("tdsp.azure.follow.time", SimpleNamespace(sleep=lambda _: time.sleep(0.1)))
    azure.cloud.runner = LocalRunner()
    return lambda outcome=REGISTERED, then="true": write(project, outcome, then)


def runs_of(project):
    return sorted(path for path in (project / ".tdsp" / "runs").iterdir() if path.is_dir())


def test_the_results_of_a_job_come_home_and_it_is_followed_once_more_instead_of_started(azure, project, job):
    job()
    for _ in range(2):
        result = tdsp("submit", "quick", "--wait")
        assert result.exit_code == 0, result.output + result.stderr
        assert "register: Completed" in result.output
        assert "registered as demo v7: the first model" in result.output
        assert "next: tdsp deploy --env dev" in result.output
    (home,) = runs_of(project)
    assert json.loads((home / "outputs/register/registration/outcome.json").read_text()) == REGISTERED
    record = json.loads((home / "run.json").read_text())
    assert {name: step["state"] for name, step in record["steps"].items()} == dict.fromkeys(STEPS, "completed")


def test_a_refusal_is_no_failure_and_leads_to_no_deployment(azure, project, job):
    job(REFUSED)
    result = tdsp("submit", "quick", "--wait")
    assert result.exit_code == 0
    assert "refused: mae 3 is worse than 2" in result.output
    assert "next: tdsp deploy" not in result.output


def test_a_failed_job_shows_its_log_and_the_next_one_is_another(azure, project, job):
    job(then="echo out of sausages >&2; exit 3")
    for attempt in ("", "-2"):
        result = tdsp("submit", "quick", "--wait")
        assert result.exit_code == 1
        assert "step prepare failed" in result.stderr
        assert "out of sausages" in result.stderr
        assert f"{attempt} failed" in result.stderr
    assert not (project / ".tdsp" / "runs").exists()
