"""Whatever a person types: it arrives in the project as it is, or it is refused in one line."""

import re
from pathlib import Path
from unittest import mock

import pytest
import yaml
from baking import COMBINATIONS, BakedProject, questions
from cookiecutter.main import cookiecutter
from cookiecutter.utils import create_env_with_context
from hooking import ANSWERS, load_hook
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HOSTILE = st.lists(
    st.sampled_from(
        [
            '"',
            "'",
            '"""',
            "\\",
            "\\n",
            "{{",
            "}}",
            "{% raw %}",
            "{#",
            "$HOME",
            "%s",
            "#",
            ": ",
            "- ",
            "é",
            "🎉",
            "👩‍💻",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=40,
).map("".join)


@pytest.fixture(scope="module")
def hook(kitchen):
    return load_hook("pre_gen_project", kitchen.template)


def refused(hook, **answers):
    """The keys of the answers that the hook complains about."""
    return [line.split(":")[0] for line in hook.find_mistakes(ANSWERS | answers)]


def typed(kitchen, into, **answers):
    """Generate a project as a person does who types `answers`: what is typed is not rendered again."""

    def answer(key, default, *_):
        return answers.get(key, default[0] if isinstance(default, list) else default)

    config = kitchen.home / "config.yml"
    config.write_text(yaml.safe_dump({"replay_dir": str(kitchen.home / "replay")}))
    with (
        mock.patch("cookiecutter.prompt.read_user_variable", answer),
        mock.patch("cookiecutter.prompt.read_user_choice", answer),
    ):
        root = cookiecutter(str(kitchen.template), output_dir=str(into), config_file=str(config), accept_hooks=False)
    return BakedProject(Path(root))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=HOSTILE, question=HOSTILE)
@example(name=COMBINATIONS["odd characters"]["project_name"], question='"""\\')
@example(name="{{ 7 * 7 }}", question="{{ cookiecutter.nothing }} {% raw %}")
@example(name="x" * 20_000, question="Ω" * 20_000)
@example(name="\u2028", question="\x1b[31m")
def test_any_text_arrives_or_is_refused(kitchen, hook, tmp_path_factory, name, question):
    bad = {
        key
        for key, text in (("project_name", name), ("business_question", question))
        if hook.check_text({**ANSWERS, key: text})
    }
    assert set(refused(hook, project_name=name, business_question=question)) == bad
    if bad:
        return
    project = typed(kitchen, tmp_path_factory.mktemp("typed"), project_name=name, business_question=question)
    facts = project.facts["project"]
    assert (facts["name"], facts["question"]) == (name, question)
    assert project.pyproject["project"]["description"] == question


@given(name=HOSTILE)
@example(name="🎉")
@example(name="2024 Forecast")
@example(name="a" * 31 + " b")
def test_every_name_gives_a_slug_that_is_accepted(kitchen, hook, name):
    slug = derive_slug(kitchen, name)
    unlucky = slug in hook.PACKAGES or re.search(hook.WINDOWS_DEVICES, slug)
    unlucky = unlucky or any(re.search(hook.RESERVED, name) for name in hook.derive_names(slug, "dev").values())
    assert refused(hook, project_slug=slug) == [] or unlucky


@given(text=HOSTILE)
@example(text='"""')
@example(text="\\")
def test_a_hook_reads_every_answer_as_it_was_given(kitchen, text):
    answers = {"project_name": text, "business_question": f'{text}"'}
    for name in ("pre_gen_project", "post_gen_project"):
        assert ANSWERS | answers == load_hook(name, kitchen.template, **answers).CONTEXT


def derive_slug(kitchen, name):
    template = questions(kitchen.template)["project_slug"]
    return create_env_with_context({}).from_string(template).render(cookiecutter={"project_name": name})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project_slug", "Churn"),
        ("project_slug", "2churn"),
        ("project_slug", "churn_model"),
        ("project_slug", "churn-"),
        ("project_slug", "churn--model"),
        ("project_slug", "../churn"),
        ("project_slug", "c" * 41),
        ("project_slug", "churn\n"),
        ("project_slug", "con"),
        ("project_slug", "lpt9"),
        ("project_slug", "pandas"),
        ("owner", "-contoso"),
        ("owner", "con toso"),
        ("owner", "@contoso"),
        ("owner", "c" * 40),
        ("owner", "größe"),
        ("task", "clustering"),
        ("license", "GPL-3.0"),
        ("azure_region", "West Europe"),
        ("azure_region", ""),
        ("project_name", "   "),
        ("project_name", "two\nlines"),
        ("business_question", "a\ttab"),
        ("business_question", "a bell \a"),
    ],
)
def test_a_bad_answer_is_refused(hook, key, value):
    assert refused(hook, **{key: value}) == [key]


