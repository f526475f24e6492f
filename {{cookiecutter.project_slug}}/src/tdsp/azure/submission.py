"""What a job is made of: pipeline, environment, data, champion, settings; its name is the digest of all this.

The same code, data and settings are therefore the same job: submitting again, after a cut connection or a
killed process, finds it and follows it.
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
from tdsp.azure import client, cluster, images
from tdsp.errors import WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

REGISTERING = "register"  # the step that needs to know where the code comes from


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

    Args:
        root: the project.
        ml: client of the workspace.
        where: the workspace.
        pipeline: the YAML file.
        settings: inputs that differ from the YAML.
        compute: a cluster's name; None for what `project.yml` says.

    Raises:
        WrongInput: the pipeline is missing or invalid, a setting names no input of it, or there is no such cluster.
    """
    from azure.ai.ml import load_job

    facts = project.load(root / project.FILE)
    compute = compute or facts.azure.compute
    if not pipeline.is_file():
        raise WrongInput(f"{pipeline}: no such pipeline")
    try:
        job = load_job(pipeline)
    except Exception as error:  # the SDK raises anything from ValueError to its own classes
        raise WrongInput(f"{pipeline.name}: {client.redact(' '.join(str(error).split()))}") from None
    unknown = sorted(set(settings) - set(job.inputs))
    if unknown:
        raise WrongInput(f"{pipeline.name} has no input {unknown[0]!r}; it has {', '.join(sorted(job.inputs))}")
    if compute and cluster.get(ml, compute) is None:
        raise WrongInput(f"{where} has no cluster {compute!r}: let infra/ make one, or leave it to serverless compute")
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
        REGISTERING in job.jobs,
        digest,
    )


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
