"""`tdsp serve --check` tells every answer that is not as it should be, and ends with 1."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from tdsp.cli import main
from tdsp.serving import check, server

RIGHT = check.Result("the sample request", 200, "answered in 5 ms", "")
WRONG = check.Result("NaN (bmi)", 200, "answered in 5 ms", "status 200 instead of 400")


@pytest.fixture
def tdsp(monkeypatch, tmp_path, capsys):
    """`tdsp(results)`: run the command against a server that gives these, and return its exit code and words."""
    (tmp_path / "project.yml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["tdsp", "serve", "--check", "--model", "model"])

    def run(*results):
        at = SimpleNamespace(score="http://127.0.0.1:9/score", log=Path("it.log"))
        monkeypatch.setattr(server, "running", lambda *_: contextlib.nullcontext(at))
        monkeypatch.setattr(check, "cases_for", lambda *_: ["a case"])
        monkeypatch.setattr(
            check, "check", lambda url, cases: results if (url, cases) == (at.score, ["a case"]) else ()
        )
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run


def test_right_answers_end_with_0(tdsp):
    code, out, _ = tdsp(RIGHT)
    assert code == 0
    assert "OK     200 the sample request: answered in 5 ms" in out
    assert out.endswith("all answers are as they should be\n")


def test_a_wrong_answer_is_told_and_ends_with_1(tdsp):
    code, out, err = tdsp(RIGHT, WRONG)
    assert code == 1
    assert "NOT OK 200 NaN (bmi): answered in 5 ms\n       status 200 instead of 400" in out
    assert "all answers" not in out
    assert "1 of the answers are not as they should be; the server's log is it.log" in err
