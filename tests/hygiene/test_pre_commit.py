"""The commit hooks of a generated project: green on a fresh one, offline, and each refuses its broken twin."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import notebook_cells
import pytest
import yaml
from console import commands
from notebook_cells import code, stream

CONFIG = ".pre-commit-config.yaml"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # an emulator's
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={KEY};EndpointSuffix=core.windows.net"
PRIVATE_KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\n"


def hooks(project):
    (local,) = yaml.safe_load(project.read(CONFIG))["repos"]
    assert local["repo"] == "local", "a remote repository needs a network, and pins a version beside uv.lock"
    return local["hooks"]


def test_every_hook_takes_its_tool_from_the_lock(project):
    for hook in hooks(project):
        if hook["id"] == "bicep":
            continue  # Microsoft's compiler is no Python package
        assert hook["language"] == "fail" or hook["entry"].startswith("uv run --frozen "), hook["id"]


@pytest.mark.parametrize(
    ("name", "ci"), [("the defaults", ".github/workflows/ci.yml"), ("Azure Pipelines", ".azuredevops/ci.yml")]
)
def test_ci_looks_for_secrets_with_the_command_of_the_hook(baked, name, ci):
    (entry,) = (hook["entry"] for hook in hooks(baked(name)) if hook["id"] == "secrets")
    assert f"| xargs -0 {entry.replace('--frozen ', '')}\n" in baked(name).read(ci)


class Repository:
    """A fresh project, synced, with everything committed."""

    def __init__(self, root: Path, home: Path) -> None:
        left_out = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "GITHUB_ACTIONS", "TF_BUILD"}
        self.root = root
        self.variables = {key: value for key, value in os.environ.items() if key not in left_out}
        self.variables |= {"PRE_COMMIT_HOME": str(home)}
        self.run("uv", "sync", "--quiet")
        self.variables |= {"UV_OFFLINE": "1"}
        self.commit("Synced")

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.root, env=self.variables | variables, text=True, stdout=-1, stderr=subprocess.STDOUT
        )

    def commit(self, message: str) -> subprocess.CompletedProcess[str]:
        self.run("git", "add", "--all")
        return self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-m", message)

    def hook(self, name: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.run("git", "add", "--all")
        return self.run("uv", "run", "--frozen", "pre-commit", "run", name, *options, **variables)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))


@pytest.fixture(scope="module")
def fresh(baked, tmp_path_factory):
    root = shutil.copytree(baked("the defaults").root, tmp_path_factory.mktemp("hooks") / "project", symlinks=True)
    return Repository(root, tmp_path_factory.mktemp("pre-commit"))


@pytest.fixture
def repository(fresh):
    """The fresh project, which is put in order again behind each test."""
    yield fresh
    fresh.run("git", "reset", "--hard", "--quiet")
    fresh.run("git", "clean", "-fdq")


@pytest.mark.slow
def test_a_fresh_project_passes_all_hooks_without_a_network(repository):
    done = repository.run("uv", "run", "--frozen", "pre-commit", "run", "--all-files")
    assert done.returncode == 0, done.stdout
    assert repository.run("git", "status", "--porcelain").stdout == ""


# What breaks the project, the hook that sees it, what it says.
BROKEN = {
    "a notebook with output": (
        lambda it: notebook_cells.write(it.root / "notebooks" / "a.ipynb", code("print(1)", stream("1"))),
        ("notebooks", "outputs taken out"),
    ),
    "a notebook with a mistake": (
        lambda it: notebook_cells.write(it.root / "notebooks" / "a.ipynb", "print(nobody_set_it)"),
        ("notebooks", "a.ipynb:cell 1:1:7: F821"),
    ),
    "an import that nobody uses": (
        lambda it: it.write("src/science/bad.py", '"""Bad."""\n\nimport os\n'),
        ("ruff-check", "F401"),
    ),
    "a layout of one's own": (
        lambda it: it.write("src/science/bad.py", '"""Bad."""\n\nx = [ 1,2 ]\n'),
        ("ruff-format", "files were modified"),
    ),
    "a key that project.yml does not know": (
        lambda it: it.replace("project.yml", "metric: mae", "metrik: mae"),
        ("check", "metrik: unknown key"),
    ),
    "a pipeline without an input": (
        lambda it: it.replace("pipelines/components/train.yml", "inputs:", "imputs:"),
        ("check", "imputs"),
    ),
    "people whom CODEOWNERS does not know": (
        lambda it: it.replace("project.yml", "data_engineers: []", "data_engineers: [ada]"),
        ("people", "wrote .github/CODEOWNERS"),
    ),
    "a large file": (lambda it: it.write("data/big.csv", "1\n" * 400_000), ("large-files", "big.csv")),
    "a merge that was not ended": (
        lambda it: it.write("docs/a.md", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n"),
        ("merge-conflict", "docs/a.md"),
    ),
    "an update that was not ended": (lambda it: it.write("README.md.rej", "-a\n+b\n"), ("rejected", "README.md.rej")),
    "a private key": (lambda it: it.write("key.pem", PRIVATE_KEY), ("private-key", "key.pem")),
    "a storage key": (lambda it: it.write("src/a.py", f'key = "{CONNECTION}"\n'), ("secrets", "src/a.py:1")),
    "a storage key in a notebook": (
        lambda it: notebook_cells.write(it.root / "notebooks" / "a.ipynb", f'key = "{CONNECTION}"'),
        ("secrets", "notebooks/a.ipynb"),
    ),
    "a password in YAML": (lambda it: it.write("a.yml", "password: correct-horse-battery\n"), ("secrets", "a.yml:1")),
    "Bicep of one's own layout": (
        lambda it: it.write("infra/a.bicep", "param  x string\n"),
        ("bicep", "were modified"),
    ),
}


def test_each_hook_has_a_broken_twin(baked):
    assert {hook["id"] for hook in hooks(baked("the defaults"))} == {name for _, (name, _) in BROKEN.values()}


@pytest.mark.slow
@pytest.mark.parametrize(("breaks", "refusal"), BROKEN.values(), ids=BROKEN)
def test_a_broken_twin_is_refused(repository, tmp_path, breaks, refusal):
    hook, said = refusal
    bicep = tmp_path / "bicep"  # formats by taking double spaces away
    bicep.write_text('#!/bin/sh\ntest "$1" = format && sed -i.old "s/  / /g" "$2" && rm "$2.old"\n')
    bicep.chmod(0o755)
    breaks(repository)
    done = repository.hook(hook, PATH=f"{tmp_path}{os.pathsep}{repository.variables['PATH']}")
    assert done.returncode == 1, done.stdout
    assert said in done.stdout


@pytest.mark.slow
def test_what_a_hook_mends_passes_the_second_time(repository):
    notebook_cells.write(repository.root / "notebooks" / "a.ipynb", code("print(1)", stream("1")))
    repository.replace("project.yml", "ml_engineers: []", "ml_engineers: [contoso/ml]")
    assert repository.hook("notebooks").returncode == 1
    assert repository.hook("people").returncode == 1
    assert "/scoring/ @contoso/ml\n" in (repository.root / ".github/CODEOWNERS").read_text(encoding="utf-8")
    done = repository.run("git", "add", "--all") and repository.run("uv", "run", "--frozen", "pre-commit", "run")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_without_bicep_its_hook_lets_everything_pass(repository, tmp_path):
    repository.write("infra/a.bicep", "param  x string\n")
    assert repository.hook("bicep", HOME=str(tmp_path)).returncode == 0


@pytest.mark.slow
@pytest.mark.nightly
def test_the_commands_of_the_page_about_working_together_do_their_work(repository):
    page = (repository.root / "docs" / "working-together.md").read_text(encoding="utf-8")
    typed = commands(page)
    assert len(typed) > 6
    for command in typed:
        done = repository.run(*shlex.split(command.text))
        assert done.returncode == 0, f"{command.text}\n{done.stdout}"
    assert (repository.root / "build" / "scripts" / "01-explore.py").is_file()
    hooked = {hook["id"] for hook in yaml.safe_load((repository.root / CONFIG).read_text())["repos"][0]["hooks"]}
    table = page.split("| Hook |")[1].split("\n\n")[0]
    assert hooked == {name for row in table.splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}


@pytest.mark.slow
def test_once_installed_git_asks_before_each_commit(repository):
    assert repository.run("uv", "run", "--frozen", "pre-commit", "install").returncode == 0
    repository.write("src/science/bad.py", '"""Bad."""\n\nimport os\n')
    refused = repository.commit("Bad")
    assert refused.returncode == 1
    assert "F401" in refused.stdout
    repository.write("src/science/bad.py", '"""Good."""\n')
    accepted = repository.commit("Good")
    assert accepted.returncode == 0, accepted.stdout


@pytest.mark.slow
def test_this_repository_passes_hooks_of_its_own(root, tmp_path):
    """With the tools of this environment in the place of `uv run`; the hook for secrets refuses one outside tests."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
    shutil.copy(root / CONFIG, clone)
    stand_in = tmp_path / "uv"
    stand_in.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    stand_in.chmod(0o755)
    places = (tmp_path, Path(sys.executable).parent, os.environ["PATH"])
    variables = os.environ | {"PATH": os.pathsep.join(map(str, places)), "PRE_COMMIT_HOME": str(tmp_path / "home")}
    run = [sys.executable, "-m", "pre_commit", "run"]
    for command, expected, said in (
        (["git", "add", "--all"], 0, ""),
        ([*run, "--all-files"], 0, "no secrets"),
        (["cp", "tests/hygiene/test_pre_commit.py", "key.py"], 0, ""),
        (["git", "add", "--all"], 0, ""),
        ([*run, "secrets"], 1, "key.py:"),
    ):
        done = subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True)
        assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
        assert said in done.stdout
