"""Bring what dev found to prod: train again there from the same commit, or copy the model with its lineage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import lineage, registry_azure
from tdsp.azure import client
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


def copy_plan(ml: MLClient, source: client.Target, target: client.Target, model: Any) -> list[Line]:
    """Return what copying would do."""
    there = _copied(ml, target, model)
    now = f"v{there.version}" if there else "missing"
    return [
        Line(
            f"{model.name} v{model.version} of {source.env} in {target.env}",
            now,
            "" if there else "copy, make champion",
            "same files, same tags",
        )
    ]


def copy(
    root: Path, source: MLClient, target: MLClient, where: client.Target, origin: client.Target, model: Any
) -> Any:
    """Register a version's files with its tags in another workspace, as champion there; safe to repeat."""
    there = _copied(target, where, model)
    if there is not None:
        return there
    with client.speaking(f"files of {model.name} v{model.version}"):
        folder = registry_azure.fetch(source, model, root / ".tdsp" / "champion")
    digest = (model.tags or {}).get(registry_azure.MODEL_DIGEST)
    if not digest:
        raise TdspError(
            f"{model.name} v{model.version} has no digest: it was not registered by this project's pipeline"
        )
    own = {registry_azure.CHAMPION, registry_azure.JOB}  # belong to the workspace that it comes from
    tags = {key: value for key, value in model.tags.items() if key not in own}
    with client.speaking(f"model {model.name} in {where.env}"):
        return registry_azure.register(
            target, where.slug, str(folder), digest, {**tags, _PROMOTED: f"{origin.env} v{model.version}"}
        )


def _copied(ml: MLClient, where: client.Target, model: Any) -> Any:
    """Return the champion of a workspace if it is this model already."""
    with client.speaking("models"):
        there = registry_azure.champion(ml, where.slug)
    digest = (model.tags or {}).get(registry_azure.MODEL_DIGEST)
    return there if there is not None and (there.tags or {}).get(registry_azure.MODEL_DIGEST) == digest else None
