"""The flat plan of a run: every step with every binding resolved; plain data that can be written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LITERALS = ("string", "number", "integer", "boolean")
FILES = ("uri_file",)
FOLDERS = ("uri_folder", "mltable", "mlflow_model", "triton_model")
EITHER = ("custom_model", "path")  # `path` is an older spelling of uri_folder that examples still use
DATA = (*FILES, *FOLDERS, *EITHER)


@dataclass(frozen=True)
class Value:
    """What an input of a step gets.

    Exactly one of a literal, a local path, another step's output, or nothing.

    Attributes:
        type: the port's type.
        literal: the text that takes the expression's place in the command.
        path: an absolute local path.
        step: name of the step that makes it, with
        output: the name of its output.
        address: where it lies in the cloud, if `path` stands in for it.
    """

    type: str = "string"
    literal: str | None = None
    path: str | None = None
    step: str | None = None
    output: str | None = None
    address: str | None = None

    @property
    def absent(self) -> bool:
        """Whether this is an optional input that got no value."""
        return self.literal is None and self.path is None and self.step is None


ABSENT = Value()


@dataclass(frozen=True)
class Output:
    """A declared output of a step.

    Attributes:
        type: the port's type.
        file_name: the file's name for a `uri_file`.
        address: where Azure ML would put it, if the YAML says so.
        places: local stand-ins of that address and of the name it is registered by, kept up to date after the step.
    """

    type: str = "uri_folder"
    file_name: str | None = None
    address: str | None = None
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Code:
    """What goes into a step's snapshot.

    Attributes:
        folder: absolute path of `code` (a folder, or one file), if any.
        includes: absolute paths of `additional_includes`.
    """

    folder: str | None = None
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One thing to execute.

    Attributes:
        name: job name; steps of a nested pipeline are `outer.inner`.
        kind: `command`, `sweep` or `parallel`.
        command: template with `${{inputs.x}}`, `${{outputs.x}}`, `${{search_space.x}}` and `$[[ ]]` left in.
        settings: what else decides how it runs (`distribution`, `resources`, `sweep`, `parallel`, `timeout`).
        environment: the environment's definition as text; it decides reuse, not what is installed.
        source: file that holds the command.
        deterministic: whether it may be reused.
        optional: inputs it can go without, even if the step that makes them failed.
        stub: folder with saved outputs that stand in for running it.
    """

    name: str
    kind: str
    command: str
    inputs: dict[str, Value]
    outputs: dict[str, Output]
    code: Code
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    environment: str = ""
    source: str = ""
    deterministic: bool = True
    display_name: str = ""
    optional: frozenset[str] = frozenset()
    stub: str | None = None

    @property
    def needs(self) -> set[str]:
        """Names of the steps whose outputs this one reads."""
        return {value.step for value in self.inputs.values() if value.step}


@dataclass(frozen=True)
class Plan:
    """A whole pipeline; `steps` stand in an order in which they can run.

    Attributes:
        outputs: the pipeline's own outputs, as (step, output).
        continue_on_failure: whether independent steps go on after a failure.
        force_rerun: whether nothing may be reused.
    """

    name: str
    file: str
    experiment: str
    steps: dict[str, Step]
    inputs: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    continue_on_failure: bool = False
    force_rerun: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as data that `json` can write."""
        plain = asdict(self)
        for step in plain["steps"].values():
            step["optional"] = sorted(step["optional"])
        return plain
