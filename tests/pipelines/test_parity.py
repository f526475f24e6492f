"""Both CI systems do the same: each workflow has its pipeline, and they call the same commands."""

import re
from pathlib import Path

import pytest
import yaml
from pipelines import scripts
from pipelines.expansion import Expander
from pipelines.jobs import steps_of

# What only one of them has to ask, or can.
ONLY_ONE = {
    "uv run --group workflows actionlint",  # looks at .github
    "uv run --group workflows zizmor",
    "uv run tdsp connected",  # a run without a service connection does not start in Azure Pipelines
}
CALLED = {"comment.yml", "notify.yml"}  # workflows that others call: templates in Azure Pipelines
COMMAND = re.compile(r"\b(?:uv run(?: --group \w+)? [\w-]+(?: (?!-)[\w]+)*|az bicep [\w-]+|az deployment group [\w-]+)")


def commands_of(texts):
    """The commands in scripts, without options; what a template or an action brings counts, too."""
    return {found for text in texts for found in COMMAND.findall(text.replace("\\\n", " "))} - ONLY_ONE


def pipeline_commands(folder, name):
    found = set()
    for branch in ("refs/heads/main", "refs/pull/7/merge"):
        document = Expander(folder).pipeline(name, {}, {"Build.SourceBranch": branch})
        steps = [step for stage in document["stages"] for job in stage["jobs"] for step in steps_of(job)]
        found |= commands_of(map(scripts.text, steps))
    return found - ONLY_ONE


def workflow_commands(github: Path, name, seen=()):
    """The commands of a workflow, with those of the workflows and actions that it calls."""
    document = yaml.safe_load((github / "workflows" / name).read_text(encoding="utf-8"))
    found = commands_of(scripts.of(document))
    for use in re.findall(r"uses: \./\.github/(.*)", (github / "workflows" / name).read_text(encoding="utf-8")):
        if use.startswith("actions/"):
            action = yaml.safe_load((github / use / "action.yml").read_text(encoding="utf-8"))
            found |= commands_of(scripts.of(action))
        elif use.rsplit("/", 1)[-1] not in (name, *seen):
            found |= workflow_commands(github, use.rsplit("/", 1)[-1], (name, *seen))
    return found


@pytest.fixture(scope="module")
def github(folder):
    return folder.parent / ".github"


def test_every_workflow_has_its_pipeline(folder, github):
    workflows = {path.name for path in (github / "workflows").glob("*.yml")} - CALLED
    assert workflows == {path.name for path in folder.glob("*.yml")}


@pytest.mark.parametrize("name", ["ci.yml", "deploy.yml", "infra.yml", "rollback.yml", "train.yml", "update.yml"])
def test_they_call_the_same_commands(folder, github, name):
    theirs, ours = workflow_commands(github, name), pipeline_commands(folder, name)
    assert len(ours) > 1
    assert ours == theirs


def test_a_command_that_one_of_them_lacks_is_noticed(broken, github):
    copy = broken("ci.yml", "- bash: uv run mypy\n            displayName: Types\n          ", "")
    assert workflow_commands(github, "ci.yml") - pipeline_commands(copy, "ci.yml") == {"uv run mypy"}
