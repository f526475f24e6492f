"""A person at a real terminal: the prompts as they are drawn, the choices as they are taken."""

import os
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
from azure_cli import SUBSCRIPTION, install_az, workspace
from baking import BakedProject, questions

pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of POSIX")

SEEN = [workspace("mlw-a"), workspace("mlw-b", region="northeurope", subscription="Dev [eu] \\")]
ENTER = "\n"
BEFORE = ENTER * 5  # the questions before the workspace
AFTER = ENTER * 3  # and after it


@pytest.fixture
def sit(kitchen, tmp_path):
    """Type `keys` into cookiecutter; return its exit code, what it printed, and the project."""

    def run(*arguments, keys="", az=None, **changes):
        path = os.pathsep.join(filter(None, (str(az) if az else "", os.defpath)))
        leader, follower = pty.openpty()
        os.write(leader, keys.encode())
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "cookiecutter",
                str(kitchen.template),
                "-o",
                str(tmp_path / "out"),
                *arguments,
            ],
            env=kitchen.environment(PATH=path, TERM="dumb", COLUMNS="160", **changes),
            stdin=follower,
            capture_output=True,
            text=True,
            timeout=60,
        )
        os.close(leader)
        os.close(follower)
        made = list((tmp_path / "out").glob("*"))
        return SimpleNamespace(
            code=result.returncode,
            printed=result.stdout,
            errors=result.stderr,
            project=BakedProject(made[0]) if made else None,
        )

    return run


@pytest.fixture
def az(tmp_path):
    return install_az(tmp_path / "bin", SEEN)


def dev(run):
    return run.project.facts["environments"]["dev"]


def test_every_question_is_put_in_words_and_counted(sit, kitchen):
    run = sit(keys=BEFORE + ENTER + AFTER)
    asked = [key for key in questions(kitchen.template) if not key.startswith("_")]
    for number, key in enumerate(asked, 1):
        prompt = questions(kitchen.template)["__prompts__"][key]
        sentence = prompt["__prompt__"] if isinstance(prompt, dict) else prompt
        assert f"[{number}/{len(asked)}] {sentence}" in run.printed


def test_a_number_takes_the_workspace_and_its_region(sit, az):
    run = sit(keys=BEFORE + "3" + ENTER + AFTER, az=az)
    assert "3 - mlw-b  (Dev [eu] \\, rg-churn-dev, northeurope)" in run.printed
    assert dev(run) == {
        "subscription_id": SUBSCRIPTION,
        "resource_group": "rg-churn-dev",
        "workspace": "mlw-b",
        "region": "northeurope",
    }
    assert run.project.has("config.json")


@pytest.mark.parametrize("keys", ["", "1"])
def test_enter_and_the_first_number_decide_later(sit, az, keys):
    run = sit(keys=BEFORE + keys + ENTER + AFTER, az=az)
    assert dev(run) == {"subscription_id": "", "resource_group": "", "workspace": "", "region": "westeurope"}
    assert not run.project.has("config.json")


def test_a_workspace_that_is_not_listed_can_be_typed(sit, az):
    run = sit(keys=BEFORE + f"{SUBSCRIPTION}/rg-x/mlw-x" + ENTER + AFTER, az=az)
    assert dev(run)["workspace"] == "mlw-x"


def test_a_number_that_is_not_listed_is_refused(sit, az):
    run = sit(keys=BEFORE + "9" + ENTER + AFTER, az=az)
    assert run.code == 1
    assert "azureml_workspace: '9' will not do" in run.errors
    assert run.project is None


@pytest.mark.parametrize("name", ["Churn", """Größe "x" of it's \\ 100 % {{ 7 }} {% y %} $HOME"""])
def test_after_refused_answers_one_command_asks_for_those_only(sit, kitchen, az, name):
    typed = [name, "No Good", "Who will leave?", "a b", "2", "3"]
    refused = sit(keys="".join(line + ENTER for line in typed) + AFTER, az=az)
    assert refused.project is None
    (command,) = [line for line in refused.errors.splitlines() if "cookiecutter " in line and "=" in line]
    program, template, *words = shlex.split(command.removeprefix("  uvx"))
    assert (program, template) == ("cookiecutter", str(kitchen.template))
    assert not [word for word in words if word.startswith(("owner=", "project_slug="))]
    run = sit(*words, keys=f"{ENTER}churn{ENTER * 2}contoso{ENTER * 3}{AFTER}", az=az)
    facts = run.project.facts
    assert (facts["project"]["name"], facts["project"]["question"]) == (name, "Who will leave?")
    assert (facts["people"]["owner"], facts["task"]) == ("contoso", "classification")
    assert (dev(run)["workspace"], dev(run)["region"]) == ("mlw-b", "northeurope")


def test_a_short_name_goes_with_the_name_it_was_made_from(kitchen, tmp_path):
    result = kitchen.cookiecutter("--no-input", "project_name=\t", into=tmp_path)
    (command,) = [line for line in result.stderr.splitlines() if "owner=" in line]
    assert "project_slug" not in command


def test_the_command_that_asks_again_names_what_was_asked_for(kitchen, tmp_path):
    result = kitchen.cookiecutter("--no-input", "owner=a b", "-o", "other place", into=tmp_path, PWD=str(tmp_path))
    assert f"--output-dir '{tmp_path / 'other place'}'" in result.stderr
    result = kitchen.cookiecutter("--no-input", "owner=a b", into=tmp_path, PWD=str(tmp_path))
    assert "--output-dir" not in result.stderr
    assert result.stderr.index("will not do") < result.stderr.index("This asks again")


def test_without_az_one_line_says_why(sit):
    run = sit(keys=BEFORE + ENTER + AFTER)
    assert "az is not installed: type one below, or decide later." in run.printed
    assert run.code == 0


def test_nobody_waits_when_nothing_is_asked(sit, az):
    run = sit("--no-input", az=az)
    assert "Looking for" not in run.printed
    assert not (az / "az.log").exists()
    assert dev(run)["workspace"] == ""


def test_a_workspace_from_the_command_line_needs_no_list(sit, az):
    run = sit("--no-input", f"azureml_workspace={SUBSCRIPTION}/rg-q/mlw-q", az=az)
    assert dev(run)["workspace"] == "mlw-q"


def test_the_search_can_be_switched_off(sit, az):
    run = sit(keys=BEFORE + ENTER + AFTER, az=az, TDSP_DISCOVERY="off")
    assert "Looking for" not in run.printed
    assert run.code == 0


def test_a_replay_gives_the_chosen_workspace_again(sit, az):
    sit(keys=BEFORE + "3" + ENTER + AFTER, az=az)
    run = sit("--replay", "-f", az=None)
    assert dev(run)["workspace"] == "mlw-b"
    assert "Looking for" not in run.printed
