"""The model registry of an Azure ML workspace, for `tdsp.registry` and for deployments.

The service keeps versions of a model, each with tags that may change, but no aliases (its MLflow interface
is not relied on). So a tag says who the champion is: the version whose `tdsp.champion` holds the latest
time. One request makes a version champion; no request has to unmake the former one.

A file of its own beside `tdsp.register`, because a component's snapshot is flat.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tdsp import files
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Job, Model

CHAMPION = "tdsp.champion"
MODEL_DIGEST = "tdsp.model_sha256"
JOB = "tdsp.job"  # the pipeline job that made it
_JOB_OUTPUT = re.compile(r"azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)/?$")
_WORKSPACE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/?]+)",
    re.IGNORECASE,
)


def workspace_of(uri: str) -> MLClient:
    """Return a client of the workspace behind an `azureml://` tracking URI, signed in as the job or as the user.

    Raises:
        TdspError: the URI names no workspace.
    """
    from azure.ai.ml import MLClient
    from azure.ai.ml.identity import AzureMLOnBehalfOfCredential
    from azure.identity import DefaultAzureCredential

    found = _WORKSPACE.search(uri)
    if not found:
        raise TdspError("MLFLOW_TRACKING_URI names no Azure ML workspace")
    # A job that runs as its submitter finds the service for that at OBO_ENDPOINT.
    credential = AzureMLOnBehalfOfCredential() if "OBO_ENDPOINT" in os.environ else DefaultAzureCredential()
    return MLClient(
        credential,
        found["subscription"],
        found["group"],
        found["workspace"],
        show_progress=False,
        enable_telemetry=False,
    )


def versions(ml: MLClient, name: str) -> list[Model]:
    """Return all versions of a model, newest first; none when there is no such model."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return sorted(ml.models.list(name=name), key=number, reverse=True)
    except ResourceNotFoundError:
        return []


def number(model: Model) -> int:
    """Return a version as a number; 0 when somebody named it otherwise."""
    return int(model.version) if str(model.version).isdigit() else 0


def champion(ml: MLClient, name: str) -> Model | None:
    """Return the version that became champion last, None when none ever did."""
    crowned = [model for model in versions(ml, name) if (model.tags or {}).get(CHAMPION)]
    return max(crowned, key=lambda model: model.tags[CHAMPION], default=None)


def register(ml: MLClient, name: str, path: str, digest: str, tags: Mapping[str, str]) -> Model:
    """Make the files at `path` a version of `name` and its champion; safe to repeat after being killed at any point.

    A version is immutable but for its tags, and carries the tags of the first request that makes it. It is
    found again by the digest of its files, so there is never a second version of the same model.

    Args:
        ml: client of the workspace.
        name: of the model.
        path: `azureml://` address of a job's output, or a local folder.
        digest: of the model's files (`tdsp.files.sha256_of`).
        tags: lineage and metrics.
    """
    from azure.ai.ml.entities import Model

    known = versions(ml, name)
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    tags = {**tags, MODEL_DIGEST: digest, CHAMPION: now}
    same = next((model for model in known if (model.tags or {}).get(MODEL_DIGEST) == digest), None)
    if same:
        same.tags = {**same.tags, **tags}
        return ml.models.create_or_update(same)
    version = str(_highest(ml, name) + 1)
    return ml.models.create_or_update(Model(name=name, version=version, type="mlflow_model", path=path, tags=tags))


def _highest(ml: MLClient, name: str) -> int:
    """Return the highest number that a version has or had: an archived one is listed no more, and keeps its number."""
    from azure.ai.ml.constants import ListViewType
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return max(map(number, ml.models.list(name=name, list_view_type=ListViewType.ALL)), default=0)
    except ResourceNotFoundError:
        return 0


def register_output(uri: str, name: str, digest: str, tags: Mapping[str, str]) -> int:
    """Register what the step `train` of the running pipeline made; return the version.

    Called inside a job, for `tdsp.registry`. The files are registered where the job put them: nothing is
    uploaded.

    Raises:
        TdspError: this is no job, or its pipeline has no step `train`.
    """
    job = os.environ.get("TDSP_JOB") or os.environ.get("AZUREML_ROOT_RUN_ID")
    if not job:
        raise TdspError("only a job can register in Azure ML: use `tdsp submit`")
    ml = workspace_of(uri)
    path = f"azureml://jobs/{step_of(ml, job, 'train').name}/outputs/model"
    return number(register(ml, name, path, digest, {**tags, JOB: job}))


@contextlib.contextmanager
def speaking() -> Iterator[None]:
    """Turn an error of Azure's packages inside the block into a `TdspError` of one line."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise TdspError(f"the registry gave no answer: {str(error).splitlines()[0]}") from None


def step_of(ml: MLClient, job: str, step: str) -> Job:
    """Return the child of a pipeline job that is a step of the pipeline.

    Raises:
        TdspError: the job has no such step.
    """
    for child in ml.jobs.list(parent_job_name=job):
        if step in {child.display_name, child.name}:
            return child
    raise TdspError(f"job {job} has no step {step!r}")


def fetch(ml: MLClient, model: Model, home: Path) -> Path:
    """Return a folder in `home` with the files of a version, downloaded unless they are there already.

    Raises:
        TdspError: the files did not arrive, or are not those that were registered.
    """
    folder, digest = home / f"{model.name}-v{model.version}", (model.tags or {}).get(MODEL_DIGEST)
    if digest and folder.is_dir() and files.sha256_of(folder) == digest:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".download-") as scratch:
        # The SDK cannot follow a model's address into a job, if the service keeps it in that form.
        if output := _JOB_OUTPUT.match(model.path or ""):
            ml.jobs.download(output["job"], output_name=output["output"], download_path=scratch)
        else:
            ml.models.download(model.name, model.version, download_path=scratch)
        # Where in the target the files arrive depends on how the model was registered.
        found = next(Path(scratch).rglob("MLmodel"), None)
        if found is None:
            raise TdspError(f"the files of {model.name} v{model.version} did not arrive: run the same command again")
        if digest and files.sha256_of(found.parent) != digest:
            raise TdspError(f"the files of {model.name} v{model.version} are not those that were registered")
        with files.replace_folder(folder) as aside:
            found.parent.replace(aside / "files")
            for item in list((aside / "files").iterdir()):
                item.replace(aside / item.name)
            (aside / "files").rmdir()
    return folder
