"""Reading, checking and editing project.yml."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from science import prepare
from tdsp import gate
from tdsp.editing import edit
from tdsp.errors import WrongInput
from tdsp.project import Project, find_root, load, parse

GOOD = {
    "project": {"name": "N", "slug": "n", "question": "Q?"},
    "task": "regression",
    "data": {"file": "d.csv", "target": "y"},
    "split": {"strategy": "random"},
    "metric": "mae",
    "gate": {},
    "environments": {},
    "people": {"owner": "o"},
}
HERE = Path("project.yml")


def with_(changes: dict) -> str:
    facts = {key: dict(value) if isinstance(value, dict) else value for key, value in GOOD.items()}
    for key, value in changes.items():
        room, _, name = key.partition(".")
        if name:
            facts[room][name] = value
        else:
            facts[room] = value
    return yaml.safe_dump(facts)


@pytest.mark.parametrize("changes", [{}, {"gate.threshold": 3}, {"data.exclude": ["a"]}, {"split.test_fraction": 0.3}])
def test_good_facts_pass(changes):
    assert parse(with_(changes), HERE).task == "regression"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"metric": "roc_auc"},
            "metric: 'roc_auc' is not a regression metric; use one of mae, median_ae, rmse, r2",
        ),
        (
            {"split.strategy": "group"},
            "split.strategy: 'group' needs data.group, the column whose rows stay together",
        ),
        ({"split.strategy": "stratified"}, "split.strategy: 'stratified' is for classification"),
        ({"data.positive": "yes"}, "data.positive: only a classification has a positive class"),
        ({"data.exclude": ["y"]}, "data.exclude: 'y' is the target"),
        ({"data.sensitive": ["y"]}, "data.sensitive: 'y' is the target"),
        ({"data.time": "y"}, "data.time: 'y' is the target"),
        (
            {"data.file": "a/b.csv"},
            "data.file: 'a/b.csv' must be a plain file name; the folder is always data/raw",
        ),
        ({"data.exclude": "a"}, "data.exclude: must be a list, like [a, b], not 'a'"),
        ({"gate.confidence": 1}, "gate.confidence: input should be less than 1, not 1"),
        ({"split.seed": 2**32}, "split.seed: input should be less than or equal to 4294967295, not 4294967296"),
        ({"gate.threshold": "60"}, "gate.threshold: must be a number, not '60'"),
        ({"project.slug": "Big"}, "project.slug: string should match pattern"),
        ({"people": {}}, "people.owner: missing"),
        (
            {"colour": 1},
            "colour: unknown key; there is azure, ci, data, environments, gate, metric, people, project, split, task",
        ),
        ({"environments": {"test": {}}}, "environments.test: unknown key; there is dev, prod"),
        ({"data.sensitiv": []}, "data.sensitiv: unknown key; did you mean 'sensitive'?"),
        (
            {"environments": {"dev": {"work_space": ""}}},
            "environments.dev.work_space: unknown key; did you mean 'workspace'?",
        ),
    ],
)
def test_each_wrong_fact_is_one_line(changes, said):
    with pytest.raises(WrongInput) as wrong:
        parse(with_(changes), HERE)
    assert str(wrong.value).splitlines() == [str(wrong.value)]
    assert str(wrong.value).startswith(f"project.yml: {said}")


def test_all_mistakes_are_told_at_once():
    with pytest.raises(WrongInput) as wrong:
        parse(with_({"split.strategy": "time", "data.positive": 1, "metric": "f1"}), HERE)
    assert len(str(wrong.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "project.yml: not YAML: line 1, column 5: "),
        (b"project:\n  name: x\n  slug: y\n question: z\n", "project.yml: not YAML: line 4, column 2: expected"),
        (b"", "project.yml: the file: must be keys and values"),
        (b"- 1", "project.yml: the file: must be keys and values"),
        (b"\xff", "project.yml: not UTF-8 text"),
        (b"a: \x00", "project.yml: not YAML: "),
        (None, "project.yml: No such file or directory"),
    ],
)
def test_what_is_no_facts_file_is_one_line(content, said, tmp_path):
    if content is not None:
        (tmp_path / HERE).write_bytes(content)
    with pytest.raises(WrongInput) as wrong:
        load(tmp_path / HERE)
    assert str(wrong.value).startswith(f"{tmp_path}/{said}")
    assert "\n" not in str(wrong.value)


def test_the_root_is_found_from_below_and_missed_elsewhere(tmp_path):
    (tmp_path / "project.yml").write_text("")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_root(tmp_path / "a" / "b") == tmp_path.resolve()
    (tmp_path / "project.yml").unlink()
    with pytest.raises(WrongInput, match=r"no project.yml in .* or above it"):
        find_root(tmp_path / "a")


@example("on", ["yes", "null", "1", "0?", "a: b", "#", "[x]", "it's", '"', "\\", "é", "-", "~", "1e3"])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), st.lists(st.text(max_size=9)))
def test_any_column_name_survives_editing(name, others):
    others = [other for other in others if other.isprintable() and other != name]
    text = "# head\n" + with_({}) + "# tail\n"
    edited = edit(text, {"data.target": name, "data.exclude": others})
    facts = parse(edited, HERE)
    assert (facts.data.target, facts.data.exclude) == (name, others)
    assert edited.startswith("# head\n")
    assert edited.endswith("# tail\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (yaml.safe_dump(GOOD) + "metric: rmse\n", "metric comes twice"),
        (yaml.safe_dump(GOOD).replace("target: y", "target: y\n  target: z"), "target comes twice"),
        (yaml.safe_dump(GOOD).replace("task: regression", "task: 2026-13-45"), "not YAML: month must be in 1..12"),
        (with_({"gate.threshold": float("nan")}), "gate.threshold: input should be a finite number"),
    ],
)
def test_what_yaml_would_take_silently_is_refused(text, said):
    with pytest.raises(WrongInput, match=said):
        parse(text, HERE)


def test_what_may_be_left_out_is_the_same_for_all_who_read_the_file():
    """The steps read its text: they go with their code to other machines, and this module does not."""
    facts = Project.model_validate(GOOD)
    assert {key: getattr(facts.split, key) for key in prepare.SPLIT} == prepare.SPLIT
    assert {key: getattr(facts.gate, key) for key in prepare.GATE} == prepare.GATE == gate.DEFAULTS
