"""What a project does around a run of its pipeline: get ready before it, tell what came of it after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tdsp.engine import Result
    from tdsp.project import Project


def prepare(root: Path, project: Project, pipeline: Path) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ARG001
    """Check the facts, provide data, champion and MLflow store.

    Args:
        root: the project's folder.
        project: its facts.
        pipeline: the job file about to run.

    Returns:
        Overrides of the pipeline (`inputs.champion`, …) and options of the engine (`tracking_uri`, …).
    """
    return {}, {}


def finish(root: Path, project: Project, result: Result) -> None:
    """Tell what was registered and refresh the reports.

    Args:
        root: the project's folder.
        project: its facts.
        result: how the run ended.
    """
