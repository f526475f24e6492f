"""Commands that talk to Azure. Each prints its plan first and can be run again safely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tdsp.errors import TdspError

Env = Annotated[str, typer.Option("--env", help="Environment of project.yml: dev or prod.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
Yes = Annotated[bool, typer.Option("--yes", help="Agree in advance.")]
Unprotected = Annotated[
    bool,
    typer.Option("--unprotected", help="Private repository: no reviewer, and no rule that GitHub's plan has not."),
]


def connect(
    env: Env = "dev",
    create_repository: Annotated[
        bool, typer.Option("--create-repository", help="Create it on GitHub, private.")
    ] = False,
    unprotected: Unprotected = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Wire the project to its workspace and its CI system: make identity, trust, roles and environment if missing."""
    from tdsp.azure import github, plan, wiring

    where, everything = _wiring(env, create_repository, unprotected)
    found = wiring.look(everything)
    plan.show(f"Connect {where}", [finding.line for finding in found])
    blocking = [item for item in found if item.blocking]
    if blocking:
        raise TdspError(
            "\n".join(f"{item.thing.what}: {'; '.join(filter(None, (item.said, item.mend)))}" for item in blocking)
        )
    changes = [item.thing for item in found if item.changeable]
    if not changes:
        print(f"nothing to do\nnext: tdsp submit --env {env} --wait")
        return
    if dry_run:
        return
    if not plan.agreed(f"Make these {len(changes)} changes?", yes):
        print("nothing was changed")
        return
    for thing in changes:
        try:
            thing.make()
        except github.NotOfferedError as error:
            raise TdspError(f"{thing.what}: {error}; {thing.mend}") from None
        except TdspError as error:
            raise TdspError(f"{thing.what}: {error}; what is done stays: run the same command again") from None
        print(f"{thing.what}: done")
    left = [item.thing.what for item in wiring.look(everything) if item.bad]
    if left:
        raise TdspError(f"not right yet: {', '.join(left)}; `tdsp doctor --env {env}` says more")
    print(f"verified\nnext: tdsp submit --env {env} --wait")


def doctor(
    env: Env = "dev",
    live: Annotated[
        bool, typer.Option("--live", help="Prove it in your subscription: train, register, deploy.")
    ] = False,
    unprotected: Unprotected = False,
    yes: Yes = False,
) -> None:
    """Look at everything `tdsp connect` made and at what it rests on, and say how to mend what is wrong."""
    from tdsp.azure import plan, wiring

    where, everything = _wiring(env, False, unprotected)
    found = wiring.look(everything)
    print(f"{where}")
    for item in found:
        mark = "ok  " if not item.wrong else "?   " if not item.seen else "BAD " if item.bad else "note"
        print(f"  {mark} {item.thing.what}{f': {item.said}' if item.wrong else ''}")
        if item.mend:
            print(f"       mend: {item.mend}")
    wrong = [item.thing.what for item in found if item.bad and item.seen]
    unseen = [item.thing.what for item in found if not item.seen]
    said = [f"{len(wrong)} of {len(found)} things are not right: {', '.join(wrong)}"] if wrong else []
    said += [f"{len(unseen)} of {len(found)} things cannot be seen: {', '.join(unseen)}"] if unseen else []
    if any(item.bad for item in found):
        raise TdspError("; ".join(said))
    print(said[0] if said else f"all {len(found)} things were looked at")
    if live and plan.agreed(
        "Train, register and deploy there now? The endpoint costs money until `tdsp destroy`.", yes
    ):
        _prove(env)


def _prove(env: str) -> None:
    """Do in the subscription what no emulator can show, each step twice where repeating it must be harmless."""
    from tdsp.cli import live

    submit(env=env, wait=True)
    submit(env=env, wait=True)
    live.deploy(env=env)
    live.deploy(env=env)
    live.status(env=env)
    print(
        "proved here: the image builds, the roles suffice, a job registers its model, the endpoint gives the\n"
        "model's own answers, and repeating changes nothing. Not yet: a second version's mirror, 10 / 50 / 100\n"
        "and `tdsp rollback`; they come with your next model."
    )


def _wiring(env: str, create: bool, unprotected: bool):
    """Return the workspace of an environment, and all that it needs around it."""
    from tdsp import project
    from tdsp.azure import client, devops, rest, wiring

    root = project.find_root()
    where = client.target(root, env)
    ml, ci = client.connect(where), ci_system(root, where.slug, create, unprotected)
    _sign_in(client.sign_in, *([] if isinstance(ci, devops.Project) else [rest.github]))
    return where, wiring.things(ml, where, ci)


def _sign_in(*ways: Callable[[], object]) -> None:
    """Find out at once, and in one place, who does not know the user."""
    strangers = []
    for way in ways:
        try:
            way()
        except TdspError as error:
            strangers.append(str(error))
    if strangers:
        raise TdspError("\n".join(strangers))


def ci_system(root: Path, slug: str, create: bool = False, unprotected: bool = False):
    """Return where the pipelines run, as project.yml says: a repository on GitHub, or a project in Azure DevOps."""
    from tdsp import project
    from tdsp.azure import devops, github
    from tdsp.errors import WrongInput

    facts = project.load(root / project.FILE)
    if facts.ci == "azure-pipelines":
        if create:
            raise WrongInput("--create-repository is for GitHub; in Azure DevOps create project and repository there")
        if unprotected:
            raise WrongInput("--unprotected is for GitHub; Azure DevOps has its rules on every plan")
        return devops.of(root)
    return github.of(root, facts.people.owner, slug, create, unprotected)


def submit(
    pipeline: Annotated[str, typer.Argument(help="Name of a file in pipelines/.")] = "train",
    env: Env = "dev",
    settings: Annotated[list[str] | None, typer.Option("--set", help="INPUT=VALUE; may be repeated.")] = None,
    compute: Annotated[str | None, typer.Option(help="A cluster's name; as project.yml says when not given.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow to the end and bring the results home.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Send a pipeline to Azure ML. The same code, data and settings are the same job: it is never started twice."""
    from tdsp import automation, project
    from tdsp.azure import client, follow, plan, submission
    from tdsp.azure import submit as sending
    from tdsp.errors import WrongInput

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
    plan.show(f"Submit pipelines/{pipeline}.yml to {where}", sending.plan(ml, sent))
    if dry_run:
        return
    job = sending.submit(ml, sent)
    print(f"job {job.name}: {sending.link(job)}")
    automation.tell(job=job.name)
    if not wait:
        print(f"next: tdsp submit {pipeline} --env {env} --wait  (follows this job and brings its results home)")
        return
    client.stay_signed_in()
    job = follow.wait(ml, job.name, say=print)
    if job.status != "Completed":
        raise TdspError(f"job {job.name} {job.status.lower()}\n{follow.failure(ml, job.name)}")
    home = root / ".tdsp" / "runs" / job.name
    outcome = follow.bring(ml, job, home)
    print(f"results: {home.relative_to(root)}")
    if outcome:
        version = f" as {outcome['model']} v{outcome['version']}" if outcome["outcome"] == "registered" else ""
        print(f"{outcome['outcome']}{version}: {outcome['reason']}")
    if outcome.get("outcome") in ("registered", "unchanged"):
        print(f"next: tdsp deploy --env {env}")


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    for command in (connect, doctor, submit):
        app.command()(command)
