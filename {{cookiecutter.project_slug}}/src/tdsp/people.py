"""Who does what: the roles of the Team Data Science Process, and the reviewers that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tdsp import files
from tdsp.project import Project

CODEOWNERS = Path(".github") / "CODEOWNERS"
_HEADING = """\
# Written by `tdsp people` from `people` in project.yml: change it there. The last rule that fits a file decides.
# GitHub wants a person or a team with write access here: of an organisation, name a team (contoso/data-science).
"""


@dataclass(frozen=True)
class Role:
    """One role.

    Attributes:
        key: below `people` in project.yml.
        title: what it is called.
        answers_for: what nobody else decides.
        paths: what is reviewed by whoever has it, as patterns of CODEOWNERS.
    """

    key: str
    title: str
    answers_for: str
    paths: tuple[str, ...]


# The order of CODEOWNERS: from everything to the single folder.
ROLES = (
    Role("project_lead", "Project lead", "this repository, plan, reviews, approval of production", ("*",)),
    Role(
        "product_owner",
        "Product owner",
        "the question, the target value, acceptance",
        ("/docs/1-business-understanding/", "/docs/5-customer-acceptance/"),
    ),
    Role("data_engineers", "Data engineers", "sources, schema and quality of the data", ("/data/", "/docs/2-data/")),
    Role(
        "data_scientists",
        "Data scientists",
        "features, model and reports",
        ("/notebooks/", "/src/science/", "/docs/3-modeling/"),
    ),
    Role(
        "ml_engineers",
        "ML engineers",
        "pipeline, service, monitoring",
        ("/pipelines/", "/scoring/", "/docs/4-deployment/"),
    ),
    Role("team_lead", "Team lead", "workspace, access, cost, automation", ("/infra/", "/.github/")),
    Role("group_manager", "Group manager", "the template, security policy", ("/src/tdsp/", "/docs/security.md")),
)


def who(facts: Project, role: Role) -> list[str]:
    """Return the GitHub names of those who have a role; the project lead stands in, then the owner."""
    people = facts.people
    return getattr(people, role.key) or people.project_lead or [people.owner]


def codeowners(facts: Project) -> str:
    """Return the text of CODEOWNERS; a role that nobody has makes no rule."""
    parts = [_HEADING]
    for role in ROLES:
        if "*" in role.paths or getattr(facts.people, role.key):
            names = " ".join(f"@{name}" for name in who(facts, role))
            parts.append("".join([f"\n# {role.title}\n", *(f"{path} {names}\n" for path in role.paths)]))
    return "".join(parts)


def write(root: Path, facts: Project) -> bool:
    """Write CODEOWNERS if it says something else; return whether it did. Azure Repos has no such file."""
    text, file = codeowners(facts), root / CODEOWNERS
    if facts.ci != "github-actions" or (file.is_file() and file.read_text(encoding="utf-8") == text):
        return False
    files.write_text(file, text)
    return True
