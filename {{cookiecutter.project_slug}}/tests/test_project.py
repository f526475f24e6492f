"""The facts in project.yml are right, and a wrong one is told by file and key."""

import pytest

from tdsp.editing import edit
from tdsp.errors import WrongInput
from tdsp.project import FILE, load, parse


@pytest.fixture
def text(root) -> str:
    return (root / FILE).read_text(encoding="utf-8")


def test_the_facts_of_this_project_are_right(root):
    facts = load(root / FILE)
    assert facts.data.target not in facts.data.exclude


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"metric": "accurate"}, "metric: 'accurate' is not a"),
        ({"task": "ranking"}, "task: input should be 'regression' or 'classification', not 'ranking'"),
        ({"data.targt": "y"}, "data.targt: unknown key; did you mean 'target'?"),
        ({"data.file": "../x.csv"}, "data.file: '../x.csv' must be a plain file name"),
        ({"split.test_fraction": 2}, "split.test_fraction: input should be less than 1, not 2"),
        ({"split.strategy": "time", "data.time": None}, "split.strategy: 'time' needs data.time"),
    ],
)
def test_a_wrong_fact_is_told_by_file_and_key(text, root, facts, said):
    with pytest.raises(WrongInput) as wrong:
        parse(edit(text, facts), root / FILE)
    assert f"{root / FILE}: {said}" in str(wrong.value)
