"""A job of a batch endpoint: a folder goes up by its content, its predictions come home.

A job's name is the digest of the deployment and of the files. The same files for the same model are therefore the same
job: asking again, after a cut connection or a killed process, finds it and follows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tdsp import files
from tdsp.azure import assets, client, follow, slots
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

OUTPUT = "score"  # as the service calls what a batch deployment writes


def score(
    ml: MLClient,
    where: client.Target,
    now: slots.Batch,
    folder: Path,
    home: Path,
    say: Callable[[str], None],
    slot: str | None = None,
) -> Path:
    """Return a folder below `home` with the predictions for the files in `folder`.

    Args:
        ml: client of the workspace.
        where: the workspace.
        now: the batch endpoint.
        folder: with CSV and Parquet files.
        home: where results are kept.
        say: gets one line for each change.
        slot: which deployment is asked; the live one when not given.

    Raises:
        TdspError: there is no endpoint, the job failed, or its predictions did not arrive.
    """
    slot = slot or now.live
    if slot is None:
        raise TdspError(f"no batch endpoint in {where} yet: run `tdsp deploy --batch --env {where.env}`")
    digest = files.sha256_of(folder)
    name, version = f"{where.slug}-scoring", digest[:16]
    made = now.deployments[slot].creation_context.created_at  # one that was made again has everything to prove again
    material = f"{now.name}|{slot}|{now.content(slot)}|{made}|{digest}"
    job, job_name = follow.attempt(ml, f"score-{hashlib.sha256(material.encode()).hexdigest()[:16]}")
    if job is None:
        assets.provide(ml, name, version, folder)
        _invoke(ml, now, slot, f"azureml:{name}:{version}", job_name)
        say(f"job {job_name}: v{now.version(slot)} in {slot}; the cluster needs some minutes to start")
    job = follow.wait(ml, job_name, say)
    if job.status != "Completed":
        raise TdspError(f"job {job_name} {job.status.lower()}\n{follow.failure(ml, job_name)}")
    return follow.download(ml, job_name, OUTPUT, home / job_name)


def _invoke(ml: MLClient, now: slots.Batch, slot: str, data: str, job_name: str) -> None:
    from azure.ai.ml import Input

    with client.speaking(f"job {job_name}"):
        ml.batch_endpoints.invoke(
            endpoint_name=now.name,
            deployment_name=slot,  # always: the SDK keeps the header of an earlier call in the same process
            input=Input(type="uri_folder", path=data),
            job_name=job_name,
        )
