"""The workflows of a generated project, executed: what they call, where they stop, what a reader sees."""

import subprocess

import pytest

OTHER_CHECKS = "ruff pytest detect-secrets-hook actionlint zizmor"
PLAN = {"AZURE_PLAN_CLIENT_ID": "nobody", "AZURE_PLAN_TENANT_ID": "nobody"}


@pytest.mark.slow
def test_a_green_pull_request_is_judged_and_commented(stage):
    done = stage.pull_request()
    assert done.code == 0, done.printed[-3000:]
    assert set(done.jobs.values()) == {"success"}
    assert set(done.jobs) == {
        "lint", "test", "model", "comment", "secrets", "dependencies", "workflows", "passed"
    }  # fmt: skip
    for command in (
        "ruff check",
        "ruff format --check",
        "mypy",
        "pytest",
        "tdsp check",
        "tdsp run",
        "detect-secrets-hook",
    ):
        assert done.ran(f"uv run {command}"), command
    assert "**Registered:**" in done.summary
    assert "xychart-beta" in done.summary
    assert done.comments.startswith("<!-- tdsp model -->")
    assert "mean absolute error" in done.comments
    assert "xychart-beta" in done.comments
    assert done.ran("gh api --silent --method POST repos/octo/demo/issues/7/comments")
    assert not done.ran("az ")
    assert not done.ran("login")


@pytest.mark.slow
def test_a_worse_model_is_refused_with_its_reason(stage):
    stage.skip(OTHER_CHECKS)
    stage.edit("project.yml", "threshold: 50", "threshold: 5")
    done = stage.pull_request()
    assert done.code != 0
    assert done.jobs["model"] == "failure"
    assert done.jobs["passed"] == "failure"
    assert "at most 5 is asked for" in done.comments, "the author does not see why"


def test_a_lint_error_stops_before_anything_is_trained(stage):
    stage.skip("pytest detect-secrets-hook actionlint zizmor")
    first = "from __future__ import annotations\n"
    stage.edit("src/science/metrics.py", first, f"{first}import os\n")
    done = stage.pull_request()
    assert done.jobs["lint"] == "failure"
    assert "model" not in done.jobs
    assert "comment" not in done.jobs
    assert done.jobs["passed"] == "failure"
    assert not done.ran("uv run tdsp run")


def test_a_failing_data_test_stops_before_anything_is_trained(stage):
    stage.skip("ruff detect-secrets-hook actionlint zizmor")
    stage.edit("tests/test_data.py", "import pytest", "assert False\nimport pytest")
    stage.host.environment["PYTEST_ADDOPTS"] = "-q -p no:cacheprovider tests/test_data.py"
    done = stage.pull_request()
    assert done.jobs["test"] == "failure"
    assert not done.ran("uv run tdsp run")


@pytest.mark.slow
def test_data_outside_its_schema_stops_the_run_and_the_pull_request_says_so(stage):
    stage.skip(OTHER_CHECKS)
    stage.edit("data/schema.yml", "maximum: 120", "maximum: 20")
    done = stage.pull_request()
    assert done.jobs["model"] == "failure"
    assert "**Stopped:" in done.comments
    assert "age" in done.comments


@pytest.mark.slow
def test_a_fork_gets_the_checks_and_no_credentials(stage):
    stage.skip(OTHER_CHECKS)
    stage.host.variables |= PLAN
    ci, infra = stage.pull_request("ci", fork=True), stage.pull_request("infra", fork=True)
    assert "comment" not in ci.jobs
    assert "**Registered:**" in ci.summary
    assert ci.jobs["dependencies"] == "success"
    assert infra.jobs == {"build": "success"}
    for done in (ci, infra):
        assert not done.ran("login")
        assert not done.ran("gh ")
        assert not done.ran("az deployment")


@pytest.mark.parametrize("branch", ["main", "dev"])
def test_a_project_that_is_not_connected_is_green_and_says_so(stage, branch):
    for workflow in ("train", "infra"):
        done = stage.push(workflow, branch)
        assert done.code == 0, done.printed[-3000:]
        assert set(done.jobs) <= {"look", "build"}
        assert "is not connected, so nothing is done in Azure" in done.summary
        assert not done.ran("login")


