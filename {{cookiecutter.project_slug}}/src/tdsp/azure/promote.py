"""Bring what dev found to prod: train again there from the same commit, or bring the files with their lineage."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, lineage, registry_azure
from tdsp.azure import batch, client, slots
from tdsp.azure.plan import Line
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_PROMOTED = "tdsp.promoted_from"


def champion(ml: MLClient, where: client.Target) -> Any:
    """Return the version to promote.

    Raises:
        TdspError: there is none.
    """
    with client.speaking("models"):
        found = registry_azure.champion(ml, where.slug)
    if found is None:
        raise TdspError(f"{where} has no champion to promote: run `tdsp submit --env {where.env} --wait` first")
    return found


def refuse_rolled_back(ml: MLClient, where: client.Target, model: Any) -> None:
    """Stop at a version that was rolled back in the environment it comes from, online or in batches.

    Raises:
        TdspError: with what to do.
    """
    for now in (slots.look(ml, where, slots.endpoint_name(where)), batch.look(ml, where)):
        if now.tag(slots.ROLLED_BACK_VERSION) == str(model.version):
            again = f"tdsp deploy --env {where.env} --version {model.version}"
            again += " --batch" if isinstance(now, slots.Batch) else ""
            raise TdspError(
                f"{model.name} v{model.version} was rolled back on {now.name}: promote a better champion; "
                f"if this one is good after all, `{again}` first"
            )


def check_code(root: Path, model: Any) -> None:
    """Make sure that training again would use the code that made a model.

    Raises:
        TdspError: other code is checked out, or it is not known.
    """
    here, made = lineage.of(root), (model.tags or {}).get("tdsp.commit", "")
    if not made or str((model.tags or {}).get("tdsp.dirty")).lower() == "true":
        raise TdspError(
            f"{model.name} v{model.version} was not made from a commit: commit, submit to dev, then promote"
        )
    if here.commit != made or here.dirty:
        raise TdspError(
            f"{model.name} v{model.version} was made from commit {made[:8]}: check that out, unchanged, first"
        )


def copy_plan(
    ml: MLClient, source: client.Target, target: client.Target, model: Any, registry: str | None
) -> list[Line]:
    """Return what copying would do."""
    there = _copied(ml, target, model)
    way = Line(
        f"registry {registry}", "between the two", "" if there else "share there", "a catalogue for all workspaces"
    )
    what = f"{model.name} v{model.version} of {source.env} in {target.env}"
    now, do = (f"v{there.version}", "") if there else ("missing", "copy, make champion")
    return [*([way] if registry else []), Line(what, now, do, "same files, same tags")]


def copy(
    root: Path,
    source: MLClient,
    target: MLClient,
    where: client.Target,
    origin: client.Target,
    model: Any,
    registry: str | None = None,
) -> Any:
    """Register a version's files with its tags in another workspace, as champion there; safe to repeat.

    Args:
        root: the project.
        source: client of the workspace that has the version.
        target: client of the one that gets it.
        where: the latter.
        origin: the former.
        model: the version.
        registry: name of the registry that the files go through; None for the straight way.

    Raises:
        TdspError: the version was not registered by the pipeline, its files do not arrive, or are others.
    """
    there = _copied(target, where, model)
    if there is not None:
        return there
    digest = (model.tags or {}).get(registry_azure.MODEL_DIGEST)
    if not digest:
        raise TdspError(
            f"{model.name} v{model.version} has no digest: it was not registered by this project's pipeline"
        )
    with client.speaking(f"files of {model.name} v{model.version}"):
        if registry:
            source, taken = _shared(source, registry, model, digest)
        else:
            taken = model
        folder = registry_azure.fetch(source, taken, root / ".tdsp" / "champion")
    if files.sha256_of(folder) != digest:
        raise TdspError(
            f"the files of {taken.name} v{taken.version} are not those that were registered in {origin.env}"
        )
    own = {registry_azure.CHAMPION, registry_azure.JOB}  # belong to the workspace that it comes from
    tags = {key: value for key, value in model.tags.items() if key not in own}
    with client.speaking(f"model {model.name} in {where.env}"):
        return registry_azure.register(
            target, where.slug, str(folder), digest, {**tags, _PROMOTED: f"{origin.env} v{model.version}"}
        )


def _shared(source: MLClient, registry: str, model: Any, digest: str) -> tuple[MLClient, Any]:
    """Return a client of the registry, and the model there; the service copies it, unless it is there.

    Its version there is its digest: who shares the same files again finds them.
    """
    from azure.core.exceptions import ResourceNotFoundError

    shelf, version = client.connect_registry(registry), digest[:16]
    try:
        return shelf, shelf.models.get(model.name, version)
    except ResourceNotFoundError:
        wanted = {"share_with_name": model.name, "share_with_version": version, "registry_name": registry}
        # When it is done the SDK looks for it in the workspace's resource group, not in the registry's.
        with contextlib.suppress(ResourceNotFoundError):
            source.models.share(model.name, model.version, **wanted)
        return shelf, shelf.models.get(model.name, version)


def _copied(ml: MLClient, where: client.Target, model: Any) -> Any:
    """Return the champion of a workspace if it is this model already."""
    with client.speaking("models"):
        there = registry_azure.champion(ml, where.slug)
    digest = (model.tags or {}).get(registry_azure.MODEL_DIGEST)
    return there if there is not None and (there.tags or {}).get(registry_azure.MODEL_DIGEST) == digest else None
