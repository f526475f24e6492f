"""Commands that talk to Azure. Each prints its plan first and can be run again safely."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", help="Environment of project.yml: dev or prod.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
Yes = Annotated[bool, typer.Option("--yes", help="Agree in advance.")]


def submit(
    pipeline: Annotated[str, typer.Argument(help="Name of a file in pipelines/.")] = "train",
    env: Env = "dev",
    settings: Annotated[list[str] | None, typer.Option("--set", help="INPUT=VALUE; may be repeated.")] = None,
    compute: Annotated[str | None, typer.Option(help="A cluster's name; serverless when not given.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow to the end and bring the results home.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Send a pipeline to Azure ML. The same code, data and settings are the same job: it is never started twice."""
    from tdsp import project
    from tdsp.azure import client, follow, plan
    from tdsp.azure import submit as submission
    from tdsp.errors import TdspError, WrongInput

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    chosen = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise WrongInput(f"--set {setting}: write INPUT=VALUE")
        chosen[key] = value
    sent = submission.prepare(root, ml, where, root / "pipelines" / f"{pipeline}.yml", chosen, compute)
    plan.show(f"Submit pipelines/{pipeline}.yml to {where}", submission.plan(ml, sent))
    if dry_run:
        return
    job = submission.submit(root, ml, sent)
    print(f"job {job.name}: {submission.link(job)}")
    if not wait:
        print(f"next: tdsp submit {pipeline} --env {env} --wait  (follows this job and brings its results home)")
        return
    job = follow.wait(ml, job.name, say=print)
    if job.status != "Completed":
        raise TdspError(f"job {job.name} {job.status.lower()}\n{follow.failure(ml, job.name)}")
    home = root / ".tdsp" / "runs" / job.name
    outcome = follow.bring(ml, job, home)
    print(f"results: {home.relative_to(root)}")
    if outcome:
        version = f" as {outcome['model']} v{outcome['version']}" if outcome["outcome"] == "registered" else ""
        print(f"{outcome['outcome']}{version}: {outcome['reason']}")
    print(f"next: tdsp deploy --env {env}")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    for command in (submit,):
        app.command()(command)
