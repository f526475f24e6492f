"""What a registered model should answer: the model's files and the rows it was judged on, brought to this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, registry_azure
from tdsp.azure import client, follow, probe
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def exchanges(root: Path, ml: MLClient, model: Any, say: Callable[[str], None]) -> list[probe.Exchange]:
    """Return the sample request and rows of the held-out data, each with the model's answer on this machine.

    Args:
        root: the project.
        ml: client of the workspace.
        model: a registered version.
        say: gets one line when there are no held-out rows.
    """
    with client.speaking(f"files of {model.name} v{model.version}"):
        folder = registry_azure.fetch(ml, model, root / ".tdsp" / "champion")
    held_out = _held_out(root, ml, model, say)
    # The answers follow from these files, so they are worked out once.
    sources = [folder, *sorted((root / "scoring").glob("*.py")), root / "scoring" / "sample-request.json"]
    parts = [files.sha256_of(source) for source in (*sources, *([held_out] if held_out else []))]
    kept = root / ".tdsp" / "azure" / f"answers-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:16]}.json"
    if not kept.is_file():
        files.write_text(kept, json.dumps(probe.offline(root / "scoring", folder, held_out)))
    return [probe.Exchange(**exchange) for exchange in json.loads(kept.read_text(encoding="utf-8"))]


def _held_out(root: Path, ml: MLClient, model: Any, say: Callable[[str], None]) -> Path | None:
    job = (model.tags or {}).get(registry_azure.JOB)
    if not job:
        say("no held-out rows to compare: this version was not registered by a job; the sample request stands alone")
        return None
    try:
        return follow.output(ml, job, "prepare", "split", root / ".tdsp" / "runs" / job)
    except TdspError as error:
        say(f"no held-out rows to compare ({error}); the sample request stands alone")
        return None
