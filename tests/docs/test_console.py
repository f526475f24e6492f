"""The reader of documents must notice what is wrong with one."""

import os

import pytest
from console import Command, Reader, commands


def test_prompted_lines_of_console_blocks_and_lines_of_bash_blocks_are_commands():
    document = "text `$ no`\n```console\n$ one\noutput\n$ two\n```\n```text\n$ no\n```\n```bash\n# no\nthree\n```\n"
    assert commands(document) == [Command("one", "output"), Command("two", ""), Command("three", "")]


PRINTED = "one 1\ntwo\nthree 3\n"


@pytest.mark.parametrize(
    "shown",
    [
        "one 1\ntwo\nthree 3",
        "one …\n…",
        "…\nthree …",
        "…\ntwo\n…",
        "on…\n…\nthree 3",
        "one …\n…\ntwo\n…\n…\nthree 3\n…",
        "…",
    ],
)
def test_an_ellipsis_stands_for_anything_and_alone_for_any_lines(shown):
    Command("x", shown).check(PRINTED)


@pytest.mark.parametrize(
    "shown",
    [
        "four",
        "one\nthree 3",
        "…\nthree 3\ntwo",
        "one 2…\n…",
        "two\n…",  # not where the output starts
        "one 1",  # not where it ends
        "ne 1\n…",
        "…\nthree",
        "one …\n…\none …\n…",
    ],
)
def test_output_that_differs_is_reported(shown):
    with pytest.raises(AssertionError, match="the document shows"):
        Command("x", shown).check(PRINTED)


def test_a_failing_command_is_reported_with_its_output(tmp_path):
    reader = Reader(tmp_path, dict(os.environ))
    with pytest.raises(AssertionError, match="boom"):
        reader.type("echo boom; exit 3")


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(AssertionError, match="no such folder"):
        Reader(tmp_path, dict(os.environ)).type("cd nowhere")


def test_a_server_that_never_answers_is_reported(tmp_path):
    with pytest.raises(AssertionError, match="did not get up"):
        Reader(tmp_path, dict(os.environ)).type("echo tdsp serve: no model; exit 1; tdsp serve")