@pytest.mark.parametrize("event", ["push", "pull_request", "schedule"])
def test_without_data_pipeline_and_notebooks_are_left_out_and_the_page_says_so(stage, event):
    stage.skip(OTHER_CHECKS)
    stage.edit("project.yml", "sample: diabetes", "sample: null")
    done = stage.pull_request() if event == "pull_request" else stage.host.run(stage.repository, "ci", event)
    assert done.code == 0, done.printed[-3000:]
    assert "not on this machine" in done.summary
    assert not done.ran("uv run tdsp run")
    assert done.ran("uv run tdsp notebooks") == ["uv run tdsp notebooks"]


def test_no_template_no_update(stage):
    done = stage.dispatch("update", "main")
    assert done.code == 0
    assert not done.ran("gh ")
    assert not done.ran("uv run --group update cruft")


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


CRUFT = """#!/bin/bash
case "$1" in
  check) exit 1 ;;
  update) echo new > "{file}"; echo new > uv.lock ;;
esac
"""


def newer_template(stage, file):
    """Link the project to a template that has something newer in `file`; the remote takes every push."""
    (stage.repository / ".cruft.json").write_text("{}")
    stage.edit("README.md", "# ", "#  ")
    cruft = stage.host.folder / "cruft"
    cruft.write_text(CRUFT.format(file=file))
    cruft.chmod(0o755)
    stage.host.environment["STUB_CRUFT"] = str(cruft)
    bare = stage.host.folder / "octo" / "demo.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    settings = {"KEY_0": f"url.file://{stage.host.folder}/.insteadOf", "VALUE_0": "https://github.com/", "COUNT": "1"}
    stage.host.environment |= {f"GIT_CONFIG_{key}": value for key, value in settings.items()}
    return bare


def test_a_newer_template_comes_as_a_pull_request(stage):
    bare = newer_template(stage, "docs/new.md")
    done = stage.dispatch("update", "main")
    assert done.code == 0, done.printed[-3000:]
    assert done.ran("uv run --group update cruft update --skip-apply-ask")
    assert done.ran("gh pr create --head template-update --base dev")
    assert git(bare, "show", "--format=%s", "--name-only", "template-update").split("\n") == [
        "Update from the template", "", ".cruft.json", "docs/new.md"
    ]  # fmt: skip
    assert git(bare, "rev-parse", "template-update~1") == git(stage.repository, "rev-parse", "origin/dev")

    stage.host.environment["STUB_PULL"] = "7"
    again = stage.dispatch("update", "main")
    assert again.code == 0, again.printed[-3000:]
    assert not again.ran("gh pr create")


def test_an_update_that_may_open_no_pull_request_says_where_to_open_it(stage):
    newer_template(stage, "docs/new.md")
    stage.host.environment |= {"STUB_NO_PULLS": "yes"}
    git(stage.repository, "update-ref", "-d", "refs/remotes/origin/dev")
    done = stage.dispatch("update", "main")
    assert done.code == 0, done.printed[-3000:]
    assert done.ran("gh pr create --head template-update --base main")
    assert "(https://github.com/octo/demo/compare/main...template-update?expand=1)" in done.printed


def test_an_update_of_the_workflows_is_left_to_a_person(stage):
    newer_template(stage, ".github/workflows/ci.yml")
    done = stage.dispatch("update", "main")
    assert done.code != 0
    assert "run uvx cruft update on your machine" in done.printed, done.printed
    assert not done.ran("gh ")


def test_a_failure_is_told_when_there_is_a_channel_and_the_message_may_fail(stage):
    stage.host.secrets["TEAMS_WEBHOOK_URL"] = "http://127.0.0.1/not-https"
    done = stage.dispatch("rollback", "main")
    assert done.jobs == {"agree": "success", "rollback": "failure", "notify": "success"}
    assert "prod is not connected" in done.printed
    assert done.ran("uv sync") == ["uv sync --extra azure", "uv sync"], "who signs in needs more"
    (told,) = done.ran("uv run tdsp notify")
    assert told.startswith("uv run tdsp notify failure --what octo/demo: Rollback in prod")
    assert "--link https://github.com/octo/demo/actions/runs/" in told
    assert "warning: TEAMS_WEBHOOK_URL is not an https address" in done.printed
