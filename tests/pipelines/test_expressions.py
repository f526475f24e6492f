"""The language of conditions, as its documentation describes it: what the scenarios rest on."""

import pytest
from pipelines.expansion import Expander, PipelineError, load
from pipelines.expressions import ExpressionError, Known, evaluate, parse

NAMES = {
    "variables": {"Build.Reason": "PullRequest", "empty": ""},
    "parameters": Known(azure=True, names=["a", "b"]),
    "dependencies": {"train": {"result": "Succeeded", "outputs": {"train.outcome": "refused"}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("eq(variables['Build.Reason'], 'pullrequest')", True),  # capital letters do not count
        ("eq(parameters.azure, 'TRUE')", True),  # the right side becomes what the left side is
        ("ne(dependencies.train.outputs['train.outcome'], 'refused')", False),
        ("and(true, not(false), or(false, in('a', 'b', 'A')))", True),
        ("notIn('c', 'a', 'b')", True),
        ("coalesce(variables.empty, variables.nothing, 'x')", "x"),
        ("format('{0}-{1}', 'a', 'it''s')", "a-it's"),
        ("startsWith('refs/heads/dev', 'REFS/HEADS/')", True),
        ("endsWith('main', 'in')", True),
        ("contains('pullrequest', 'quest')", True),
        ("containsValue(parameters.names, 'B')", True),
        ("lower('ABC')", "abc"),
        ("upper('abc')", "ABC"),
        ("parameters.names[1]", "b"),
        ("variables['nothing']", None),
        ("dependencies.train.nothing.more", None),
    ],
)
def test_an_expression_has_its_documented_value(text, value):
    assert evaluate(parse(text), NAMES) == value


@pytest.mark.parametrize(
    "text",
    ["", "eq(", "eq('a' 'b')", "a == b", "eq('a', 'b'))", "variables.", "variables['x'", "success()", "secrets.x"],
)
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ExpressionError):
        evaluate(parse(text), NAMES)


def test_a_parameter_that_nobody_declared_is_refused():
    with pytest.raises(ExpressionError, match="azur"):
        evaluate(parse("parameters.azur"), NAMES)


def expanded(tmp_path, text, **parameters):
    (tmp_path / "it.yml").write_text(text)
    return Expander(tmp_path).pipeline("it.yml", parameters)


TEMPLATE = """
parameters:
  - {name: kind, type: string, default: a, values: [a, b, c]}
  - {name: more, type: object, default: {X: "1", Y: "2"}}
steps:
  - ${{ if eq(parameters.kind, 'a') }}:
      - bash: one
  - ${{ elseif eq(parameters.kind, 'b') }}:
      - bash: two
  - ${{ else }}:
      - bash: three
        env:
          ${{ each item in parameters.more }}:
            NAME_${{ item.key }}: ${{ item.value }}
          ${{ insert }}: ${{ parameters.more }}
"""


@pytest.mark.parametrize(("kind", "said"), [("a", "one"), ("b", "two"), ("c", "three")])
def test_one_branch_is_taken(tmp_path, kind, said):
    (step,) = expanded(tmp_path, TEMPLATE, kind=kind)["steps"]
    assert step["bash"] == said
    if kind == "c":
        assert step["env"] == {"NAME_X": "1", "NAME_Y": "2", "X": "1", "Y": "2"}


def test_a_value_outside_its_list_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="'d', not a or b or c"):
        expanded(tmp_path, TEMPLATE, kind="d")


def test_every_scalar_is_text():
    assert load("a: true\nb: 1\nc: 2026-11-14\nd:") == {"a": "true", "b": "1", "c": "2026-11-14", "d": ""}
