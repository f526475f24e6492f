"""The reference pages say what the code says."""

import pytest

from docs.reference import PAGES, pages

MADE = pages()


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_what_the_code_gives_today(name):
    assert (PAGES / name).read_text(encoding="utf-8") == MADE[name], "run: uv run python docs/reference.py"


def test_every_fact_has_a_meaning():
    assert "| None |" not in MADE["project-yml.md"]
