"""Commands that CI systems call around the others: `connected` and `notify`. They work on a laptop, too."""

from __future__ import annotations

from typing import Annotated

import typer

from tdsp.cli.azure import Env


def connected(
    env: Env = "dev",
    identity: Annotated[
        bool, typer.Option("--identity", help="Demand it, and the variables that `tdsp connect` sets.")
    ] = False,
) -> None:
    """Say whether an environment is connected: whether project.yml names its workspace.

    A CI system gets the values `connected` (true or false), `subscription` and `group`, and does nothing in Azure
    until it is true. Nothing is sent.
    """
    from tdsp import automation, project
    from tdsp.errors import WrongInput

    root = project.find_root()
    place = automation.place(root, env)
    if place is None:
        said = (
            f"{env} is not connected, so nothing is done in Azure: fill in `environments.{env}` in project.yml, "
            f"then run `uv run tdsp connect --env {env}`"
        )
        if identity:
            raise WrongInput(said)
        automation.tell(connected="false")
        automation.summarise(f"{said}.")
        print(said)
        return
    if identity:
        automation.demand_identity(env)
    automation.hide(place.subscription_id)
    automation.tell(connected="true", subscription=place.subscription_id, group=place.resource_group)
    print(f"{env} is connected to {place.workspace} in {place.resource_group}")


def notify(
    state: Annotated[str, typer.Argument(help="started, or how it ended, in the words of the CI system.")],
    what: Annotated[str, typer.Option(help="Who it is about, such as `Training in dev`.")] = "The project",
    link: Annotated[str, typer.Option(help="Where to look.")] = "",
    detail: Annotated[str, typer.Option(help="One more line.")] = "",
) -> None:
    """Tell a Teams channel, if TEAMS_WEBHOOK_URL names the webhook of one; say nothing otherwise.

    A message that does not arrive is a warning: it must not fail what it tells about.
    """
    import os
    import sys

    from tdsp import notify as teams
    from tdsp.errors import TdspError

    body = teams.message(what, state, link, detail)
    webhook = os.environ.get(teams.VARIABLE)
    if not webhook:
        return
    try:
        teams.send(webhook, body)
    except TdspError as error:
        print(f"warning: {error}", file=sys.stderr)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    for command in (connected, notify):
        app.command()(command)
