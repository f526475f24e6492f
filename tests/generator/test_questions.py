"""What a person is asked."""

import json

from baking import questions
from hooking import load_hook

ASKED_AT_MOST = 10


def asked(kitchen):
    return {key: value for key, value in questions(kitchen.template).items() if not key.startswith("_")}


def test_there_are_few_questions(kitchen):
    assert len(asked(kitchen)) <= ASKED_AT_MOST


def test_every_question_has_a_sentence(kitchen):
    prompts = questions(kitchen.template)["__prompts__"]
    assert list(prompts) == list(asked(kitchen))


def test_every_choice_is_described(kitchen):
    prompts = questions(kitchen.template)["__prompts__"]
    for key, choices in asked(kitchen).items():
        if isinstance(choices, list):
            assert list(prompts[key]) == ["__prompt__", *choices]


def test_the_workspace_is_free_text_that_any_value_fits(kitchen):
    """A list here would break cruft, replays and every workspace that nobody listed."""
    assert questions(kitchen.template)["azureml_workspace"] == "decide-later"


def test_the_rules_know_every_choice(kitchen):
    rules = load_hook("pre_gen_project", kitchen.template).RULES
    for key, choices in asked(kitchen).items():
        if isinstance(choices, list):
            assert rules[key][0].replace("\\", "").split("|") == choices


def test_whoever_only_presses_enter_gets_the_example_project(baked, kitchen):
    project = baked("the defaults")
    assert project.facts["project"]["name"] == asked(kitchen)["project_name"]
    assert project.root.name == project.facts["project"]["slug"] == "disease-progression"


def test_the_questions_are_plain_json(kitchen):
    text = (kitchen.template / "cookiecutter.json").read_text(encoding="utf-8")
    assert json.loads(text)
    assert "\t" not in text
