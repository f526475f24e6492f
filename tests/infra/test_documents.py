"""What `infra/README.md` says can be done, costs what it says."""

import re
import shlex

import pytest
import yaml
from infra.bicep.engine import given_by
from infra.bicep.files import Template
from infra.bicep.reading import read
from infra.suite import LIBRARY

# Command -> options that it has.
KNOWN = {
    "az group create": {"--name", "--location"},
    "az deployment group what-if": {"--resource-group", "--parameters", "--name"},
    "az deployment group create": {"--resource-group", "--parameters", "--name", "--template-file"},
    "gh variable set": {"--body"},
    "gh api": {"--method"},
}


@pytest.fixture
def text(baked):
    return baked("the defaults").read("infra/README.md")


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_each_command_exists_and_names_what_is_there(text, baked, infra):
    project = baked("the defaults")
    commands = [shlex.split(line) for block in blocks(text, "bash") for line in block.splitlines()]
    assert {name for words in commands for name in KNOWN if " ".join(words).startswith(name)} == KNOWN.keys()
    for words in commands:
        (name,) = [name for name in KNOWN if " ".join(words).startswith(name)]
        assert {word for word in words if word.startswith("--")} <= KNOWN[name]
        for word in words:
            if word.startswith("infra/"):
                assert project.has(word)
        if "--template-file" in words:
            given = dict(word.split("=", 1) for word in words[words.index("--parameters") + 1 :])
            template = Template(infra, LIBRARY).open(infra.parent / words[words.index("--template-file") + 1])
            needed = {name for name, field in template.parameters.fields.items() if field.required}
            assert needed <= given.keys() <= template.parameters.fields.keys()


def test_the_variables_are_those_that_the_workflow_reads(text, baked):
    workflow = baked("the defaults").read(".github/workflows/infra.yml")
    said = set(re.findall(r"gh variable set (\w+)", text))
    read_there = set(re.findall(r"vars\.(AZURE_(?:PLAN|INFRA)\w+)", workflow))
    made_there = {name.format("DEV") for name in re.findall(r"format\('(AZURE_INFRA\w+\{0\})'", workflow)}
    assert said == read_there | made_there


def test_no_two_identities_trust_the_same_token(text, baked):
    """Who trains and deploys models, who deploys the infrastructure, and who looks ahead."""
    (models,) = re.findall(r"subject: '(\S+)'", text)
    (deployer,) = re.findall(r"deploySubject=(\S+)", text)
    (planner,) = re.findall(r"planSubject=(\S+)", text)
    assert len({models, deployer, planner}) == 3
    project = baked("the defaults")
    named = {}
    for file in (path for path in project.files if path.startswith(".github/workflows/") and path.endswith(".yml")):
        for name, job in yaml.safe_load(project.read(file))["jobs"].items():
            if "environment" in job:
                named[f"{file} {name}"] = str(job["environment"])
    deploys = named.pop(".github/workflows/infra.yml deploy").replace("${{ needs.build.outputs.environment }}", "dev")
    assert deployer == f"{models.rpartition(':')[0]}:{deploys}" != models
    assert named
    assert not [environment for environment in named.values() if "infra" in environment]


@pytest.mark.parametrize(
    ("name", "file"), [("the defaults", ".github/workflows/infra.yml"), ("Azure Pipelines", ".azuredevops/infra.yml")]
)
def test_the_compiler_and_its_linter_see_every_file(baked, infra, name, file):
    pipeline = baked(name).read(file)
    for path in infra.glob("*.bicep*"):
        if path.suffix == ".bicep":
            for verb in ("build", "lint"):
                assert f"az bicep {verb} --file infra/{path.name}" in pipeline
        elif path.suffix == ".bicepparam":
            assert f"az bicep build-params --file infra/{path.name}" in pipeline
    assert pipeline.count("project.yml") >= 2, "the parameter files read it: a change of it has to start this, too"


def test_the_example_fits_into_a_parameter_file(text, infra):
    (example,) = blocks(text, "bicep")
    assert read(example)
    path = infra / "dev.bicepparam"
    path.write_text(path.read_text(encoding="utf-8") + "\n" + example, encoding="utf-8")
    template = Template(infra, LIBRARY)
    (trust,) = given_by(template.open(path))["trusts"]
    assert trust.keys() == {"name", "issuer", "subject"}
    from infra.bicep.check import check

    assert check(infra, LIBRARY) == []


def tables(text):
    """The rows of each table of the section about cost: part, price, month."""
    section = text.split("\n## What a month costs\n")[1].split("\n## ")[0]
    for block in re.split(r"\n\n", section):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if lines:
            yield [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_costs_add_up(text):
    idle, active, private, models = tables(text)
    for rows in (idle, active):
        *parts, (_, _, total) = rows
        assert f"{sum(float(month) for _, _, month in parts):.2f}" == total
    assert idle[-1][2] == active[0][2]
    assert len(private) == 4
    assert len(models) == 1


@pytest.mark.parametrize(("unit", "times"), [("an hour", 1), ("a GB", 1), ("a day", 1)])
def test_a_month_is_its_price_times_its_amount(text, unit, times):
    """Hours, gigabytes and days as each row names them."""
    checked = 0
    for rows in tables(text):
        for part, price, month in rows:
            if not price.endswith(unit) or "cluster" in part or "more" in price:
                continue
            amount = re.search(r"([\d.]+) (hours|GB)", part)
            number = float(amount[1]) if amount else {"an hour": 730, "a day": 365 / 12}[unit]
            assert abs(float(price.split()[0]) * number - float(month)) < 0.011, part
            checked += times
    assert checked


def test_the_prices_are_dated(text):
    assert "as they were in the middle\nof 2025" in text