@pytest.mark.parametrize(
    ("slug", "kind"),
    [
        ("microsoft-sales", "storage account"),
        ("my-windows", "storage account"),
        ("micro-soft", "storage account"),
        ("window-seats", "storage account"),
        ("prices-of-micro-soft", "container registry"),
        ("login-funnel", "endpoint"),
        ("xbox-returns", "endpoint"),
    ],
)
def test_a_word_that_azure_keeps_is_refused_before_azure_does(hook, slug, kind):
    (line,) = hook.find_mistakes(ANSWERS | {"project_slug": slug})
    assert f"Azure refuses the {kind} " in line


@pytest.mark.parametrize("slug", ["blogin", "my-xbox", "a-login", "log-in", "window-blinds"])
def test_a_word_like_one_that_azure_keeps_is_accepted(hook, slug):
    assert refused(hook, project_slug=slug) == []


@pytest.mark.parametrize("owner", ["a", "contoso", "octo-cat", "jane-doe_contoso", "9lives"])
def test_a_github_name_is_accepted(hook, owner):
    assert refused(hook, owner=owner) == []


@pytest.mark.parametrize(
    ("workspace", "parts"),
    [
        ("mlw-churn", ["azureml_workspace"]),
        ("rg/mlw-churn", ["azureml_workspace"]),
        ("7", ["azureml_workspace"]),
        ("", ["azureml_workspace"]),
        ("1234/rg/mlw-churn", ["azureml_workspace, subscription-id"]),
        ("11111111-2222-3333-4444-555555555555/rg./mlw-churn", ["azureml_workspace, resource-group"]),
        ("11111111-2222-3333-4444-555555555555/rg/ml", ["azureml_workspace, workspace"]),
        (
            "1/rg./m",
            [f"azureml_workspace, {part}" for part in ("subscription-id", "resource-group", "workspace")],
        ),
        ("11111111-2222-3333-4444-555555555555/rg_(été).x/mlw_1", []),
        ("decide-later", []),
    ],
)
def test_a_workspace_is_named_in_full_or_decided_later(hook, workspace, parts):
    assert refused(hook, azureml_workspace=workspace, __workspace_id=workspace) == parts


@pytest.mark.parametrize(
    ("region", "meant"),
    [("West Europe", "westeurope"), ("eastus22", "eastus2"), ("swedencentrl", "swedencentral")],
)
def test_a_misspelt_region_brings_the_near_name(hook, region, meant):
    (line,) = hook.check_region({"azure_region": region})
    assert line.endswith(f"for example {meant}")


def test_every_mistake_is_shown_at_once_and_nothing_is_left(kitchen, tmp_path):
    answers = [
        "project_slug=No Good",
        "owner=a b",
        "azure_region=moon",
        "azureml_workspace=x/y",
        "license=MIT",
    ]
    result = kitchen.cookiecutter("--no-input", *answers, into=tmp_path)
    assert result.returncode == 1
    lines = [line.strip() for line in result.stderr.splitlines() if ": '" in line]
    assert [line.split(":")[0] for line in lines] == [
        "project_slug",
        "owner",
        "azureml_workspace",
        "azure_region",
    ]
    assert all("will not do. Use " in line and ", for example " in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_project_cannot_be_called_like_what_it_needs(hook, baked):
    """uv refuses a project that depends on itself; the hook says so before."""
    data = baked("the defaults").pyproject
    lists = [data["project"]["dependencies"], *data["project"]["optional-dependencies"].values()]
    needed = [entry for several in (*lists, *data["dependency-groups"].values()) for entry in several]
    names = {re.split(r"[\[<>=! ]", requirement)[0].lower() for requirement in needed}
    assert names <= set(hook.PACKAGES)
