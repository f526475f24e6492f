"""Commands for what is live on Azure: deploy, roll back, look, take away."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from tdsp.cli.azure import DryRun, Env

Batch = Annotated[bool, typer.Option("--batch", help="For whole files: the batch endpoint.")]


def deploy(
    env: Env = "dev",
    version: Annotated[str | None, typer.Option(help="Model version; the champion when not given.")] = None,
    soak: Annotated[float, typer.Option(help="Seconds that each step of a rollout is watched.")] = 60,
    requests: Annotated[int, typer.Option(min=1, help="Requests sent to each slot at each step.")] = 20,
    max_latency: Annotated[float, typer.Option(help="95th percentile, in milliseconds, that is always fine.")] = 1000,
    max_errors: Annotated[float, typer.Option(min=0, max=1, help="Share of requests that may go wrong.")] = 0,
    keep: Annotated[float, typer.Option(help="Hours that the former version is kept for `tdsp rollback`.")] = 24,
    batch: Batch = False,
    dry_run: DryRun = False,
) -> None:
    """Put a model version on its endpoint: second slot, smoke test, mirror, 10 / 50 / 100 %, back if a guard fails.

    With `--batch`, on the batch endpoint: a second deployment scores the sample and held-out rows, then it is the
    default. The options about traffic have no meaning there.
    """
    if batch:
        _deploy_batch(env, version, dry_run)
        return
    from tdsp import automation, project
    from tdsp.azure import client, evidence, plan, probe, slots
    from tdsp.azure import deploy as rollout
    from tdsp.azure import release as releases
    from tdsp.cli.execution import ended_as_by_ctrl_c

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    new = releases.release(root, ml, where, version)
    now = slots.look(ml, where, slots.endpoint_name(where))
    by = automation.who(root)
    rollout.refuse_two(now, by)
    plan.show(f"Deploy {new.label} to {where}", releases.plan(new, now, bool(version), keep))
    if dry_run:
        return
    client.stay_signed_in()
    guards = probe.Guards(max_errors, max_latency, requests=requests, soak=soak)
    work_out = functools.partial(evidence.exchanges, root, ml, new.model, say=print)
    with ended_as_by_ctrl_c():
        after = rollout.Rollout(ml, new, work_out, guards, keep, by, say=print).run()
    print(f"live: {new.label} in {after.live}, {after.endpoint.scoring_uri}")
    kept = f"tdsp rollback --env {env}  (v{after.version(after.previous)} is kept)" if after.previous else ""
    print(f"next: {kept or f'tdsp status --env {env}'}")


def _deploy_batch(env: str, version: str | None, dry_run: bool) -> None:
    from tdsp import project
    from tdsp.azure import batch, client, evidence, plan
    from tdsp.azure import release as releases

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    new = releases.release(root, ml, where, version, batch=True)
    now = batch.look(ml, where)
    plan.show(f"Deploy {new.label} for batches to {where}", batch.plan(ml, new, now, again=bool(version)))
    if dry_run:
        return
    client.stay_signed_in()
    work_out = functools.partial(evidence.exchanges, root, ml, new.model, say=print)
    after = batch.roll_out(ml, new, work_out, root / ".tdsp" / "batch", say=print)
    print(f"default: {new.label} in {after.live} of {after.name}")
    print(f"next: tdsp score FILE --batch --env {env}")


def rollback(env: Env = "dev", batch: Batch = False) -> None:
    """Give all requests, or with `--batch` all jobs, back to the former version, in one step."""
    if batch:
        _roll_back_batch(env)
        return
    from tdsp import project
    from tdsp.azure import client, slots
    from tdsp.azure import rollback as way_back

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    now = slots.settled(ml, where, slots.endpoint_name(where), whole=False)  # it is urgent
    print(way_back.roll_back(ml, where, now))
    if idle := now.leftovers:  # `now` is as the request left it
        print(f"next: tdsp deploy --version {now.version(now.live)} --env {env}  (deletes {idle[0]}, which costs)")


def _roll_back_batch(env: str) -> None:
    from tdsp import project
    from tdsp.azure import batch, client, slots

    root = project.find_root()
    where = client.target(root, env)
    ml = client.connect(where)
    now = slots.settled(ml, where, slots.endpoint_name(where, batch.KIND), slots.Batch, whole=False)
    print(batch.roll_back(ml, where, now))


def status(env: Env = "dev") -> None:
    """Show endpoints, slots, traffic, model versions and where each comes from."""
    from tdsp import project
    from tdsp.azure import client
    from tdsp.azure import status as report

    root = project.find_root()
    where = client.target(root, env)
    print("\n".join(report.lines(client.connect(where), where)))


def promote(
    source: Annotated[str, typer.Argument(help="Environment that has the model.")] = "dev",
    target: Annotated[str, typer.Argument(help="Environment that gets it.")] = "prod",
    dry_run: DryRun = False,
) -> None:
    """Bring dev's champion to prod, as `azure.promotion` in project.yml says: train again there, or copy it."""
    from tdsp import project
    from tdsp.azure import client, plan
    from tdsp.azure import promote as promotion
    from tdsp.cli import azure
    from tdsp.errors import WrongInput

    root = project.find_root()
    if source == target:
        raise WrongInput(f"{source} is both source and target")
    origin, where = client.target(root, source), client.target(root, target)
    there, here = client.connect(origin), client.connect(where)
    model = promotion.champion(there, origin)
    promotion.refuse_rolled_back(there, origin, model)
    facts = project.load(root / project.FILE).azure
    if facts.promotion == "retrain":
        promotion.check_code(root, model)
        print(f"{model.name} v{model.version} of {source}: trained again in {target} from the same commit")
        azure.submit(env=target, wait=True, dry_run=dry_run)
        return
    registry = facts.registry if facts.promotion == "registry" else None
    plan.show(f"Promote to {where}", promotion.copy_plan(here, origin, where, model, registry))
    if dry_run:
        return
    client.stay_signed_in()
    made = promotion.copy(root, there, here, where, origin, model, registry)
    print(f"champion of {target}: {made.name} v{made.version}\nnext: tdsp deploy --env {target}")


def destroy(env: Env = "dev", dry_run: DryRun = False) -> None:
    """Delete endpoints, identity and the CI system's way to it, as far as this project made them; asks for its name."""
    from tdsp import project
    from tdsp.azure import client, plan
    from tdsp.azure import destroy as removal
    from tdsp.cli import azure
    from tdsp.errors import TdspError, WrongInput

    root = project.find_root()
    where = client.target(root, env)
    found = removal.plan(client.connect(where), where, azure.ci_system(root, where.slug))
    plan.show(f"Destroy in {where}", [line for line, _ in found])
    print(removal.STAYS)
    left = [f"{line.what} cannot be seen: {line.why}" for line, remove in found if not remove]
    removals = [] if dry_run else [(line, remove) for line, remove in found if remove]
    if removals and not plan.typed(where.slug, "This cannot be undone."):
        raise WrongInput("nothing was deleted: the name was not typed")
    for line, remove in removals:
        try:
            remove()
        except TdspError as error:  # what comes next may cost money
            left.append(f"{line.what} is not deleted: {error}")
        else:
            print(f"{line.what}: deleted")
    if left:
        raise TdspError("\n".join([*left, f"what is left takes the same command again: tdsp destroy --env {env}"]))


def add_to(app: typer.Typer) -> None:
    """Add this group's commands to `app`."""
    for command in (deploy, rollback, status, promote, destroy):
        app.command()(command)
