"""What one run tells the next: file digests, and what went into each step, to say why it ran again."""

# Many files may be remembered: `os` asks for one many times faster than pathlib.
# ruff: noqa: PTH110

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from tdsp import files
from tdsp.engine.store import digests, keys


class Memories:
    """Loaded before a run, saved after it; losing them costs time and a reason, never correctness."""

    def __init__(self, folder: Path, pipeline: str):
        self._digests = folder / "digests.json"
        self._steps = folder / "reasons" / f"{digests.of_text(pipeline)[:16]}.json"
        self.files: digests.Memory = digests.recall(self._digests)
        self._known = dict(self.files)
        self._before: dict[str, keys.Ingredients] = digests.recall(self._steps)  # type: ignore[assignment]
        self._now: dict[str, keys.Ingredients] = {}

    def why(self, step: str, parts: keys.Ingredients) -> str:
        """Say why a step that is not in the store must run."""
        before = self._before.get(step)
        return "first run" if before is None else keys.difference(before, keys.compact(parts))

    def note(self, step: str, parts: keys.Ingredients) -> None:
        """Remember what went into a step that has a result now."""
        self._now[step] = keys.compact(parts)

    def save(self) -> None:
        """Write what is new; files that are gone are forgotten."""
        with contextlib.suppress(OSError):
            if self.files != self._known:
                here = {path: known for path, known in self.files.items() if os.path.exists(path)}
                digests.remember(self._digests, here)
            if any(self._before.get(step) != parts for step, parts in self._now.items()):
                files.write_text(self._steps, json.dumps({**self._before, **self._now}))
