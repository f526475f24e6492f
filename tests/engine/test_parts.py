"""The small parts that have laws of their own: expressions, literals, search spaces, ignore files, pictures."""

from __future__ import annotations

import itertools
import os
import random
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tdsp.engine import graph
from tdsp.engine.executor.ignore import IgnoreFile
from tdsp.engine.plan import Plan, Step, Value
from tdsp.engine.reader import expressions, ports
from tdsp.engine.steps import search
from tdsp.engine.steps.policies import hopeless

WORDS = st.text("abc $[]{}", max_size=6)


@given(st.lists(st.tuples(st.booleans(), WORDS, st.one_of(st.none(), WORDS)), max_size=5))
def test_a_command_is_filled_in_as_documented(parts):
    """Each part is (inside `$[[ ]]`?, text, value of its input or None)."""
    parts = [
        (optional, text.replace("[", "").replace("]", "").replace("{", ""), value) for optional, text, value in parts
    ]
    template = expected = ""
    for number, (optional, text, value) in enumerate(parts):
        inner = f"{text}${{{{inputs.i{number}}}}}"
        template += f"$[[{inner}]]" if optional else inner
        expected += "" if optional and value is None else text + (value or "")
    values = {f"i{number}": value for number, (_, _, value) in enumerate(parts)}
    assert expressions.render(template, lambda group, name: values[name] if group == "inputs" else None) == expected


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [("number", 1e-3, "0.001"), ("number", "1e-3", "0.001"), ("number", 5, "5.0"), ("integer", "3", "3"),
     ("boolean", "true", "True"), ("boolean", False, "False"), ("string", 7, "7")],
)  # fmt: skip
def test_defaults_are_parsed_by_their_type(kind: str, raw: object, text: str):
    assert ports.default_text(ports.Port(kind, default=raw)) == text


@given(st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text()))
def test_what_the_job_assigns_is_passed_on_as_text(raw):
    assert ports.text_of(raw) == str(raw)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 50))
def test_ranges_are_closed(value: int, low: int, width: int):
    said = ports.objection(ports.Port("integer", minimum=low, maximum=low + width), value)
    assert (said is None) == (low <= value <= low + width)


