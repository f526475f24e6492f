"""`tdsp people`."""

from __future__ import annotations

import typer


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    app.command()(people)


def people() -> None:
    """Show who does what, and have `.github/CODEOWNERS` ask the same people for reviews.

    The roles are in `project.yml`, below `people`. A role that nobody has falls to the project lead.
    """
    from tdsp import people as roles
    from tdsp import project

    root = project.find_root()
    facts = project.load(root / project.FILE)
    named = {role: ", ".join(roles.who(facts, role)) for role in roles.ROLES}
    width = max(map(len, named.values()))
    for role, names in named.items():
        print(f"{role.title:15} {names:{width}}  {role.answers_for}")
    if roles.write(root, facts):
        print(f"wrote {roles.CODEOWNERS.as_posix()}")
