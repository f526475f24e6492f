"""What a project's `infra/` would deploy: nothing that the compiler, its linter, Azure or our own rules refuse."""

import json
import re

import pytest
import yaml
from baking import WORKSPACE
from infra import demands, policy
from infra.bicep.engine import given_by
from infra.bicep.files import Template
from infra.seeds import SEEDS
from infra.suite import ENVIRONMENTS, LIBRARY, plan, verdict

PROJECTS = ("the defaults", "a chosen workspace", "odd characters")  # no other answer reaches the folder
NOTICED = 46  # of 50: what has to be reached with any mistakes; of our own seeds, all


@pytest.mark.parametrize("name", PROJECTS)
def test_nothing_is_wrong(baked, name):
    assert list(map(str, verdict(baked(name).root / "infra"))) == []


@pytest.mark.parametrize("seed", SEEDS, ids=[seed.title for seed in SEEDS])
def test_a_mistake_is_noticed(infra, seed):
    path = infra / seed.file
    text = path.read_text(encoding="utf-8")
    assert text.count(seed.old) == 1, "the seed does not fit the file any more"
    path.write_text(text.replace(seed.old, seed.new), encoding="utf-8")
    assert verdict(infra)


def test_there_are_enough_mistakes(capsys):
    """Each seed above has to be noticed, so their number is the number of mistakes noticed."""
    with capsys.disabled():
        print(f"\nBicep mistakes: {len(SEEDS)} seeded, every one noticed")
    assert len(SEEDS) == len({seed.title for seed in SEEDS}) >= 50 > NOTICED


def test_a_second_grammar_reads_every_file(infra):
    """tree-sitter's grammar is somebody else's. It lacks `param x = 1`, which `var x = 1` resembles."""
    assert read_elsewhere("var x = [") > 0
    for path in infra.rglob("*.bicep*"):
        if path.suffix in (".bicep", ".bicepparam"):
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"(?m)^param ", "var ", text) if path.suffix == ".bicepparam" else text
            assert read_elsewhere(text) == 0, path.name


def read_elsewhere(text):
    """The number of faults that tree-sitter finds."""
    import tree_sitter
    import tree_sitter_bicep

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    nodes = [parser.parse(text.encode()).root_node]
    return sum(node.type == "ERROR" or node.is_missing for node in nodes if not nodes.extend(node.children))


def parameters(infra, env):
    return given_by(Template(infra, LIBRARY).open(infra / f"{env}.bicepparam"))


def test_a_chosen_workspace_is_used_and_left_as_it_is(copied):
    infra = copied("a chosen workspace")
    assert plan(infra, "prod").of(demands.MACHINE_LEARNING)
    made = plan(infra, "dev")
    assert not {one.type for one in made.made} & demands.PLATFORM
    assert not made.of(f"{demands.MACHINE_LEARNING}/computes")
    assert made.outputs["workspaceName"] == WORKSPACE.split("/")[2]


def test_a_workspace_that_is_named_later_is_left_as_it_is_too(infra):
    facts = infra.parent / "project.yml"
    facts.write_text(facts.read_text(encoding="utf-8").replace('workspace: ""', 'workspace: "mlw-there"'))
    for env in ENVIRONMENTS:
        made = plan(infra, env)
        assert not {one.type for one in made.made} & demands.PLATFORM
        assert made.outputs["workspaceName"] == "mlw-there"


def test_no_workspace_yet_means_a_new_one(infra):
    for env in ENVIRONMENTS:
        (workspace,) = plan(infra, env).of(demands.MACHINE_LEARNING)
        assert workspace.name.startswith("mlw-diseaseprogression-")


def test_the_name_of_a_new_workspace_does_not_change_once_it_is_written_down(infra):
    facts = infra.parent / "project.yml"
    name = plan(infra, "dev").outputs["workspaceName"]
    text = facts.read_text(encoding="utf-8").replace('workspace: ""', f'workspace: "{name}"', 1)
    facts.write_text(text, encoding="utf-8")
    first, again = parameters(infra, "dev"), plan(infra, "dev")
    assert first["workspaceName"] == name
    assert [one.name for one in again.of(demands.MACHINE_LEARNING)] == [name]


@pytest.mark.parametrize("name", PROJECTS)
def test_the_parameter_files_read_the_facts_of_the_project(baked, name):
    project = baked(name)
    infra = project.root / "infra"
    for env in ENVIRONMENTS:
        given = parameters(infra, env)
        assert given["slug"] == project.facts["project"]["slug"]
        assert given["owner"] == project.facts["people"]["owner"]
        assert given["location"] == project.facts["environments"][env]["region"]
        assert given["workspaceName"] == project.facts["environments"][env]["workspace"]


def test_the_size_of_the_cluster_is_that_of_the_endpoint(baked, infra):
    """One family of machines, so one quota is enough to begin with."""
    described = yaml.safe_load(baked("the defaults").read("scoring/deployment.yml"))
    (cluster,) = plan(infra, "dev").of(f"{demands.MACHINE_LEARNING}/computes")
    assert policy.value_at(cluster, "properties.vmSize") == described["instance_type"]


def test_every_type_is_described_and_every_description_is_needed(infra):
    used = set(
        re.findall(r"'(Microsoft\.[\w./]+@[\w-]+)'", "".join(path.read_text() for path in infra.rglob("*.bicep")))
    )
    assert used == set(LIBRARY.names)


def test_the_json_files_hold_no_placeholder(infra):
    for name in ("roles.json", "bicepconfig.json"):
        assert json.loads((infra / name).read_text(encoding="utf-8"))