ENTRIES = {
    "choice": {"type": "choice", "values": ["a", "b"]},
    "randint": {"type": "randint", "upper": 3},
    "uniform": {"type": "uniform", "min_value": 2, "max_value": 4},
    "quniform": {"type": "quniform", "min_value": 0, "max_value": 10, "q": 2.5},
    "loguniform": {"type": "loguniform", "min_value": -2, "max_value": 0},
    "qloguniform": {"type": "qloguniform", "min_value": 0, "max_value": 3, "q": 2},
    "normal": {"type": "normal", "mu": 5, "sigma": 0.001},
    "qnormal": {"type": "qnormal", "mu": 5, "sigma": 1, "q": 1},
    "lognormal": {"type": "lognormal", "mu": 0, "sigma": 0.001},
    "qlognormal": {"type": "qlognormal", "mu": 2, "sigma": 1, "q": 3},
}
LAWS = {
    "choice": lambda v: v in ("a", "b"),
    "randint": lambda v: v in (0, 1, 2),
    "uniform": lambda v: 2 <= v <= 4,
    "quniform": lambda v: v in (0, 2.5, 5, 7.5, 10),
    "loguniform": lambda v: 0.135 < v <= 1,
    "qloguniform": lambda v: v % 2 == 0 and 0 <= v <= 20,
    "normal": lambda v: 4.9 < v < 5.1,
    "qnormal": lambda v: isinstance(v, int),
    "lognormal": lambda v: 0.99 < v < 1.01,
    "qlognormal": lambda v: v % 3 == 0,
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_samples_obey_their_distribution(kind: str):
    assert not list(search.objections({"x": ENTRIES[kind]}, "random"))
    dice = random.Random(3)
    values = [search.sample(ENTRIES[kind], dice) for _ in range(300)]
    assert all(LAWS[kind](value) for value in values)
    assert len(set(values)) > 1


def test_a_grid_holds_every_combination_once():
    space = {"a": ENTRIES["choice"], "b": ENTRIES["randint"]}
    found = [tuple(trial.values()) for trial in search.trials(space, "grid", None)]
    assert found == list(itertools.product("ab", range(3)))


def test_a_seed_repeats_its_trials():
    take = [list(itertools.islice(search.trials(ENTRIES, "random", seed), 5)) for seed in (1, 1, 2)]
    assert take[0] == take[1] != take[2]


@pytest.mark.parametrize(
    ("entry", "algorithm", "said"),
    [({"type": "unifrom"}, "random", "unknown distribution"),
     ({"type": "uniform", "min_value": 1}, "random", "max_value"),
     (ENTRIES["uniform"], "grid", "a grid needs choice")],
)  # fmt: skip
def test_a_wrong_search_space_is_found(entry, algorithm, said):
    ((name, words),) = search.objections({"x": entry}, algorithm)
    assert name == "x"
    assert said in words


BANDIT = {"type": "bandit", "slack_factor": 0.2}


@pytest.mark.parametrize(
    ("policy", "maximize", "own", "others", "ends"),
    [
        (BANDIT, True, [0.5], [[1.0]], True),
        (BANDIT, True, [0.9], [[1.0]], False),
        (BANDIT, False, [1.3], [[1.0]], True),
        (BANDIT, False, [1.1], [[1.0]], False),
        ({**BANDIT, "delay_evaluation": 2}, True, [0.1, 0.1], [[1.0, 1.0]], False),
        ({**BANDIT, "evaluation_interval": 2}, True, [0.1], [[1.0]], False),
        ({"type": "bandit", "slack_amount": 0.3}, True, [0.5], [[1.0]], True),
        ({"type": "median_stopping"}, True, [0.1, 0.2], [[0.5, 0.5], [0.6, 0.6]], True),
        ({"type": "median_stopping"}, True, [0.7, 0.2], [[0.5, 0.5], [0.6, 0.6]], False),
        ({"type": "median_stopping"}, False, [0.7], [[0.5], [0.6]], True),
        (
            {"type": "truncation_selection", "truncation_percentage": 50},
            True,
            [0.1],
            [[0.2], [0.3], [0.4]],
            True,
        ),
        (
            {"type": "truncation_selection", "truncation_percentage": 50},
            True,
            [0.5],
            [[0.2], [0.3], [0.4]],
            False,
        ),
        ({}, True, [0.0], [[1.0]], False),
        (BANDIT, True, [], [[1.0]], False),
        (BANDIT, True, [-0.1], [[-0.5]], False),
        (BANDIT, True, [-0.13], [[-0.1]], True),
        (BANDIT, False, [-10.0], [[-9.0]], False),
        (BANDIT, False, [-7.0], [[-10.0]], True),
    ],
)
def test_hopeless_trials_are_known(policy, maximize, own, others, ends):
    assert hopeless(policy, maximize, own, others) is ends


PATTERNS = [
    "*.csv",
    "data/",
    "/data",
    "a/b",
    "a/**",
    "**/b",
    "a/*.py",
    "!keep.csv",
    "[ab].txt",
    "?.txt",
    "# no",
    "a/b/",
    "\\!x",
    "[!a].txt",
    "!/data",
    "!/a/b",
    "!a/*.py",
    "!data/",
    "!/",
    "/!x",
]
PATHS = [
    "x.csv",
    "data/x",
    "a/data/x",
    "a/b",
    "a/b/c",
    "a/c.py",
    "a/d/c.py",
    "keep.csv",
    "a.txt",
    "c.txt",
    "ab.txt",
    "b",
    "!x",
    "a/b.txt",
]


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory):
    """(patterns, paths) -> the paths that Git ignores."""
    place = tmp_path_factory.mktemp("ignoring")
    alone = {"PATH": os.environ["PATH"], "HOME": str(place), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*words: str, said: str = "") -> str:
        done = subprocess.run(["git", *words], cwd=place, env=alone, input=said, capture_output=True, text=True)
        assert done.returncode <= 1, done.stderr
        return done.stdout

    run("init", "-q")

    def ignored(patterns: list[str], paths: list[str]) -> set[str]:
        (place / ".gitignore").write_text("\n".join(patterns))
        return set(run("check-ignore", "--no-index", "--stdin", said="\n".join(paths)).splitlines())

    return ignored


def test_ignore_files_mean_what_git_means(git):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=4))
    def every(patterns: list[str]) -> None:
        mine = IgnoreFile("\n".join(patterns))
        found = set()
        for path in PATHS:
            parts = path.split("/")
            above = any(mine.excludes("/".join(parts[:depth]), True) for depth in range(1, len(parts)))
            if above or mine.excludes(path, False):
                found.add(path)
        assert found == git(patterns, PATHS)

    every()


def test_pictures_show_steps_arrows_and_states():
    from xml.etree import ElementTree

    step = {"kind": "command", "command": "", "outputs": {}, "code": None}
    steps = {"a<b": Step(name="a<b", inputs={}, **step)}
    steps["c"] = Step(name="c", inputs={"i": Value(step="a<b", output="o")}, **step)
    plan = Plan("p", "p.yml", "e", steps)
    text = graph.mermaid(plan, {"c": "failed"})
    assert 's0 -->|"o"| s1' in text
    assert "class s1 failed" in text
    picture = ElementTree.fromstring(graph.svg(plan, {"c": "failed"}))
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{space}rect")) == 3  # the background and two steps
    assert len(picture.findall(f"{space}path")) == 1
    assert "failed" in [item.text for item in picture.iter(f"{space}text")]
