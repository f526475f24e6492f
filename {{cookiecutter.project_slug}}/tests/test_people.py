"""The people of project.yml are those whom GitHub asks for reviews."""

import pytest

from tdsp import people, project


def test_codeowners_says_what_project_yml_says(root):
    facts = project.load(root / "project.yml")
    if facts.ci != "github-actions":
        pytest.skip("Azure Repos has no CODEOWNERS")
    written = (root / people.CODEOWNERS).read_text(encoding="utf-8")
    assert written == people.codeowners(facts), "run: uv run tdsp people"


def test_each_rule_is_for_something_that_is_there(root):
    """`/infra/` and `/.github/` may be missing: they come with a choice."""
    patterns = {path for role in people.ROLES for path in role.paths} - {"*", "/infra/", "/.github/"}
    assert [path for path in patterns if not (root / path.strip("/")).exists()] == []
