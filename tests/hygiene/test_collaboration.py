"""Issue forms, Dependabot and pull-request templates are what their hosts take, and speak of what is there."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tdsp.cli.commands import app
from typer.main import get_command

FORMS = ("1-feature", "2-user-story", "3-task", "4-bug", "5-model-request", "6-data-request")
ID = re.compile(r"[A-Za-z0-9_-]+")


@pytest.fixture(scope="module")
def github(baked):
    return baked("the defaults").root / ".github"


def judged(schema: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    return subprocess.run(command, capture_output=True, text=True)


def wrongs(form: dict) -> Iterator[str]:
    """What GitHub refuses and the schema does not see: it reads YAML 1.1, in which yes and no are no texts."""
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    if not fields:
        yield "nothing to fill in"
    for key in ("id", "label"):
        values = [field["id"] if key == "id" else field["attributes"]["label"] for field in fields]
        if len(set(values)) < len(values):
            yield f"the same {key} twice"
    for field in fields:
        if not ID.fullmatch(field["id"]):
            yield f"the id {field['id']!r}"
        options = field["attributes"].get("options", [])
        if not all(isinstance(option, str) for option in options) or len(set(options)) < len(options):
            yield f"the options of {field['id']}"


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_one_that_github_takes(github, name):
    file = github / "ISSUE_TEMPLATE" / f"{name}.yml"
    done = judged("github-issue-forms", file)
    assert done.returncode == 0, done.stdout
    assert list(wrongs(yaml.safe_load(file.read_text(encoding="utf-8")))) == []


def test_these_are_all_forms_each_with_a_label_of_its_own(github):
    files = sorted(path.stem for path in (github / "ISSUE_TEMPLATE").iterdir())
    assert files == sorted((*FORMS, "config"))
    assert judged("github-issue-config", github / "ISSUE_TEMPLATE" / "config.yml").returncode == 0
    labels = [yaml.safe_load((github / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())["labels"] for name in FORMS]
    assert sorted(label for (label,) in labels) == ["bug", "data", "feature", "model", "task", "user story"]


@pytest.mark.parametrize(
    ("old", "new"), [("body:", "bodi:"), ("textarea", "textfield"), ("labels: [bug]", "labels: 7")]
)
def test_a_form_that_github_refuses_is_noticed(github, tmp_path, old, new):
    text = (github / "ISSUE_TEMPLATE" / "4-bug.yml").read_text(encoding="utf-8")
    broken = tmp_path / "form.yml"
    broken.write_text(text.replace(old, new, 1))
    assert judged("github-issue-forms", broken).returncode == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: happened", "id: where", "the same id twice"),
        ("label: Where", "label: What happened", "the same label twice"),
        ("        - data\n", "        - no\n", "the options of where"),
        ("        - data\n", "        - documents\n", "the options of where"),
        ("id: where", "id: wo ist es", "the id 'wo ist es'"),
    ],
)
def test_what_the_schema_does_not_see_is_noticed(github, old, new, said):
    text = (github / "ISSUE_TEMPLATE" / "4-bug.yml").read_text(encoding="utf-8")
    assert said in wrongs(yaml.safe_load(text.replace(old, new, 1)))


def test_dependabot_waits_and_looks_at_every_place(github):
    file = github / "dependabot.yml"
    assert judged("dependabot", file).returncode == 0
    updates = {entry["package-ecosystem"]: entry for entry in yaml.safe_load(file.read_text())["updates"]}
    assert set(updates) == {"uv", "github-actions"}
    assert all(entry["cooldown"]["default-days"] >= 7 for entry in updates.values())
    homes = {path.parent.relative_to(github.parent).as_posix() for path in github.parent.rglob("pyproject.toml")}
    assert {f"/{home}".replace("/.", "/") for home in homes} == set(updates["uv"]["directories"])
    assert updates["github-actions"]["directories"] == ["/", "/.github/actions/*"], "composite actions move, too"
    assert {entry["target-branch"] for entry in updates.values()} == {"dev"}


@pytest.mark.parametrize(("old", "new"), [("interval: weekly", "interval: often"), ("default-days", "days")])
def test_a_dependabot_file_that_github_refuses_is_noticed(github, tmp_path, old, new):
    broken = tmp_path / "dependabot.yml"
    broken.write_text((github / "dependabot.yml").read_text(encoding="utf-8").replace(old, new))
    assert judged("dependabot", broken).returncode == 1


def test_what_must_move_together_is_left_to_the_template(baked, github):
    """Dependabot would raise one of several exact pins, and the set would not resolve."""
    text = (github.parent / "pyproject.toml").read_text(encoding="utf-8")
    pinned = set(re.findall(r'"([\w-]+)==', text))
    entry = yaml.safe_load((github / "dependabot.yml").read_text())["updates"][0]
    assert {ignored["dependency-name"] for ignored in entry["ignore"]} == pinned


@pytest.mark.parametrize(("project", "folder"), [("the defaults", ".github"), ("Azure Pipelines", ".azuredevops")])
def test_the_checklist_speaks_of_what_is_there(baked, project, folder):
    text = baked(project).read(f"{folder}/pull_request_template.md")
    assert "](" not in text, "a description is no file: its relative links lead nowhere"
    files = re.findall(r"`([\w.-]+(?:/[\w.-]+)*\.\w+)`", text)
    assert len(files) > 5
    assert [name for name in files if not baked(project).has(name)] == []
    assert [f"**{stage} " in text for stage in range(1, 6)] == [True] * 5
    known = get_command(app)
    for line in re.findall(r"`uv run tdsp ([^`]+)`", text):
        name, *words = shlex.split(line)
        known.commands[name].make_context(name, words)
