"""What `check` says beside mistakes: warnings, the judge's verdict, in good time."""

from __future__ import annotations

import cProfile
from pathlib import Path

import pytest
import yaml
from tdsp.engine.check import judge
from tdsp.engine.check.mistakes import check

from tests.engine.sample import DATA, ENVIRONMENT, change, good, write

CORPUS = Path(__file__).parent / "corpus"


def test_a_file_for_a_folder_is_doubted_and_allowed(tmp_path: Path):
    job, component = good()
    change(job, "jobs/b/inputs/data", "${{parent.jobs.a.outputs.table}}")
    report = check(write(tmp_path, job, component), judge=False)
    assert report.good
    assert any("feeds a uri_folder" in warning.message for warning in report.warnings)


WARNINGS = {
    "hidden failure": {"command": "a.py; b.py", "environment": ENVIRONMENT},
    "pip install": {"command": "pip install x && python a.py", "environment": ENVIRONMENT},
    "unused output": {
        "command": "true",
        "environment": ENVIRONMENT,
        "outputs": {"o": {"type": "uri_folder"}},
    },
    "tracking call in a step": {"command": "python t.py", "environment": ENVIRONMENT, "code": "./src"},
    "no compute": {"command": "true", "environment": ENVIRONMENT},
    "other version": {
        "command": "true",
        "environment": {
            "image": "x",
            "conda_file": {"dependencies": ["python=3.8", {"pip": ["pyyaml==1.2.3"]}]},
        },
    },
}


@pytest.mark.parametrize("category", WARNINGS)
def test_what_looks_wrong_is_a_warning(category: str, tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "t.py").write_text("import mlflow\nmlflow.set_experiment('x')\n")
    (tmp_path / "p.yml").write_text(yaml.safe_dump({"type": "pipeline", "jobs": {"a": WARNINGS[category]}}))
    report = check(tmp_path / "p.yml", judge=False)
    assert report.good
    assert category in {warning.category for warning in report.warnings}


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.glob("*.yml")))
def test_the_corpus_is_found_good_by_both(name: str):
    report = check(CORPUS / name)
    assert (report.problems, report.judge) == ([], "agrees")


def test_the_judge_is_heard(tmp_path: Path):
    job, component = good()
    job["settings"]["default_compute"] = "local"  # only azure-ai-ml objects
    report = check(write(tmp_path, job, component))
    assert report.problems == []
    assert not report.good
    assert "local" in report.judge


def test_a_missing_judge_is_said(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(judge, "available", lambda: False)
    assert check(write(tmp_path, *good())).judge == "not installed"


def test_the_work_of_a_check_grows_with_the_steps_and_not_with_their_square(tmp_path: Path):
    """Ten times the steps are about ten times the work; each step comparing itself with all others, a hundred times.

    Calls are counted, not seconds: they are the same on a machine that is busy.
    """
    few, many = (_calls_of_a_check(tmp_path / str(steps), steps) for steps in (100, 1000))
    assert many < 15 * few


def _calls_of_a_check(folder: Path, steps: int) -> int:
    job, component = good()
    for number in range(steps):
        inputs = {"data": f"${{{{parent.jobs.s{number - 1}.outputs.out}}}}" if number else dict(DATA)}
        job["jobs"][f"s{number}"] = {"type": "command", "component": "./one.yml", "inputs": inputs}
    folder.mkdir()
    file = write(folder, job, component)
    for number in range(100):
        (folder / "src" / f"m{number}.py").write_text(f"x = {number}\n")
    profile = cProfile.Profile()
    report = profile.runcall(check, file, judge=False)
    assert report.good
    assert len(report.plan.steps) == steps + 2
    return sum(entry.callcount for entry in profile.getstats())
