"""From a job file to a flat plan. Azure's SDK is not involved; `check` asks it for a second opinion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from tdsp.engine.plan import Code, Output, Plan, Step
from tdsp.engine.problems import Problems
from tdsp.engine.reader import batches, commands, documents, kinds, outputs, overrides, typed
from tdsp.engine.reader.assets import Assets, is_remote
from tdsp.engine.reader.bindings import Bindings
from tdsp.engine.reader.components import Components
from tdsp.engine.reader.tree import Node, grow, load_job
from tdsp.engine.store import digests
from tdsp.errors import WrongInput, did_you_mean


@dataclass
class Reading:
    """One reading of one file.

    Attributes:
        file: the job file.
        stubs: step name -> folder with saved outputs that stand in for running it.
        home: the engine's folder, with what steps wrote to datastore addresses; `.tdsp` beside the file by default.
        silent: whether to leave no memory there.
    """

    file: Path
    stubs: Mapping[str, Path] = field(default_factory=dict)
    home: Path | None = None
    silent: bool = False

    def __post_init__(self):
        self.problems = Problems()
        self.assets = Assets(self.file.parent, self.home or self.file.parent / ".tdsp", self.silent)
        self.bindings = Bindings(self.problems, self.assets)
        self.root: Node | None = None

    def plan(self, settings: Mapping[str, Any]) -> Plan | None:
        """Read everything; mistakes are left in `problems`.

        And None comes back if there is no pipeline at all.
        """
        try:
            document = overrides.apply(load_job(self.file), settings)
        except documents.UnreadableError as error:
            raise WrongInput(str(error)) from None
        components = Components(self.problems, self.assets)
        self.root = grow(document, self.file, components, self.problems)
        if self.root is None:
            return None
        leaves = list(self.root.leaves())
        self._known_steps(self.stubs, leaves)
        outputs.examine(self.root, self.problems)
        steps = {leaf.name: self._step(leaf) for leaf in leaves}
        written = ((leaf, name, output) for leaf in leaves for name, output in steps[leaf.name].outputs.items())
        outputs.apart(written, self.problems)
        body = self.root.component.body
        own = {name: self.bindings.value(self.root, name) for name in self.root.given}
        chosen = body.get("settings") if isinstance(body.get("settings"), dict) else {}
        return Plan(
            name=str(document.get("name") or self.file.stem),
            file=str(self.file),
            experiment=str(document.get("experiment_name") or self.file.parent.name),
            steps=self._in_order(steps),
            inputs=own,
            outputs=self._outputs(self.root),
            continue_on_failure=chosen.get("continue_on_step_failure") is True,
            force_rerun=chosen.get("force_rerun") is True,
        )

    def _known_steps(self, names: Mapping[str, Path], leaves: list[Node]) -> None:
        for name in names:
            if name not in {leaf.name for leaf in leaves}:
                raise WrongInput(f"there is no step {name!r}{did_you_mean(name, [leaf.name for leaf in leaves])}")

    def _step(self, node: Node) -> Step:
        component, body = node.component, node.component.body
        unknown = set(node.given) - set(component.inputs) if component.inputs is not None else set()
        for name in sorted(unknown):
            if component.kind not in kinds.CLOUD_ONLY:
                hint = did_you_mean(name, component.inputs or {})
                keys = (*node.keys, "inputs", name)
                said = f"{outputs.titled(component)} has no input {name!r}{hint}"
                self.problems.add(node.file, keys, said, "unknown input")
        if node.name in self.stubs:
            return self._stub(node)
        if component.kind in kinds.CLOUD_ONLY or component.kind not in kinds.LOCAL:
            self.problems.add(node.file, node.keys, kinds.refusal(component.kind, node.name), "refused")
        names = [
            *(component.inputs or {}),
            *(name for name in node.given if name not in (component.inputs or {})),
        ]
        settings = kinds.settings(node, self.problems)
        searched = set(settings.get("sweep", {}).get("space", {}))
        inputs = {name: self.bindings.value(node, name) for name in names if name not in unknown | searched}
        written = outputs.declared(node, self.assets, self.problems)
        command, code = kinds.task(node, self.problems)
        commands.examine(node, command, inputs, written, searched, self.problems)
        step = Step(
            name=node.name,
            kind=component.kind,
            command=command,
            inputs=inputs,
            outputs=written,
            code=code if component.kind in kinds.LOCAL else Code(),
            variables=_variables(body, node.job),
            settings=settings,
            environment=self._environment(node),
            source=str(component.file),
            deterministic=body.get("is_deterministic") is not False and node.job.get("is_deterministic") is not False,
            display_name=str(node.job.get("display_name") or body.get("display_name") or node.name),
            optional=frozenset(name for name, port in (component.inputs or {}).items() if port.optional),
        )
        if step.kind == "parallel":
            batches.examine(node, step, self.problems)
        return step

    def _stub(self, node: Node) -> Step:
        folder = documents.absolute(Path(self.stubs[node.name]))
        if not folder.is_dir():
            raise WrongInput(f"--stub {node.name}: {documents.shown(folder)} is not a folder")
        written = outputs.declared(node, self.assets, self.problems) or {name: Output() for name in node.given_outputs}
        if not written:  # a registry component: whatever others ask it for
            asked = (child.given.values() for child in self.root.leaves() if child is not node)
            text = json.dumps([list(values) for values in asked], default=str)
            parts = text.split(f"parent.jobs.{node.keys[-1]}.outputs.")[1:]
            written = {part.split("}")[0].strip(): Output() for part in parts}
        return Step(node.name, "stub", "", {}, written, Code(), stub=str(folder), source=str(node.file))

    def _outputs(self, root: Node) -> dict[str, tuple[str, str]]:
        found = {}
        for name in root.component.outputs:
            value = self.bindings.output(root, name, root, ("outputs", name))
            if value is not None and value.step:
                found[name] = (value.step, str(value.output))
        return found

    def _environment(self, node: Node) -> str:
        """The environment's definition with the files it names, as text: what it says decides reuse."""
        if node.component.kind not in kinds.LOCAL:
            return ""
        raw = node.job.get("environment") or kinds.task_body(node.component).get("environment")
        said_by = node if node.job.get("environment") else node.component
        file, keys = said_by.file, (*said_by.keys, "environment")
        if isinstance(raw, str):
            found = self.assets.find(raw, "environment")
            if raw.startswith("file:"):
                found = documents.absolute(file.parent / raw.removeprefix("file:"))
            if found is None:
                return raw
            try:
                raw, file = typed.mapping_of(found, "an environment"), found
            except documents.UnreadableError as error:
                self.problems.add(said_by.file, keys, str(error), "environment missing")
                return str(error)
        if not raw:
            said = "no environment: name one (azureml:name@latest), a file, or an image"
            self.problems.add(node.component.file, node.component.keys, said, "environment missing")
            return ""
        if isinstance(raw.get("conda_file"), str):
            raw = {**raw, "conda_file": self._conda(raw["conda_file"], file, said_by.file, keys)}
        build = raw.get("build")
        if isinstance(build, dict) and isinstance(build.get("path"), str) and not is_remote(build["path"]):
            context = documents.absolute(file.parent / build["path"])
            if context.is_dir():
                raw = {**raw, "build": {**build, "path": digests.of(context, {})}}
            else:
                said = f"build: {documents.shown(context)} is not a folder"
                self.problems.add(said_by.file, keys, said, "environment missing")
        return json.dumps(raw, sort_keys=True, default=str)

    def _conda(self, name: str, file: Path, said_in: Path, keys: tuple[str | int, ...]) -> str:
        """The text of a conda file; the name of one that is not here."""
        try:
            return documents.absolute(file.parent / name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            said = f"conda_file {name}: {getattr(error, 'strerror', None) or 'not a text file'}"
            self.problems.add(said_in, keys, said, "environment missing")
            return name

    def _in_order(self, steps: dict[str, Step]) -> dict[str, Step]:
        needs = {name: step.needs & steps.keys() for name, step in steps.items()}
        try:
            return {name: steps[name] for name in TopologicalSorter(needs).static_order()}
        except CycleError as error:
            circle = " -> ".join(error.args[1])
            self.problems.add(self.file, ("jobs",), f"steps wait for each other in a circle: {circle}", "cycle")
            return steps


def _variables(body: dict[str, Any], job: dict[str, Any]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for source in (body, job):
        for name, value in (source.get("environment_variables") or {}).items():
            merged[str(name)] = str(value)
    return merged
