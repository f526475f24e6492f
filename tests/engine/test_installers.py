"""However a step calls an installer, the user's environment stays as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from tdsp.engine.executor import pipguard

from tests.engine.watching import SRC

NOT_RUN = "[tdsp] not run here: "


@pytest.mark.parametrize(
    "command",
    [
        *("pip install nothing-at-all", "python -m pip install x", "conda install x", "uv pip install x"),
        *("uv add x", "pip --timeout 5 --cache-dir x install y", "pip3.11 install x", "poetry add x"),
        *("python -m uv pip install x", "python -m uv sync", "python -m pipx install x", "python -m poetry add x"),
        *("python -m conda install x", "python -m ensurepip", "uv self update", "pip config set a.b c"),
        'python -c \'import pip; pip.main(["install", "x"])\'',  # there is no real pip in the tests' environment
    ],
)
def test_a_step_cannot_install(bench, command: str):
    bench.pipeline({"a": command})
    result = bench.run()
    assert NOT_RUN in bench.log(result, "a")
    assert bench.states(result) == {"a": "ok"}


def test_commands_that_only_look_reach_the_real_program(bench, monkeypatch):
    bench.write({"bin/conda": "#!/bin/sh\necho real $*\n"})
    (bench.folder / "bin" / "conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bench.folder / 'bin'}:/usr/bin:/bin")
    bench.pipeline({"a": "conda env list"})
    assert bench.log(bench.run(), "a") == "real env list\n"
    bench.pipeline({"a": "poetry show"})
    assert bench.run().steps["a"].reason == "exit code 127"


@pytest.mark.parametrize("command", ["uv run python x.py", "uvx x", "pipx run x", "python -m uv run x"])
def test_what_would_install_first_is_a_failure_that_says_so(bench, command: str):
    bench.pipeline({"a": command})
    assert NOT_RUN in bench.run().steps["a"].tail


def test_a_uv_with_a_path_of_its_own_refuses_itself(bench):
    """As `python -I -m uv` does: nothing of the guard but a variable reaches it."""
    uv = shutil.which("uv")
    assert uv, "the tests are started by uv"
    bench.pipeline({"a": f"{uv} pip install nothing-at-all"})
    assert "Required uv version" in bench.run().steps["a"].tail


DRIVER = """
import json, sys
from pathlib import Path
sys.path[1:1] = sys.argv[1].split(":")
from tdsp import engine
result = engine.run(Path(sys.argv[2]), home=Path(sys.argv[3]))
print(json.dumps({name: (result.folder / "logs" / f"{name}.txt").read_text() for name in result.steps}))
"""
REAL = {
    "isolated": "python -I -m pip install nothing-at-all",
    "uninstall": "python -I -m pip uninstall -y victim",
    "path": "{bin}/pip install nothing-at-all",
    "imported": 'python -I -c \'import pip; pip.main(["uninstall", "-y", "victim"])\'',
    "inside": 'python -c \'from pip._internal.cli.main import main; main(["uninstall", "-y", "victim"])\'',
    "looks": "python -I -m pip --version",
    "looks_too": "pip --version",
    "imports": "python -c 'import pip; print(pip.__version__, pip.__file__)'",
}


@pytest.mark.slow
def test_the_real_pip_is_kept_from_changing_anything(bench):
    home = bench.folder / "venv"
    venv.create(home, with_pip=True)
    (site,) = home.glob("lib/python*/site-packages")
    victim = {"METADATA": "Metadata-Version: 2.1\nName: victim\nVersion: 1\n", "RECORD": "victim.py,,\n"}
    bench.write(
        {f"{site}/victim.py": "", **{f"{site}/victim-1.dist-info/{name}": text for name, text in victim.items()}}
    )
    before = sorted(path.name for path in site.iterdir())
    bench.pipeline({name: command.replace("{bin}", str(home / "bin")) for name, command in REAL.items()})
    places = f"{SRC}:{Path(yaml.__file__).parents[1]}"
    words = [home / "bin" / "python", "-c", DRIVER, places, bench.file, bench.home]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for name in ("isolated", "uninstall", "path", "imported", "inside"):
        assert f"{NOT_RUN}pip {'' if name in ('isolated', 'path') else 'un'}install" in said[name], name
    assert said["looks"] == said["looks_too"]
    assert said["looks"].startswith("pip 2")
    assert str(site / "pip") in said["imports"]
    assert sorted(path.name for path in site.iterdir()) == before


def test_the_guard_is_made_once_and_again_when_it_would_be_another(tmp_path: Path, monkeypatch):
    first = pipguard.write(tmp_path)
    made = (first / "bin" / "pip").stat().st_ino
    assert pipguard.write(tmp_path) == first
    assert (first / "bin" / "pip").stat().st_ino == made
    monkeypatch.setattr(sys, "executable", "/other/python")
    assert pipguard.write(tmp_path) != first


def test_engines_may_make_the_guard_at_once(tmp_path: Path):
    start = threading.Barrier(8)

    def make(_: int) -> Path:
        start.wait()
        return pipguard.write(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        (made,) = set(pool.map(make, range(8)))
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    assert (made / "bin" / "uv").is_file()
