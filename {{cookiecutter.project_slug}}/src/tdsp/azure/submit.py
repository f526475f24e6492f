"""Send a pipeline to Azure ML: the same YAML as `tdsp run`, with its environment, data and champion put in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tdsp.azure import assets, client, cluster, follow
from tdsp.azure.plan import Line
from tdsp.azure.submission import REGISTERING, Submission

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job


def plan(ml: MLClient, sent: Submission) -> list[Line]:
    """Return what submitting would do."""
    lines = []
    there = sent.image.exists(ml)
    lines.append(
        Line(
            f"environment {sent.image.name}",
            "exists" if there else "missing",
            "" if there else "register; built on first use",
            "packages of uv.lock on a pinned image",
        )
    )
    for name, version, folder in sent.data.values():
        there = assets.exists(ml, name, version)
        lines.append(
            Line(
                f"data {name}:{version[:8]}",
                "exists" if there else "missing",
                "" if there else f"upload {folder.name}/",
                "the version is the digest of its content",
            )
        )
    if sent.compute and (nodes := cluster.get(ml, sent.compute).min_instances):
        idle = f"{nodes} nodes at least"
        lines.append(Line(f"cluster {sent.compute}", idle, "", "they cost when idle too: set min_instances to 0"))
    job, name = current(ml, sent)
    lines.append(
        Line(
            f"job {name}",
            job.status if job else "missing",
            "" if job else f"start on {sent.compute or 'serverless compute'}",
            _why(sent),
        )
    )
    return lines


def current(ml: MLClient, sent: Submission) -> tuple[Job | None, str]:
    """Return the job of this submission that runs or is done well, and the name it has or would get.

    Earlier attempts that failed keep their names; the next one gets a number.
    """
    return follow.attempt(ml, sent.name)


def submit(ml: MLClient, sent: Submission) -> Job:
    """Do what `plan` says and return the job. Repeating it does nothing that is done already."""
    from azure.ai.ml import load_job

    job, name = current(ml, sent)
    if job:
        return job
    if not sent.image.exists(ml):
        sent.image.make(ml)
    for asset, version, folder in sent.data.values():
        assets.provide(ml, asset, version, folder)

    job = load_job(sent.pipeline, params_override=_overrides(sent, name))
    for step in job.jobs.values():
        if step.type == "command":  # a parallel step needs packages of Azure ML's own, and says so itself
            step.component.environment = sent.image.reference
    with client.speaking(f"job {name}"):
        return ml.jobs.create_or_update(job)


def _overrides(sent: Submission, name: str) -> list[dict[str, Any]]:
    """Return what differs from the YAML, in the SDK's own form: a path of keys and a value."""
    changes: dict[str, Any] = {
        "name": name,
        "experiment_name": f"{sent.where.slug}-{sent.pipeline.stem}",
        "tags": _tags(sent),
        **{f"inputs.{key}.path": f"azureml:{asset}:{version}" for key, (asset, version, _) in sent.data.items()},
        **{f"inputs.{key}": value for key, value in sent.settings.items()},
    }
    if sent.champion is not None:
        changes["inputs.champion.path"] = sent.champion.path
    if sent.compute:
        changes["settings.default_compute"] = f"azureml:{sent.compute}"
    if sent.registers:
        changes[f"jobs.{REGISTERING}.environment_variables"] = {
            **sent.origin.environment(),
            "TDSP_JOB": name,
        }
    return [{key: value} for key, value in changes.items()]


def link(job: Job) -> str:
    """Return where the job is to be seen; in a CI log without the address that names the subscription."""
    return f"https://ml.azure.com/runs/{job.name}" if client.in_public() else (job.studio_url or "")


def _tags(sent: Submission) -> dict[str, str]:
    origin = sent.origin
    return {
        "tdsp.commit": origin.commit,
        "tdsp.dirty": str(origin.dirty).lower(),
        "tdsp.lock_sha256": origin.lock_sha256,
        "tdsp.actor": origin.started_by,
        "tdsp.digest": sent.digest,
        "tdsp.champion_version": str(sent.champion.version) if sent.champion else "",
    }


def _why(sent: Submission) -> str:
    code = (sent.origin.commit[:8] or "no commit") + (" with changes" if sent.origin.dirty else "")
    champion = f"v{sent.champion.version}" if sent.champion else "none yet"
    return f"code {code}, champion {champion}"
