"""What is said in two places is said alike: Bicep, `tdsp connect`, the generator's hook and the documents."""

import json
import re
import string

import pytest
from hooking import ANSWERS, load_hook
from hypothesis import given, settings
from hypothesis import strategies as st
from infra import demands
from infra.bicep.engine import Run, deploy
from infra.bicep.files import Template
from infra.bicep.limits import PUBLIC, RESERVED, ROLES, check_plan
from infra.bicep.plan import Plan as Nothing
from infra.bicep.standins import PLACE, Place, Runtime, UndoableError
from infra.suite import ENVIRONMENTS, LIBRARY, LONGEST, TRUST
from tdsp.azure import github, identity, names, slots
from tdsp.azure.client import Target
from tdsp.project import Environment

LETTERS = string.ascii_lowercase + string.digits
SLUGS = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,6}", fullmatch=True).filter(lambda slug: len(slug) <= 40)
PARTS = ("micro", "soft", "windows", "win", "dows", "login", "log", "in", "xbox", "x", "box", "a", "model")
WORDS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5)
KINDS = {
    "storage account": demands.STORAGE,
    "key vault": demands.VAULT,
    "container registry": demands.REGISTRY,
    "workspace": demands.MACHINE_LEARNING,
    "model registry": "Microsoft.MachineLearningServices/registries",
    "log workspace": demands.LOGS,
}


@pytest.fixture(scope="module")
def hook(kitchen):
    return load_hook("pre_gen_project", kitchen.template)


@pytest.fixture(scope="module")
def main(baked):
    infra = baked("the defaults").root / "infra"
    return Template(infra, LIBRARY).open(infra / "main.bicep")


def named(main, slug, env="dev", place=PLACE):
    """The names that Bicep makes from a slug."""
    return Run(main, {"slug": slug, "env": env}, place, "main", Nothing()).symbol("names")


def everything(main, slug, env="dev"):
    start = "2026-11-01T00:00:00Z"
    given = {"slug": slug, "env": env, "budgetStart": start, "createModelRegistry": True, "trusts": [TRUST]}
    return deploy(main, given)


def target(slug, env="dev", workspace="mlw-churn"):
    place = Environment(
        subscription_id=PLACE.subscription, resource_group=PLACE.group, workspace=workspace, region=PLACE.location
    )
    return Target(env, slug, place)


def blank(name, unique):
    """A name with its five unique letters blotted out."""
    return name.removesuffix(unique) + "." * 5


@settings(max_examples=60, deadline=None)
@given(slug=SLUGS | WORDS.map("-".join), env=st.sampled_from(ENVIRONMENTS))
def test_the_hook_judges_the_names_that_bicep_makes(hook, main, slug, env):
    made = {one.type: one.name for one in everything(main, slug, env).made if one.type in KINDS.values()}
    for kind, name in hook.derive_names(slug, env).items():
        if kind == "endpoint":
            theirs = slots.endpoint_name(target(slug, env))
            assert blank(name, hook.UNIQUE) == blank(theirs, theirs[-5:])
        else:
            theirs = made[KINDS[kind]]
            tail = "" if kind == "log workspace" else theirs[-5:]
            assert blank(name, hook.UNIQUE if tail else "") == blank(theirs, tail)
    assert hook.derive_names(slug, env).keys() - {"endpoint"} == KINDS.keys()
    assert {KINDS[kind] for kind in KINDS} == PUBLIC


@settings(max_examples=80, deadline=None)
@given(slug=SLUGS | WORDS.map("-".join), env=st.sampled_from(ENVIRONMENTS))
def test_azure_takes_every_name_of_a_slug_that_the_hook_takes(hook, main, slug, env):
    """Lengths and characters cannot go wrong with a slug that keeps its rule; words that Azure keeps can."""
    refused = [line for line in hook.find_mistakes(ANSWERS | {"project_slug": slug}) if "Azure refuses" in line]
    found = [str(one) for one in check_plan(everything(main, slug, env), LIBRARY)]
    endpoint = slots.endpoint_name(target(slug, env))
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", endpoint)
    if refused:
        assert found or RESERVED.search(endpoint)
    else:
        assert found == []
        assert not RESERVED.search(endpoint)


def test_a_name_that_azure_refuses_is_seen_in_the_plan(main):
    """The check above is not blind."""
    assert [str(one) for one in check_plan(everything(main, "micro-soft"), LIBRARY)]
    with pytest.raises(UndoableError, match="1 to 40 are allowed"):
        everything(main, LONGEST + "-and-more")


def test_the_hook_and_the_check_of_plans_keep_the_same_words(hook):
    assert hook.RESERVED in RESERVED.pattern


