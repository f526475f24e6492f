"""What a project does around a run of its pipeline: get ready before it, tell what came of it after."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, lineage, present, registry, shell, tracking
from tdsp.wording import interval, number

if TYPE_CHECKING:
    from tdsp.engine import Result
    from tdsp.project import Project

CHAMPION = Path(".tdsp", "champion")
OUTCOME = "outcome.json"
RAW = Path("data", "raw")
PIPELINE = Path("pipelines", "train.yml")
COMPONENT = Path("pipelines", "components", "register.yml")
MANY_TRIES = 5  # models judged on the same rows, from which on luck is worth a word
_STEP = "register"  # the step whose outcome this tells, as pipelines/train.yml calls it


def prepare(root: Path, project: Project, pipeline: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Provide the MLflow store, and to a pipeline that takes them the sample data, the champion and the lineage.

    The project's own pipeline takes all three. Another one takes what it declares: data/raw as the path of an input, an
    input called `champion`, a step `register` made of the project's component.

    Args:
        root: the project's folder.
        project: its facts.
        pipeline: the job file about to run.

    Returns:
        Overrides of the pipeline (`inputs.champion`, …) and options of the engine (`tracking_uri`).

    Raises:
        WrongInput: the facts name what is not there.
        TdspError: data, store or champion cannot be had.
    """
    document, overrides = _document(pipeline), {}
    own = pipeline.resolve() == (root / PIPELINE).resolve()
    if own:
        present.check(root, project)
    _make_ready(root, project, data=own or _takes_data(document, pipeline, root))
    uri = tracking.uri(root)
    if "champion" in _mapping(document.get("inputs")):
        champion = registry.champion(uri, project.project.slug)
        if champion:
            overrides["inputs.champion"] = str(registry.fetch(uri, champion, root / CHAMPION))
    step = _mapping(_mapping(document.get("jobs")).get(_STEP))
    if step and (own or _same(step.get("component"), pipeline, root / COMPONENT)):
        variables = _mapping(step.get("environment_variables"))
        overrides[f"jobs.{_STEP}.environment_variables"] = {**variables, **lineage.of(root).environment()}
    return overrides, {"tracking_uri": uri}


def champion(root: Path) -> tuple[Path, str]:
    """Return the champion's folder and what to call it.

    Raises:
        WrongInput: there is none yet.
    """
    from tdsp import project
    from tdsp.errors import WrongInput

    uri, slug = tracking.uri(root), project.load(root / project.FILE).project.slug
    version = registry.champion(uri, slug)
    if version is None:
        raise WrongInput(f"{slug} has no champion yet: train one with `tdsp run`")
    return registry.fetch(uri, version, root / CHAMPION), str(version)


def finish(root: Path, project: Project, result: Result) -> None:
    """Tell what was registered and refresh the reports.

    Leaves `outcome.json` in the run's folder, for automation. Data that fails its schema has a report too; a run that
    did not get as far as judging a model for another reason has none.

    Args:
        root: the project's folder.
        project: its facts.
        result: how the run ended.
    """
    if checks := _failed_checks(result):
        _tell_what_fails(root, project, result, checks)
        return
    judged = _output(result, _STEP, "registration", OUTCOME)
    measured = _output(result, "evaluate", "evaluation", "metrics.json")
    if judged is None or measured is None:
        return
    import json

    from tdsp import report

    text = judged.read_text(encoding="utf-8")
    files.write_text(result.folder / OUTCOME, text)
    outcome, metrics = json.loads(text), json.loads(measured.read_text(encoding="utf-8"))
    for line in _told(outcome, metrics):
        print(line)
    if (tries := _tries(result.folder, outcome)) >= MANY_TRIES:
        print(f"note: {tries} models were tried on these held-out rows since one was registered: by luck alone one of")
        print("  40 that are no better passes; the more are tried, the less the interval says, until there is new data")
    if idle := _without_effect(result):
        print(f"note: {idle}")
    for leak in _leaks(result):
        print(f"warning: {leak}")
    if metrics["groups"] and project.gate.group_threshold is None:
        print("groups: nobody looks until gate.group_threshold is set")
    page = report.write(root, project, result.folder, force=False)
    print(f"report: {page.relative_to(root).as_posix()}")
    if outcome["outcome"] == "refused" and metrics.get("champion_forbidden"):
        print("next: uv run tdsp models --champion none frees the place, if that is right; then uv run tdsp run")
    elif outcome["outcome"] == "refused":
        print("next: the report shows where it errs; change data, features or inputs, then uv run tdsp run")
    else:
        print("next: uv run tdsp serve --check")


def _tries(folder: Path, outcome: dict[str, Any]) -> int:
    """Return how many models were judged on this data since one was registered, this one included."""
    import json

    tried = {outcome["lineage"]["model_sha256"]}
    for file in sorted(folder.parent.glob(f"*/{OUTCOME}"), reverse=True):  # the name of a run begins with its time
        if file.parent.name >= folder.name:
            continue
        earlier = json.loads(file.read_text(encoding="utf-8"))
        if earlier["outcome"] == "registered" or _data(earlier) != _data(outcome):
            break
        tried.add(earlier["lineage"]["model_sha256"])
    return len(tried)


def _data(outcome: dict[str, Any]) -> str:
    return outcome["lineage"]["data_sha256"]


