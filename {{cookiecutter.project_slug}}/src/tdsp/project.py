"""The facts of `project.yml`, checked when they are read.

Everything else in `tdsp` may import this module; it imports nothing of `tdsp` but the errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdsp.errors import WrongInput, did_you_mean

FILE = "project.yml"
Task = Literal["regression", "classification"]
Ci = Literal["github-actions", "azure-pipelines"]

# Metric name -> (task, whether a higher value is better). `science.metrics` computes them; a test compares
# the two.
METRICS: dict[str, tuple[str, bool]] = {
    "mae": ("regression", False),
    "median_ae": ("regression", False),
    "rmse": ("regression", False),
    "r2": ("regression", True),
    "accuracy": ("classification", True),
    "average_precision": ("classification", True),
    "balanced_accuracy": ("classification", True),
    "f1": ("classification", True),
    "log_loss": ("classification", False),
    "roc_auc": ("classification", True),
}


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class About(_Facts):
    """What the project is."""

    name: str
    slug: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    question: str


class Data(_Facts):
    """Which file holds the data, and what its columns are for."""

    file: str
    sample: Literal["diabetes", "breast-cancer"] | None = None
    target: str
    positive: str | int | bool | None = None
    exclude: list[str] = []
    time: str | None = None
    group: str | None = None
    sensitive: list[str] = []


class Split(_Facts):
    """How rows are held out."""

    strategy: Literal["random", "stratified", "group", "time"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42  # what numpy takes


class Gate(_Facts):
    """What a challenger must pass; see `tdsp.gate`."""

    threshold: float | None = None
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    group_threshold: float | None = None
    group_min_rows: Annotated[int, Field(ge=1)] = 20


class Environment(_Facts):
    """One Azure ML workspace; empty until it is chosen."""

    subscription_id: str = ""
    resource_group: str = ""
    workspace: str = ""
    region: str = ""


class Azure(_Facts):
    """How the project uses Azure ML."""

    promotion: Literal["retrain", "copy", "registry"] = "retrain"
    registry: str | None = None
    compute: str | None = None


# A GitHub user, or a team as organisation/team.
Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]*(/[\w.-]+)?$")]


class People(_Facts):
    """Who is responsible; see `tdsp.people` for what a role answers for."""

    owner: str
    group_manager: list[Person] = []
    team_lead: list[Person] = []
    project_lead: list[Person] = []
    product_owner: list[Person] = []
    data_scientists: list[Person] = []
    data_engineers: list[Person] = []
    ml_engineers: list[Person] = []


class Project(_Facts):
    """All facts of `project.yml`."""

    project: About
    task: Task
    data: Data
    split: Split
    metric: str
    gate: Gate
    environments: dict[Literal["dev", "prod"], Environment]
    azure: Azure = Azure()
    ci: Ci = "github-actions"
    people: People

    @model_validator(mode="after")
    def _combinations(self) -> Project:
        problems = list(_impossible(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value of the project's metric is the better one."""
        return METRICS[self.metric][1]


def _impossible(facts: Project):
    """Yield `key: reason` for each pair of facts that cannot both hold."""
    data, split = facts.data, facts.split
    fitting = [name for name, (task, _) in METRICS.items() if task == facts.task]
    if facts.metric not in fitting:
        yield f"metric: {facts.metric!r} is not a {facts.task} metric; use one of {', '.join(fitting)}"
    if split.strategy == "time" and data.time is None:
        yield "split.strategy: 'time' needs data.time, the column that orders the rows"
    if split.strategy == "group" and data.group is None:
        yield "split.strategy: 'group' needs data.group, the column whose rows stay together"
    if split.strategy == "stratified" and facts.task != "classification":
        yield "split.strategy: 'stratified' is for classification; use random, group or time"
    if data.positive is not None and facts.task != "classification":
        yield "data.positive: only a classification has a positive class"
    for key in ("exclude", "sensitive"):
        if data.target in getattr(data, key):
            yield f"data.{key}: {data.target!r} is the target"
    for key in ("time", "group"):
        if getattr(data, key) == data.target:
            yield f"data.{key}: {data.target!r} is the target"
    if facts.azure.promotion == "registry" and not facts.azure.registry:
        yield "azure.registry: promotion by registry needs its name"
    if Path(data.file).name != data.file:
        yield f"data.file: {data.file!r} must be a plain file name; the folder is always data/raw"


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder at or above `start` (default: here) that holds `project.yml`.

    Raises:
        WrongInput: there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise WrongInput(f"no {FILE} in {here} or above it: run this inside a generated project")


def load(path: Path) -> Project:
    """Read and check the facts.

    Args:
        path: a `project.yml`.

    Raises:
        WrongInput: one line per mistake, each with file and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror}") from None
    except UnicodeError:
        raise WrongInput(f"{path}: not UTF-8 text; save it as UTF-8") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Project:
    """Check the facts in `text`; `path` is named in the messages. Raises as `load` does."""
    try:
        raw = _Loader(text).get_single_data()
    except yaml.YAMLError as error:
        raise WrongInput(f"{path}: not YAML: {_where(error)}") from None
    except ValueError as error:  # a date that no calendar has
        raise WrongInput(f"{path}: not YAML: {error}") from None
    try:
        return Project.model_validate(raw)
    except ValidationError as error:
        raise WrongInput("\n".join(f"{path}: {line}" for line in _lines(error))) from None


class _Loader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice: YAML itself would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"{name} comes twice", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _where(error: yaml.YAMLError) -> str:
    """Return where the YAML breaks, and how: the parser's own text begins with where the block around it starts."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


# What pydantic calls a mistake -> what it is for somebody who writes YAML.
_SAID = {
    "bool_type": "must be true or false",
    "dict_type": "must be keys and values",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list, like [a, b]",
    "model_type": "must be keys and values",
    "string_type": "must be text",
}


def _lines(error: ValidationError):
    for problem in error.errors():
        kind, place = problem["type"], [str(part) for part in problem["loc"]]
        if kind == "value_error":
            yield from str(problem["ctx"]["error"]).splitlines()
            continue
        if place[-1:] == ["[key]"]:
            kind, place = "extra_forbidden", place[:-1]
        key = ".".join(place) or "the file"
        if kind == "extra_forbidden":
            yield f"{key}: unknown key{did_you_mean(place[-1], _known(place[:-1]))}"
        elif kind == "missing":
            yield f"{key}: missing"
        else:
            message = _SAID.get(kind) or f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
            yield f"{key}: {message}, not {problem['input']!r}"


def _known(place: list[str]) -> list[str]:
    """Return the keys that there are at a place."""
    at: Any = Project
    for part in place:
        at = at.model_fields[part].annotation if hasattr(at, "model_fields") else get_args(at)[1]
    return list(at.model_fields) if hasattr(at, "model_fields") else list(get_args(get_args(at)[0]))
