"""The documents keep what people wrote, and their marked sections are as the report expects them."""

from pathlib import Path

import pytest

from tdsp.errors import WrongInput
from tdsp.report import DOCUMENTS
from tdsp.report.sections import refresh

DOCS = Path(__file__).parents[1] / "docs"
TEXT = "by hand\n\n<!-- tdsp:begin a -->\nold\n<!-- tdsp:end a -->\n\nmore by hand\n"


def test_only_what_is_between_the_marks_changes():
    assert refresh(TEXT, {"a": "new"}, "x.md") == TEXT.replace("\nold\n", "\n\nnew\n\n")


def test_refreshing_twice_changes_nothing():
    once = refresh(TEXT, {"a": "new"}, "x.md")
    assert refresh(once, {"a": "new"}, "x.md") == once


def test_a_section_may_be_kept():
    assert refresh(TEXT, {"a": None}, "x.md") == TEXT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no marks", "missing <!-- tdsp:begin a -->"),
        ("<!-- tdsp:begin a -->\n", "has no end"),
        ("<!-- tdsp:end a -->\n", "found <!-- tdsp:end a -->"),
        (TEXT.replace("end a", "end b"), "where <!-- tdsp:end a --> should come first"),
        (TEXT + TEXT, "marked twice"),
        (TEXT.replace(" a -->", " b -->"), "no section is called 'b'"),
        (TEXT.replace("tdsp:end a -->", "tdsp:end a ->"), "a marker is broken"),
    ],
)
def test_a_broken_mark_is_told_in_one_line(text, message):
    with pytest.raises(WrongInput, match=message) as caught:
        refresh(text, {"a": "new"}, "x.md")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("x.md: ")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_this_projects_documents_have_their_marks(document):
    refresh((DOCS / document).read_text(encoding="utf-8"), dict.fromkeys(DOCUMENTS[document]), document)