@pytest.mark.parametrize("other", ["customer-churn-prediction-b", "customer-churn-predictionb"])
def test_projects_that_begin_alike_do_not_collide(main, other):
    slug = "customer-churn-prediction-a"
    ours, theirs = named(main, slug), named(main, other)
    assert not {value for key, value in ours.items() if key != "cluster"} & set(theirs.values())
    assert slots.endpoint_name(target(slug)) != slots.endpoint_name(target(other))


def test_the_same_project_elsewhere_has_other_names(main):
    worldwide = ("storage", "vault", "containers", "workspace")
    ours, theirs = named(main, "churn"), named(main, "churn", place=Place(group="rg-b"))
    assert not {ours[key] for key in worldwide} & {theirs[key] for key in worldwide}


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("slug", ["k", "churn-model", LONGEST])
def test_connect_asks_whether_the_names_that_bicep_gives_are_free(main, slug, env):
    made = {one.type: one.name for one in everything(main, slug, env).made}
    wanted = names.of(target(slug, env))
    assert wanted == {kind: made[kind] for kind in wanted}


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("slug", ["k", "churn-model", LONGEST])
def test_connect_finds_what_bicep_made(main, slug, env):
    """Identity, trust and roles have the names that `tdsp connect` looks for."""
    made = everything(main, slug, env)
    where = target(slug, env)
    own = identity.Identity(where, None)
    ids = [one for one in made.of(demands.IDENTITY) if one.name == own.name]
    assert [one.id for one in ids] == [own.id]
    assert ids[0].body["tags"]["tdsp.project"] == slug
    assert ids[0].body["tags"][slots.OWNER] == slug
    principal = Runtime(f"{own.id}.properties.principalId")
    names = {identity.assignment_name(where.group_id, principal, role) for role in identity.ROLES}
    ours = [
        one
        for one in made.of("Microsoft.Authorization/roleAssignments")
        if one.body["properties"]["principalId"] == principal
    ]
    on_group = {one.name for one in ours if one.id.startswith(f"{where.group_id}/providers/Microsoft.Authorization")}
    assert on_group == names


def test_the_roles_are_the_same_in_three_places(baked):
    ids = json.loads(baked("the defaults").read("infra/roles.json"))
    assert ids.items() <= ROLES.items()
    assert identity._ROLE_IDS.items() <= ids.items()
    assert demands.GRANTED["workflows"]["resource group"] == set(identity.ROLES)
    granted = set().union(*(roles for places in demands.GRANTED.values() for roles in places.values()))
    assert granted == set(ids)


def test_the_trust_is_the_one_that_connect_makes(main, baked):
    (trust,) = [one for one in everything(main, "churn").made if one.type.endswith("/federatedIdentityCredentials")]
    assert trust.body["properties"]["audiences"] == [identity.AUDIENCE]
    assert trust.id.endswith(f"/{github.Repository.host.lower()}-dev")
    assert TRUST["issuer"] == github.ISSUER
    example = baked("the defaults").read("infra/README.md")
    for written in (f"name: '{TRUST['name']}'", f"issuer: '{github.ISSUER}'", identity.AUDIENCE):
        assert written in example


def rows(text, heading):
    """The rows of the table below a heading."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ][2:]


def test_the_readme_says_who_has_which_role(baked):
    said = {}
    for who, role, where, _ in rows(baked("the defaults").read("infra/README.md"), "Who may do what"):
        said.setdefault(who, {}).setdefault(where, set()).add(role)
    assert said == demands.GRANTED


def test_the_readme_names_every_resource(baked, main):
    """Each row of the table is the form of some name, and each name that a person meets has a row."""
    patterns = [row[1].strip("`") for row in rows(baked("the defaults").read("infra/README.md"), "Names")]
    for word, form in (("PROJECT", "[a-z0-9-]+"), ("ENV", "(dev|prod)"), ("SUFFIX", "[a-z2-7]{5}")):
        patterns = [pattern.replace(word, form) for pattern in patterns]
    met = PUBLIC | {
        demands.IDENTITY,
        demands.INSIGHTS,
        f"{demands.MACHINE_LEARNING}/computes",
        "Microsoft.Consumption/budgets",
    }
    names = [made.name for made in everything(main, "churn-model").made if made.type in met]
    for name in names:
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in names), pattern


def test_the_readme_names_every_parameter(main, baked):
    text = baked("the defaults").read("infra/README.md")
    assert {row[0].strip("`") for row in rows(text, "Choices")} == main.parameters.fields.keys() - {
        "slug",
        "env",
        "location",
        "owner",
        "workspaceName",
    }
