"""The same project comes out, whichever way the template was reached."""

import re
import shlex
import shutil
import subprocess

import pytest
from baking import BakedProject

NAME = "disease-progression"


@pytest.fixture(scope="module")
def repository(kitchen, tmp_path_factory):
    """The template as a Git repository, as it is published."""
    folder = tmp_path_factory.mktemp("published") / "cookiecutter-tdsp-azureml"
    shutil.copytree(kitchen.template, folder)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*who, "commit", "-q", "-m", "Publish"],
        ["tag", "1.0"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def contents(project):
    return {name: (project.root / name).read_bytes() for name in project.files}


def test_from_a_git_url(kitchen, baked, repository, tmp_path):
    url = f"git+file://{repository.as_posix()}"
    result = kitchen.cookiecutter("--no-input", "-c", "1.0", into=tmp_path, template=url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert contents(BakedProject(tmp_path / NAME)) == contents(baked("the defaults"))


def test_from_a_zip(kitchen, baked, repository, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "it"), "zip", repository.parent, repository.name)
    result = kitchen.cookiecutter("--no-input", into=tmp_path / "out", template=archive)
    assert result.returncode == 0, result.stdout + result.stderr
    assert contents(BakedProject(tmp_path / "out" / NAME)) == contents(baked("the defaults"))


def test_without_hooks(kitchen, baked, tmp_path):
    """The questions are complete without the search, the project without its repository; both CI systems stay."""
    result = kitchen.cookiecutter("--no-input", "--accept-hooks", "no", into=tmp_path)
    assert result.returncode == 0
    made = contents(BakedProject(tmp_path / NAME))
    chosen = {name: text for name, text in made.items() if not name.startswith(".azuredevops/")}
    assert chosen == contents(baked("the defaults"))
    assert chosen != made


def test_from_a_replay(kitchen, tmp_path):
    first = kitchen.bake(tmp_path / "first", task="classification", project_name="Größe {{ 1 }}")
    again = kitchen.cookiecutter("--replay", into=tmp_path / "again")
    assert again.returncode == 0, again.stdout
    assert contents(BakedProject(tmp_path / "again" / first.root.name)) == contents(first)


def test_from_answers_in_a_file(kitchen, tmp_path):
    """Defaults of the user's own, as cookiecutter documents them."""
    settings = tmp_path / "answers.yml"
    settings.write_text('default_context:\n  owner: contoso\n  project_name: "Say \\"hi\\""\n  task: classification\n')
    result = kitchen.cookiecutter("--no-input", "--config-file", str(settings), into=tmp_path / "out")
    assert result.returncode == 0
    facts = BakedProject(tmp_path / "out" / "say-hi").facts
    assert (facts["people"]["owner"], facts["project"]["name"], facts["task"]) == (
        "contoso",
        'Say "hi"',
        "classification",
    )


@pytest.mark.parametrize("name", ["the defaults", "a chosen workspace", "odd characters"])
def test_the_command_in_the_readme_makes_the_same_project_again(kitchen, baked, tmp_path, name):
    project = baked(name)
    (command,) = re.findall(r"^cookiecutter TEMPLATE (.*?)\n```", project.read("README.md"), re.DOTALL | re.MULTILINE)
    result = kitchen.cookiecutter(*shlex.split(command.replace("\\\n", " ")), into=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert contents(BakedProject(tmp_path / project.root.name)) == contents(project)
