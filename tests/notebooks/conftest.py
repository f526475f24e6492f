"""A folder with every rule of ruff that a notebook could break switched on, and a way to ask for findings."""

from collections.abc import Callable
from pathlib import Path

import notebook_cells
import pytest
from tdsp.cli import main
from tdsp.notebooks import lint, reading, script
from tdsp.notebooks.findings import Finding

# Left out is taste: docstrings, annotations, commas, print, numbers without a name.
STRICT = """
line-length = 79
preview = true
target-version = "py311"
[lint]
select = ["ALL"]
ignore = ["ANN", "COM812", "D1", "D203", "D213", "PLR2004", "T20"]
"""


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """The folder."""
    (tmp_path / "ruff.toml").write_text(STRICT)
    return tmp_path


@pytest.fixture
def findings(strict: Path) -> Callable[..., list[Finding]]:
    """`findings("x = 1", "x")`: what is found in a notebook of these cells."""

    def find(*cells) -> list[Finding]:
        notebook_cells.write(strict / "it.ipynb", *cells)
        return lint.lint(script.convert(reading.read_all([strict / "it.ipynb"])))

    return find


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the test stands, outside CI."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_BASE_REF", "TF_BUILD", "SYSTEM_PULLREQUEST_TARGETBRANCH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def tdsp(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """`tdsp("a.ipynb", code=1)`: run the command, check its exit code, return what it printed or complained about."""
    assert Path.cwd() == here

    def run(*words: str, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["tdsp", "notebooks", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert end.value.code == code, said
        return said.out or said.err

    return run
