"""What a job runs: a component from a file or by name, or the step's own lines. One shape for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents, typed
from tdsp.engine.reader.assets import Assets
from tdsp.engine.reader.ports import Port, port_of


@dataclass(frozen=True)
class Component:
    """The declared part of a step.

    Attributes:
        kind: `command`, `parallel`, `sweep`, `pipeline`, or a kind that only the cloud can run.
        body: the mapping that holds `command`, `code`, `environment`, … or `jobs`.
        file: where `body` was written; relative paths start at its folder.
        keys: where in that file.
        inputs: declared inputs; None for a step whose inputs declare themselves.
        outputs: declared outputs, raw.
    """

    kind: str
    body: dict[str, Any]
    file: Path
    keys: tuple[str | int, ...] = ()
    inputs: dict[str, Port] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def inline(self) -> bool:
        """Whether the step itself holds the command."""
        return self.inputs is None


@dataclass
class Components:
    """Finds and reads components; each file is read once."""

    problems: Problems
    assets: Assets
    _read: dict[Path, Component | None] = field(default_factory=dict)

    def of_job(self, job: dict[str, Any], file: Path, keys: tuple[str | int, ...]) -> Component | None:
        """Return what `job` runs, or None after noting why that cannot be known."""
        kind = kind_of(job)
        if kind == "sweep":
            return self._of_sweep(job, file, keys)
        reference = job.get("component")
        if reference is None:
            return Component(kind, job, file, keys, None, _mapping(job.get("outputs")))
        return self.referenced(reference, file, (*keys, "component"))

    def referenced(self, reference: Any, file: Path, keys: tuple[str | int, ...]) -> Component | None:
        """Return the component that `reference` names.

        A path, `file:path`, `azureml:name[:version|@label]` or a mapping.
        """
        if isinstance(reference, dict):
            return _component(reference, file, keys, self.problems)
        text = str(reference)
        if text.startswith("azureml://"):
            return Component("registry", {"reference": text}, file, keys, {})
        if text.startswith("azureml:"):
            found = self.assets.find(text, "component")
            if found is None:
                return Component("registered", {"reference": text}, file, keys, {})
            return self._from_file(found, file, keys)
        return self._from_file(documents.absolute(file.parent / text.removeprefix("file:")), file, keys)

    def _from_file(self, path: Path, file: Path, keys: tuple[str | int, ...]) -> Component | None:
        if path not in self._read:
            self._read[path] = self._parse(path, file, keys)
        return self._read[path]

    def _parse(self, path: Path, file: Path, keys: tuple[str | int, ...]) -> Component | None:
        try:
            body = documents.load(path)
        except documents.UnreadableError as error:
            self.problems.add(file, keys, str(error), "missing component")
            return None
        if not isinstance(body, dict):
            self.problems.add(file, keys, f"{documents.shown(path)} is not a component", "missing component")
            return None
        return _component(body, path, (), self.problems)

    def _of_sweep(self, job: dict[str, Any], file: Path, keys: tuple[str | int, ...]) -> Component | None:
        """A sweep's trial, with what the sweep adds laid over it."""
        trial = job.get("trial")
        if isinstance(trial, dict):
            trial_keys = (*keys, "trial")
            trial = typed.conform(trial, "command", file, trial_keys, self.problems)
            found = Component("command", trial, file, trial_keys, None, _mapping(job.get("outputs")))
        else:
            found = self.referenced(trial, file, (*keys, "trial")) if trial else None
        if found is None:
            if not trial:
                self.problems.add(file, keys, "a sweep needs `trial`", "required input missing")
            return None
        return Component("sweep", found.body, found.file, found.keys, found.inputs, found.outputs)


def kind_of(body: dict[str, Any]) -> str:
    """Return the kind of a job or component; without `type` it is a pipeline if it holds jobs, else a command."""
    return str(body.get("type") or ("pipeline" if "jobs" in body else "command"))


def _component(body: dict[str, Any], file: Path, keys: tuple[str | int, ...], problems: Problems) -> Component:
    kind = kind_of(body)
    if "promptflow" in str(body.get("$schema", "")).lower() or "nodes" in body or "flow" in body:
        kind = "flow"
    body = typed.conform(body, kind, file, keys, problems)
    inputs = {str(name): port_of(value) for name, value in _mapping(body.get("inputs")).items()}
    return Component(kind, body, file, keys, inputs, _mapping(body.get("outputs")))


def _mapping(value: Any) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
