"""The commands as a user types them: exit codes, messages, speed of `--help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tdsp import engine

SRC = Path(engine.__file__).parents[2]


def tdsp(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(SRC)!r}); from tdsp.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def two(bench):
    bench.pipeline({"a": {"command": "ls ${{outputs.o}}", "outputs": {"o": None}}, "b": "echo b"})
    return bench


def test_a_run_says_what_happened_and_where_it_lies(two):
    first, second = tdsp(two.folder, "run", "pipeline.yml"), tdsp(two.folder, "run", "pipeline.yml")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "> a            first run" in first.stdout
    assert "= a            cached" in second.stdout
    assert "ok in 0.0s, 2 of 2 steps cached" in second.stdout
    assert ".tdsp/runs/" in second.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "ran"),
    [(["--force", "pipeline.yml"], "ab"), (["pipeline.yml", "--force"], "ab"), (["pipeline.yml", "--force", "b"], "b"),
     (["--force", "--until", "a", "pipeline.yml"], "a")],
)  # fmt: skip
def test_force_stands_alone_or_before_a_step(two, words, ran):
    tdsp(two.folder, "run", "pipeline.yml")
    said = tdsp(two.folder, "run", *words).stdout
    assert {line.split()[1] for line in said.splitlines() if line.startswith(">")} == set(ran)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", "none.yml"], 2, "No such file"),
        (["run", "pipeline.yml", "--set", "inputs"], 2, "write --set KEY=VALUE"),
        (["run", "pipeline.yml", "--stub", "a"], 2, "write --stub STEP=FOLDER"),
        (["run", "pipeline.yml", "--until", "z"], 2, "no step 'z'"),
        (["run"], 2, "name a pipeline file"),
        (["graph", "pipeline.yml", "-o", "x.bmp"], 2, "ends in .svg"),
        (["check", "list.yml"], 2, "not a job"),
        (["check", "broken.yml"], 2, "not YAML"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(two, words, code, said):
    two.write({"list.yml": "[1]", "broken.yml": "a: [b"})
    done = tdsp(two.folder, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_failed_step_is_code_1_with_its_tail(bench):
    bench.write({"src/s.py": "import not_there\n"})
    bench.pipeline({"a": {"command": "python s.py", "code": "./src"}})
    done = tdsp(bench.folder, "run", "pipeline.yml")
    assert done.returncode == 1
    assert "x a            exit code 1" in done.stdout
    assert str(bench.folder / "src" / "s.py") in done.stdout
    assert "'not_there' is neither in the step's snapshot nor installed" in done.stdout


def test_check_prints_each_mistake_with_its_place(bench):
    bench.pipeline({"a": "echo ${{inputs.x}}"})
    done = tdsp(bench.folder, "check", "pipeline.yml", "--no-sdk")
    assert done.returncode == 2
    line = 1 + bench.file.read_text().splitlines().index("    command: echo ${{inputs.x}}")
    assert f"error: pipeline.yml:{line}: jobs.a.command: no input 'x' is declared" in done.stdout
    assert "1 mistakes" not in done.stdout


def test_graph_prints_mermaid_and_writes_a_picture(two):
    tdsp(two.folder, "run", "pipeline.yml")
    assert tdsp(two.folder, "graph", "pipeline.yml").stdout.startswith("flowchart TD")
    assert "class s0,s1 ok" in tdsp(two.folder, "graph", "pipeline.yml").stdout
    assert "class" not in tdsp(two.folder, "graph", "pipeline.yml", "--plain").stdout
    assert tdsp(two.folder, "graph", "pipeline.yml", "-o", "p.svg").returncode == 0
    assert (two.folder / "p.svg").read_text().startswith("<svg")


def test_cache_says_what_went(two):
    tdsp(two.folder, "run", "pipeline.yml")
    assert "removed 2 results" in tdsp(two.folder, "cache", "--days", "0").stdout


def test_a_bare_pipeline_brings_neither_the_facts_nor_mlflow(two):
    code = (
        f"import sys; sys.path.insert(0, {str(SRC)!r}); sys.argv = ['tdsp', 'run', 'pipeline.yml']\n"
        "from tdsp.cli import main\ntry: main()\nexcept SystemExit: pass\n"
        "heavy = {'mlflow', 'pandas', 'tdsp.project', 'azure', 'sklearn', 'tdsp.cli.lifecycle'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    tdsp(two.folder, "run", "pipeline.yml")
    slow = "'typer', 'click', 'rich', 'shutil', 'subprocess', 'sqlite3', 'uuid', 'difflib', 'tempfile'"
    code = code.replace("heavy = {", f"heavy = {{{slow}, ")  # with nothing to do, neither what reads options and steps
    done = subprocess.run([sys.executable, "-c", code], cwd=two.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "words"), [("run", ["tdsp run --stub", ".tdsp/"]), ("check", ["--no-sdk", "nothing"])]
)
def test_help_teaches(two, command: str, words: list[str]):
    said = tdsp(two.folder, command, "--help").stdout
    assert all(word in said for word in ["For example", *words])
