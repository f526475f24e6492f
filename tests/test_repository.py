"""The repository itself: one place for each fact, and commands that are the same everywhere."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml

import make


@pytest.fixture(scope="module")
def pyproject(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_tests_run_on_what_a_generated_project_asks_for(pyproject, baked):
    generated = baked("the defaults").pyproject
    asked = {
        *generated["project"]["dependencies"],
        *generated["project"]["optional-dependencies"]["azure"],
        *generated["dependency-groups"]["dev"],
    }
    assert set(pyproject["dependency-groups"]["project"]) == asked


def test_both_houses_are_resolved_for_the_same_day_and_the_same_pythons(pyproject, baked):
    generated = baked("the defaults").pyproject
    assert pyproject["tool"]["uv"]["exclude-newer"] == generated["tool"]["uv"]["exclude-newer"]
    assert pyproject["project"]["requires-python"] == generated["project"]["requires-python"]


def test_the_workflow_tests_every_python_that_a_project_may_use(pyproject, root):
    workflow = yaml.safe_load((root / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    low, high = re.findall(r"3\.(\d+)", pyproject["project"]["requires-python"])
    assert tested == [f"3.{minor}" for minor in range(int(low), int(high))]


def test_the_template_can_be_read_as_it_stands(kitchen):
    """Linters and pytest read this file where it lies: Jinja stays inside its strings."""
    (inside,) = kitchen.template.glob("{*")
    assert tomllib.loads((inside / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]])
def test_linter_and_formatter_find_nothing(root, arguments):
    result = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache"], cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("command", [["actionlint", "-no-color"], ["zizmor", "--offline", "--no-progress", ".github"]])
def test_the_workflows_are_sound(root, command):
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | {"PATH": path}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_action_is_pinned_to_a_commit(root):
    for path in (root / ".github/workflows").glob("*.yml"):
        for use in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use), use


def test_nothing_tells_where_it_was_made(root):
    """No path below somebody's home or above this checkout, no download address of a package."""
    places = "|".join(re.escape(str(place)) for place in (Path.home(), root.parent) if place != place.parent)
    traces = re.compile(rf"(?<![\w}}./*])(?:{places})/\w|https?://[\w.-]+/(?:simple|packages)/".encode())
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    for name in filter(None, tracked.stdout.split("\0")):
        text = (root / name).read_bytes()
        assert not traces.search(text), f"{name}: {traces.search(text)[0].decode()}"


def test_a_copy_of_the_template_holds_the_template_only(tmp_path):
    copy = make.copy_template(tmp_path / "copy")
    assert sorted(path.name for path in copy.iterdir()) == sorted(make.TEMPLATE_PARTS)
    assert not list(copy.rglob("__pycache__"))


def test_make_and_python_know_the_same_commands(root):
    targets = re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    helped = subprocess.run([sys.executable, "make.py", "--help"], cwd=root, capture_output=True, text=True).stdout
    assert "{" + ",".join(targets[1].split()) + "}" in helped


@pytest.mark.parametrize("trouble", [ModuleNotFoundError("ensurepip"), subprocess.CalledProcessError(1, "ensurepip")])
def test_a_python_that_cannot_make_environments_is_one_line(tmp_path, monkeypatch, trouble):
    monkeypatch.setattr(make, "BUILD", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("venv.create", Mock(side_effect=trouble))
    with pytest.raises(SystemExit) as end:
        make.find_uv()
    assert "python3-venv" in end.value.code  # text as the code: printed, and the exit code is 1
    assert "\n" not in end.value.code
    assert not (tmp_path / "uv").exists()


def test_the_repository_has_the_licence_that_the_readme_names(root):
    assert "## Licence\n\nMIT." in (root / "README.md").read_text(encoding="utf-8")
    assert (root / "LICENSE").read_text(encoding="utf-8").startswith("MIT License\n\nCopyright (c) 2026 ")


def test_one_missed_target_makes_the_benchmarks_fail(root, monkeypatch):
    assert all((root / "benchmarks" / name).is_file() for name in make.BENCHMARKS)
    codes = dict(zip(make.BENCHMARKS, (0, 1, 0, 0), strict=True))

    def ended(command, **_):
        return Mock(returncode=codes[Path(command[4]).relative_to(root / "benchmarks").as_posix()])

    run = Mock(side_effect=ended)
    monkeypatch.setattr(make.subprocess, "run", run)
    monkeypatch.setattr(make, "find_uv", lambda: "uv")
    with pytest.raises(SystemExit) as end:
        make.bench([])
    assert end.value.code.endswith(f"the target: {make.BENCHMARKS[1]}")
    assert run.call_count == len(make.BENCHMARKS)


def test_the_benchmarks_take_no_options_because_each_has_others():
    with pytest.raises(SystemExit, match="bench takes no options; the script that has --rounds is in benchmarks/"):
        make.bench(["--rounds", "3"])


@pytest.mark.parametrize("option", ["project_slug=other", "--output-dir=/tmp", "-o"])
def test_an_option_cannot_put_the_demo_elsewhere(option):
    with pytest.raises(SystemExit, match=f"demo takes no {option}: it is always build.disease-progression"):
        make.demo(["task=regression", option])


def test_the_demo_runs_in_the_folder_that_is_generated_whatever_its_name(tmp_path, monkeypatch):
    demo = tmp_path / make.DEMO.name
    monkeypatch.setattr(make, "BUILD", tmp_path)
    monkeypatch.setattr(make, "DEMO", demo)
    monkeypatch.setattr(make, "find_uv", lambda: "uv")
    monkeypatch.setattr(make, "copy_template", lambda target: target)
    run = Mock()
    monkeypatch.setattr(make, "run", run)
    make.demo(["project_name=Other"])
    generated, *steps = run.call_args_list
    assert {"project_name=Other", f"project_slug={demo.name}", f"--output-dir={tmp_path}"} <= set(generated.args)
    assert [step.kwargs["cwd"] for step in steps] == [demo] * len(make.LIFECYCLE)


@pytest.mark.slow
def test_uv_is_fetched_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(make, "BUILD", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    uv = make.find_uv()
    assert uv.startswith(str(tmp_path))
    assert subprocess.run([uv, "--version"], capture_output=True, text=True).stdout.startswith("uv ")
    shutil.rmtree(tmp_path / "uv")
