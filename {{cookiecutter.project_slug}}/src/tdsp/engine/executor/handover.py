"""What steps hand over: where an input lies, what its content is, which outputs a step left.

Where a run shows them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tdsp.engine import records
from tdsp.engine.executor import shellsafe
from tdsp.engine.plan import FILES, Step
from tdsp.engine.records import Result, StepResult
from tdsp.engine.steps.command import StepFailedError, is_artifact_root
from tdsp.engine.store import digests
from tdsp.engine.store.entries import Entry


@dataclass
class Handover:
    """The results of one run's steps, as the next ones find them.

    Attributes:
        result: the run.
        memory: digests of the user's own files.
        home: the engine's own folder; it changes all the time, so it never counts as a part of an input.
    """

    result: Result
    memory: digests.Memory
    home: Path
    _entries: dict[str, Entry] = field(default_factory=dict)

    def paths(self, step: Step) -> dict[str, str]:
        """Return input -> literal text or path; an optional input without value is missing."""
        values = {}
        for name, value in step.inputs.items():
            if value.literal is not None:
                values[name] = value.literal
            elif value.step is not None:
                if value.step in self._entries:
                    values[name] = str(shellsafe.safe(self._entries[value.step].path(str(value.output))))
            elif value.path is not None:
                values[name] = str(shellsafe.safe(Path(value.path)))
        return values

    def contents(self, step: Step) -> dict[str, str | list[str]]:
        """Return input -> literal text or digest of its content; the same inputs are missing.

        A command sees the name of a file, so that counts too.
        """
        found: dict[str, str | list[str]] = {}
        for name, value in step.inputs.items():
            if value.literal is not None:
                found[name] = value.literal
            elif value.step is not None:
                if value.step in self._entries:
                    entry = self._entries[value.step]
                    found[name] = _named(entry.path(str(value.output)), entry.digest(str(value.output)))
            elif value.path is not None:
                path = Path(value.path)
                found[name] = _content(path, self.memory, self.home)
        return found

    def check(self, step: Step, before: dict[str, str | list[str]]) -> None:
        """Azure ML mounts inputs read-only.

        Here a step that writes to one is found out and its result refused; so is one that read data while
        somebody else changed it.

        Args:
            step: the step that has ended.
            before: what `contents` said when it was looked up.
        """
        for name, value in step.inputs.items():
            if value.path is not None and _now(Path(value.path), self.memory, self.home) != before.get(name):
                raise StepFailedError(
                    f"its input {name!r} changed while it ran; if it wrote there itself: inputs are read-only in"
                    " Azure ML, write to an output"
                )
            entry = self._entries.get(value.step or "")
            if entry is not None and not entry.intact(value.output):
                raise StepFailedError(
                    f"it wrote to its input {name!r}; inputs are read-only in Azure ML: write to an output"
                )

    def collect(self, step: Step, folder: Path) -> dict[str, str]:
        """Check that the outputs are there; return output -> path relative to the workspace."""
        import shutil  # slow to import, and only needed where a step has run

        found: dict[str, str] = {}
        kept = folder / "artifacts"
        for part in ("outputs", "logs"):
            source = folder / "code" / part
            if source.is_dir() and any(source.iterdir()):
                kept.mkdir(exist_ok=True)
                source.rename(kept / part)
        shutil.rmtree(folder / "code", ignore_errors=True)
        for name, output in step.outputs.items():
            if is_artifact_root(step, name):
                (kept / "outputs").mkdir(parents=True, exist_ok=True)
                found[name] = "artifacts"
                continue
            relative = f"outputs/{name}"
            if output.type in FILES:
                relative += f"/{output.file_name}"
                if not (folder / relative).is_file():
                    raise StepFailedError(f"it did not write its output {name!r} (a file)")
            found[name] = relative
        return found

    @contextlib.contextmanager
    def kept(self, step: Step, folder: Path, outcome: StepResult) -> Iterator[None]:
        """Keep what a step had written when it failed: in the run's folder, for people, never in the store."""
        try:
            yield
        except StepFailedError:
            for name in step.outputs:
                written, place = folder / "outputs" / name, self.result.folder / "failed" / step.name / name
                with contextlib.suppress(OSError):  # the failure itself is what matters
                    if any(written.iterdir()):
                        place.parent.mkdir(parents=True, exist_ok=True)
                        written.rename(place)
                        outcome.left[name] = str(place)
            raise

    def publish(self, step: Step, entry: Entry, outcome: StepResult) -> None:
        """Take over a step's result; link its outputs into the run's folder.

        And to the datastore addresses the YAML gives them.
        """
        self._entries[step.name] = entry
        for name, output in step.outputs.items():
            place = self.result.folder / "outputs" / step.name / name
            records.link(entry.path(name), place)
            outcome.outputs[name] = str(place)
            for address in output.places:
                self._link_address(entry.path(name), Path(address))
        if (entry.folder / "artifacts").is_dir():
            records.link(entry.folder / "artifacts", self.result.folder / "artifacts" / step.name)
        if outcome.state == "cached":
            if (entry.folder / "log.txt").is_file():
                records.link(entry.folder / "log.txt", self.log(step))
            else:  # it had said nothing
                self.log(step).touch()
        outcome.log = str(self.log(step))

    def _link_address(self, target: Path, place: Path) -> None:
        """Let a datastore address lead to an output.

        Never through another output's link: that would write into a stored result.
        """
        standins = self.home / "datastores"
        around = next((above for above in place.parents if above.is_symlink() and standins in above.parents), None)
        if around is not None:  # of an earlier run: the address was another one then
            around.unlink()
        with contextlib.suppress(OSError):
            place.rmdir()  # an empty folder
        if place.is_dir() and not place.is_symlink():
            raise StepFailedError(f"{place} is in the way of the output with that address: remove it")
        records.link(target, place)

    def stub(self, step: Step, outcome: StepResult) -> Entry:
        """Return the saved outputs that stand in for a step."""
        folder = Path(str(step.stub))
        found = {}
        for name in step.outputs:
            inner = folder / name
            place = inner if inner.exists() else folder
            found[name] = (os.path.relpath(place, folder), digests.of(place, self.memory))
        outcome.state, outcome.reason = "stub", str(folder)
        return Entry(folder, found, 0.0)

    def log(self, step: Step) -> Path:
        """Return the file that holds what a step says."""
        return self.result.folder / "logs" / f"{step.name}.txt"


def _content(path: Path, memory: digests.Memory, home: Path) -> str | list[str]:
    return _named(path, digests.of(path, memory, without=home))


def _now(path: Path, memory: digests.Memory, home: Path) -> str | list[str] | None:
    try:
        return _content(path, memory, home)
    except OSError:  # it is gone
        return None


def _named(path: Path, digest: str) -> str | list[str]:
    return [path.name, digest] if path.is_file() else digest
