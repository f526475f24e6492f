"""Send a pipeline to Azure ML: the same YAML as `tdsp run`, with its environment, data and champion put in place.

A job's name is the digest of everything it is made of. The same code, data and settings are therefore the
same job: submitting again, after a cut connection or a killed process, finds it and follows it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, lineage, project, registry_azure, shell
from tdsp.azure import assets, client, follow, images
from tdsp.azure.plan import Line
from tdsp.errors import WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job

_REGISTERING = "register"  # the step that needs to know where the code comes from


@dataclasses.dataclass(frozen=True)
class Submission:
    """A pipeline job as it will be sent.

    Attributes:
        where: the workspace.
        pipeline: the YAML file.
        image: environment of every step.
        data: asset name, version and folder for each input that is a folder of `data/`.
        champion: version that the challenger is compared with; None for none.
        origin: commit, lock and person.
        settings: inputs that the user set.
        compute: a cluster's name, None for serverless.
        registers: whether the pipeline has a step that registers.
        digest: of all this.
    """

    where: client.Target
    pipeline: Path
    image: images.Image
    data: Mapping[str, tuple[str, str, Path]]
    champion: Any
    origin: lineage.Lineage
    settings: Mapping[str, Any]
    compute: str | None
    registers: bool
    digest: str

    @property
    def name(self) -> str:
        """The job's name, without the suffix of a further attempt."""
        return f"{self.pipeline.stem}-{self.digest[:16]}"


def prepare(
    root: Path,
    ml: MLClient,
    where: client.Target,
    pipeline: Path,
    settings: Mapping[str, str],
    compute: str | None,
) -> Submission:
    """Find out what a job would be made of. Reads the workspace, changes nothing there.

    Raises:
        WrongInput: the pipeline is missing or invalid, or a setting names no input of it.
    """
    from azure.ai.ml import load_job

    facts = project.load(root / project.FILE)
    if not pipeline.is_file():
        raise WrongInput(f"{pipeline}: no such pipeline")
    try:
        job = load_job(pipeline)
    except Exception as error:  # the SDK raises anything from ValueError to its own classes
        raise WrongInput(f"{pipeline.name}: {client.redact(' '.join(str(error).split()))}") from None
    unknown = sorted(set(settings) - set(job.inputs))
    if unknown:
        raise WrongInput(f"{pipeline.name} has no input {unknown[0]!r}; it has {', '.join(sorted(job.inputs))}")
    _sample(root, facts)
    data = {
        key: (f"{where.slug}-{key}", files.sha256_of(folder)[:16], folder)
        for key, folder in _folders(job, pipeline.parent)
        if folder.is_relative_to(root / "data")
    }
    image = images.training(root, where.slug)
    with client.speaking("models"):
        champion = registry_azure.champion(ml, where.slug) if "champion" in job.inputs else None
    typed = {key: _typed(value, job.inputs[key]) for key, value in settings.items()}
    material = {
        "code": [files.sha256_of(root / "src"), files.sha256_of(root / "pipelines")],
        "facts": [files.sha256_of(root / project.FILE), files.sha256_of(root / "data" / "schema.yml")],
        "image": image.version,
        "data": {key: version for key, (_, version, _) in data.items()},
        "champion": champion.version if champion else None,
        "settings": typed,
        "compute": compute,
        "commit": lineage.of(root).commit,
    }
    digest = hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()
    return Submission(
        where,
        pipeline,
        image,
        data,
        champion,
        lineage.of(root),
        typed,
        compute,
        _REGISTERING in job.jobs,
        digest,
    )


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
        changes[f"jobs.{_REGISTERING}.environment_variables"] = {
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


def _folders(job: Any, home: Path):
    """Yield name and folder of each input of a pipeline that lies on this machine."""
    for key, value in job.inputs.items():
        path = getattr(getattr(value, "_data", None), "path", None)
        if path and not re.match(r"^\w{2,}:", str(path)):
            folder = (home / path).resolve()
            if folder.is_dir():
                yield key, folder


def _typed(value: str, declared: Any) -> Any:
    """Return a setting as a number or truth value when the pipeline's own value is one."""
    default = getattr(declared, "_data", declared)
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[value.lower()]
        return type(default)(value) if isinstance(default, int | float) else value
    except (ValueError, KeyError):
        raise WrongInput(f"{value!r} is not a {type(default).__name__}") from None


def _sample(root: Path, facts: project.Project) -> None:
    """Write the sample study where the data file should be, as `tdsp run` does."""
    file = root / "data" / "raw" / facts.data.file
    if file.is_file():
        return
    if not facts.data.sample:
        raise WrongInput(f"data/raw/{facts.data.file} is missing: put it there, or run `tdsp data add FILE`")
    shell.run(sys.executable, "-m", "science.sample", facts.data.sample, str(file), cwd=root, timeout=120)