def _failed_checks(result: Result) -> list[dict[str, Any]]:
    """Return the checks of data/schema.yml when the step `prepare` ended because some of them failed."""
    import json

    outcome = result.steps.get("prepare")
    file = Path(outcome.left["quality"], "quality.json") if outcome and "quality" in outcome.left else None
    if file is None or not file.is_file():
        return []
    quality = json.loads(file.read_text(encoding="utf-8"))
    return [] if quality["passed"] else quality["checks"]


def _tell_what_fails(root: Path, project: Project, result: Result, checks: list[dict[str, Any]]) -> None:
    from tdsp import report

    failed = sum(not check["passed"] for check in checks)
    print(f"stopped: the data fails {failed} of {len(checks)} checks of data/schema.yml; no model was trained")
    page = report.write(root, project, result.folder, force=False)
    print(f"report: {page.relative_to(root).as_posix()}")
    print("next: mend the data, or the rule in data/schema.yml; then uv run tdsp run")


def _leaks(result: Result) -> list[str]:
    """Return what `prepare` said of columns that give the answer away, one sentence each."""
    import json

    file = _output(result, "prepare", "quality", "quality.json")
    quality = json.loads(file.read_text(encoding="utf-8")) if file else {}
    return [f"{leak['message']} (data.exclude in project.yml)" for leak in quality.get("leaks", [])]


def _without_effect(result: Result) -> str:
    """Say which settings shaped nothing, as the learner that takes them got no weight; nothing if all did."""
    import json

    file = _output(result, "train", "model", "training.json")
    training = json.loads(file.read_text(encoding="utf-8")) if file else {}
    if training.get("weights", {}).get("boosting", 1) > 0:
        return ""
    settings = " and ".join(key for key in training["parameters"] if key != "seed")
    return f"{training['estimator']} won in cross-validation, so {settings}, which shape boosting, change nothing"


def _output(result: Result, step: str, output: str, name: str) -> Path | None:
    """Return a file of a step's output, None when this run does not have it."""
    outcome = result.steps.get(step)
    if outcome is None or not outcome.good or output not in outcome.outputs:
        return None
    file = Path(outcome.outputs[output], name)
    return file if file.is_file() else None


def _told(outcome: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    """Return what came of the run, in one line; one more for each failed check."""
    version = f"{outcome['model']} v{outcome['version']}"
    value = metrics["models"]["challenger"][metrics["metric"]]
    figure = f"{metrics['metric']} {number(value['value'])} ({interval(value['low'], value['high'])})"
    failed = [f"  {check['name']}: {check['detail']}" for check in outcome["checks"] if not check["passed"]]
    if outcome["outcome"] == "registered":
        alone = [f"  champion: {check['detail']}" for check in outcome["checks"] if _replaced(check)]
        return [f"registered: {version} is the champion: {figure}", *alone]
    if outcome["outcome"] == "unchanged":
        doubts = ["  it would not pass the gate today:", *failed] if failed else []
        return [f"unchanged: this model is the champion, {version}: {figure}", *doubts]
    stays = f"{version} stays the champion" if outcome["version"] else "there is no champion yet"
    return [f"refused: {figure}; {stays}", *(failed or [f"  {outcome['reason']}"])]


def _replaced(check: dict[str, Any]) -> bool:
    """Whether a champion made room without a comparison, because it answers another question."""
    return check["name"] == "champion" and not check["judged"] and "another question" in check["detail"]


def _make_ready(root: Path, project: Project, data: bool) -> None:
    """Write the sample data, if asked to, and create the MLflow store, both at once, where they are missing."""
    waiting = []
    named = {tracking.VARIABLE: tracking.uri(root)} if os.environ.get(tracking.VARIABLE) else {}
    file = root / RAW / project.data.file
    if data and project.data.sample and not file.exists():
        print(f"writing data/raw/{file.name}, a study that comes with scikit-learn")
        waiting.append(("science.sample", project.data.sample, str(file)))
    if not tracking.is_ready(root):
        if not named and tracking.artifacts(root).with_name("mlflow.db").is_file():
            print("bringing the MLflow store in .tdsp/mlflow up to date, for this folder and this version of MLflow")
        else:
            print(f"creating the MLflow store {tracking.uri(root) if named else 'in .tdsp/mlflow'}")
        waiting.append(("tdsp.tracking", str(root)))
    commands = [(sys.executable, "-m", *words) for words in waiting]
    with ThreadPoolExecutor() as both:
        for done in [
            both.submit(shell.run, *command, cwd=root, timeout=300, environment=named) for command in commands
        ]:
            done.result()


def _document(pipeline: Path) -> dict[str, Any]:
    """Return the pipeline as written; the engine judges whether it is one."""
    import yaml

    try:
        document = yaml.safe_load(pipeline.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return document if isinstance(document, dict) else {}


def _takes_data(document: dict[str, Any], pipeline: Path, root: Path) -> bool:
    inputs = _mapping(document.get("inputs")).values()
    return any(_same(_mapping(item).get("path"), pipeline, root / RAW) for item in inputs)


def _same(written: Any, pipeline: Path, place: Path) -> bool:
    """Tell whether a path in a pipeline, relative to it, is `place`."""
    return isinstance(written, str) and (pipeline.parent / written).resolve() == place.resolve()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
