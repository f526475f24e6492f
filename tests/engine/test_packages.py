"""Packages installed as they are written: an edit in one reruns the steps that may import it, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import venv
from pathlib import Path

import pytest
import yaml
from tdsp.engine.executor import editable

from tests.engine.watching import SRC

DRIVER = """
import json, sys
from pathlib import Path
sys.path[1:1] = sys.argv[1].split(":")
from tdsp import engine
result = engine.run(Path(sys.argv[2]), home=Path(sys.argv[3]), options=engine.Options(warm=sys.argv[4] == "True"))
print(json.dumps({name: [step.state, step.reason, step.tail] for name, step in result.steps.items()}))
"""


def by_path(folder: Path) -> dict[str, str]:
    """As hatch, uv and older pip write it."""
    return {"_shared.pth": f"{folder}\n"}


def by_finder(folder: Path) -> dict[str, str]:
    """As setuptools writes it."""
    finder = (
        f"import sys\nMAPPING: dict[str, str] = {{'shared': '{folder}/shared', 'deep': '{folder}/deep'}}\n"
        "class Finder:\n    @staticmethod\n    def find_spec(name, path=None, target=None):\n"
        "        from importlib.util import spec_from_file_location\n        from pathlib import Path\n"
        "        if name in MAPPING: return spec_from_file_location(name, Path(MAPPING[name]) / '__init__.py')\n"
        "def install(): sys.meta_path.append(Finder)\n"
    )
    return {
        "__editable__.shared-1.pth": "import __editable___shared_finder; __editable___shared_finder.install()",
        "__editable___shared_finder.py": finder,
    }


@pytest.fixture(params=[by_path, by_finder])
def run(request, bench):
    """Runs the bench's pipeline on a Python of its own, in which `src` is an editable installation."""
    home = bench.folder / "venv"
    venv.create(home, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    bench.write({"src/shared/__init__.py": "import deep\nA = deep.A", "src/deep/__init__.py": "A = 1"})
    for name, text in request.param(bench.folder / "src").items():
        (site / name).write_text(text)

    def go(warm: bool = False) -> dict[str, list[str]]:
        places = f"{SRC}:{Path(yaml.__file__).parents[1]}"
        words = [home / "bin" / "python", "-c", DRIVER, places, bench.file, bench.home, str(warm)]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return go


@pytest.mark.parametrize("warm", [False, True])
def test_an_edit_in_an_editable_package_reruns_what_imports_it(bench, run, warm: bool):
    bench.write({"a/s.py": "import shared\nprint(shared.A)", "b/s.py": "import json", "c/s.py": "import deep"})
    bench.write({"d/s.py": "import shared\nprint(shared.A)", "d/shared.py": "A = 0"})  # a shared of its own
    bench.pipeline({name: {"command": f"python s.py {name}", "code": f"./{name}"} for name in "abcd"})
    assert {step[0] for step in run(warm).values()} == {"ok"}
    assert {step[0] for step in run(warm).values()} == {"cached"}
    bench.write({"src/shared/more.py": "B = 1"})
    said = run(warm)
    assert {name: step[0] for name, step in said.items()} == {"a": "ok", "b": "cached", "c": "cached", "d": "cached"}
    assert said["a"][1] == "changed: package shared"
    bench.write({"src/deep/__init__.py": "A = 2"})  # a imports it through the other
    assert {name: step[0] for name, step in run(warm).items() if step[0] == "ok"} == {"a": "ok", "c": "ok"}


@pytest.fixture
def known(bench, monkeypatch):
    """`shared`, known as an editable package to this process, and found by its steps."""
    bench.write({"src/shared/__init__.py": "A = 'old'\n"})
    monkeypatch.setattr(editable, "_known", lambda: {"shared": (str(bench.folder / "src" / "shared"),)})
    return {"PYTHONPATH": str(bench.folder / "src")}


def test_an_edit_while_a_step_runs_leaves_no_answer(bench, known):
    command = "sleep 0.5; python -c 'import shared; print(shared.A)'"
    bench.pipeline({"a": {"command": command, "environment_variables": known}})
    threading.Timer(0.2, lambda: bench.write({"src/shared/__init__.py": "A = 'new'\n"})).start()
    result = bench.run()
    assert "not reused" in result.steps["a"].reason
    assert bench.log(result, "a") == "new\n"
    bench.write({"src/shared/__init__.py": "A = 'old'\n"})
    assert bench.log(bench.run(), "a") == "old\n"


@pytest.mark.parametrize(
    ("command", "files", "counts"),
    [
        ("python -m shared.tool", {}, True),
        ("shared-tool --x", {}, True),
        ("bash go.sh", {"go.sh": "python -m shared\n"}, True),
        ("python s.py", {"s.py": "import json, shared.x"}, True),
        ("python s.py", {"s.py": "try:\n    from shared import x\nexcept ImportError: pass"}, True),
        ("python s.py", {"s.py": "import importlib\nimportlib.import_module('shared.x')"}, True),
        ("papermill n.ipynb -", {"n.ipynb": '{"source": ["import shared\\n"]}'}, True),
        ("python s.py", {"s.py": "x = 1  # what is shared"}, False),
        ("python s.py", {"s.py": "import shared", "shared/__init__.py": ""}, False),
        ("cat data.csv", {"data.csv": "import shared"}, False),
    ],
)
@pytest.mark.usefixtures("known")
def test_what_may_import_a_package_is_seen(bench, monkeypatch, command: str, files: dict, counts: bool):
    monkeypatch.setattr(editable, "_scripts", lambda: {"shared-tool": "shared"})
    bench.write({f"code/{name}": text for name, text in files.items()})
    found = editable.used(command, {name: bench.folder / "code" / name for name in files})
    assert set(found) == ({"shared"} if counts else set())


def test_the_scripts_of_an_editable_installation_are_known(tmp_path: Path, monkeypatch):
    (tmp_path / "shared-1.dist-info").mkdir()
    (tmp_path / "shared-1.dist-info" / "direct_url.json").write_text('{"dir_info": {"editable": true}}')
    (tmp_path / "shared-1.dist-info" / "entry_points.txt").write_text(
        "[console_scripts]\nshared-tool = shared.cli:main\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    editable._scripts.cache_clear()
    try:
        assert editable._scripts() == {"shared-tool": "shared"}
    finally:
        editable._scripts.cache_clear()


def test_a_tree_without_python_is_no_package(tmp_path: Path, monkeypatch):
    """A project's own folder may be on the path, with its data beside its modules."""
    for name in ("data/raw.csv", "flat/__init__.py", "space/inner/__init__.py", "module.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "x.pth").write_text("..\n# no\nimport site\n/nowhere\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    editable._known.cache_clear()
    try:
        assert set(editable._known()) == {"flat", "space", "module"}
    finally:
        editable._known.cache_clear()


@pytest.mark.usefixtures("known")
def test_only_what_changed_is_read_again(bench, monkeypatch):
    bench.write({f"code/m{number}.py": f"x = {number}\n" for number in range(100)})
    files = {path.name: path for path in (bench.folder / "code").iterdir()}
    read, text = [], editable._text
    monkeypatch.setattr(editable, "_text", lambda path: read.append(Path(path).name) or text(path))
    once = editable.used("python m1.py", files)
    assert len(read) >= 100
    read.clear()
    assert editable.used("python m1.py", files) == once
    assert read == []
    (bench.folder / "code" / "m1.py").write_text("x = 1 + 1\n")
    editable.used("python m1.py", files)
    assert read == ["m1.py"]
