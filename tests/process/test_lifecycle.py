"""What a run does before and after the engine, with a registry but without real steps."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import yaml
from process import evidence
from tdsp import registry, tracking
from tdsp.cli import lifecycle
from tdsp.engine.records import Result, StepResult
from tdsp.errors import WrongInput
from tdsp.project import Project

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
NAME = "disease-progression"


@pytest.fixture
def root(with_store) -> Path:
    folder = with_store()
    shutil.copytree(PROJECT / "docs", folder / "docs")
    shutil.copytree(PROJECT / "pipelines", folder / "pipelines")
    (folder / "data" / "raw").mkdir(parents=True)
    (folder / "data" / "raw" / "diabetes.csv").touch()
    (folder / "project.yml").write_text(yaml.safe_dump(evidence.facts()), encoding="utf-8")
    return folder


@pytest.fixture
def project() -> Project:
    return Project.model_validate(evidence.facts())


def finished(root: Path, **parts) -> Result:
    """A run as the engine leaves it, with the given evidence."""
    folder = evidence.run_folder(root, **parts)
    outputs = {"register": "registration", "evaluate": "evaluation"}
    steps = {
        step: StepResult("ok", outputs={name: str(folder / "outputs" / step / name)}) for step, name in outputs.items()
    }
    return Result(folder, "pipelines/train.yml", "ok", steps=steps)


def test_without_a_champion_the_pipeline_keeps_its_own_input(root, project):
    overrides, options = lifecycle.prepare(root, project, root / "pipelines" / "train.yml")
    assert "inputs.champion" not in overrides
    assert options == {"tracking_uri": tracking.uri(root)}
    assert overrides["jobs.register.environment_variables"]["TDSP_DIRTY"] == "false"


def test_what_the_facts_name_and_is_not_there_is_told_before_any_step(root, project):
    (root / "data" / "schema.yml").write_text("columns: {progression: {type: integer}, sex: {type: integer}}\n")
    lifecycle.prepare(root, project, root / "pipelines" / "train.yml")
    data = project.data.model_copy(update={"file": "gone.csv", "target": "progresion", "exclude": ["zzz"]})
    with pytest.raises(WrongInput) as refused:
        lifecycle.prepare(root, project.model_copy(update={"data": data}), root / "pipelines" / "train.yml")
    assert str(refused.value).splitlines() == [
        "project.yml: data.file: data/raw/gone.csv is not there; uv run tdsp data add FILE brings your own",
        "project.yml: data.target: data/schema.yml has no column 'progresion'; did you mean 'progression'?",
        "project.yml: data.exclude: data/schema.yml has no column 'zzz'",
    ]
    (root / "data" / "schema.yml").write_text("columns: [")
    lifecycle.prepare(root, project, root / "pipelines" / "train.yml")  # a broken schema is for the step to explain


def test_the_champion_becomes_the_pipelines_input(root, project):
    registry.register(tracking.uri(root), NAME, evidence.model(root / "model"), {}, None)
    overrides, _ = lifecycle.prepare(root, project, root / "pipelines" / "train.yml")
    folder = Path(overrides["inputs.champion"])
    assert folder == root / ".tdsp" / "champion" / f"{NAME}-v1"
    assert (folder / "MLmodel").is_file()


def test_a_pipeline_gets_only_what_it_declares(root, project):
    registry.register(tracking.uri(root), NAME, evidence.model(root / "model"), {}, None)
    other = root / "other.yml"
    other.write_text("type: pipeline\njobs: {a: {command: echo}}\n", encoding="utf-8")
    assert lifecycle.prepare(root, project, other)[0] == {}


def test_another_pipeline_gets_neither_sample_data_nor_variables_it_did_not_ask_for(root, project):
    sampled = project.model_copy(update={"data": project.data.model_copy(update={"sample": "diabetes"})})
    (root / "data" / "raw" / "diabetes.csv").unlink()
    other = root / "other.yml"
    other.write_text("type: pipeline\njobs: {register: {command: echo}}\n", encoding="utf-8")
    assert lifecycle.prepare(root, sampled, other)[0] == {}
    assert not (root / "data" / "raw" / "diabetes.csv").exists()
    other.write_text("jobs: {register: {component: ./pipelines/components/register.yml}}\n", encoding="utf-8")
    assert list(lifecycle.prepare(root, sampled, other)[0]) == ["jobs.register.environment_variables"]


def test_a_step_of_another_pipeline_that_is_called_register_tells_nothing(root, project, capsys):
    result = finished(root)
    del result.steps["evaluate"]
    lifecycle.finish(root, project, result)
    assert capsys.readouterr().out == ""


def test_variables_of_the_pipelines_own_stay(root, project):
    file = root / "pipelines" / "train.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["jobs"]["register"]["environment_variables"] = {"MINE": "1"}
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    variables = lifecycle.prepare(root, project, file)[0]["jobs.register.environment_variables"]
    assert variables["MINE"] == "1"
    assert "TDSP_COMMIT" in variables


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({}, "registered: disease-progression v1 is the champion: mae 44 (40 to 48)"),
        (
            {
                "checks": [
                    {"name": "champion", "passed": True, "judged": False, "detail": "not compared: another question"}
                ]
            },
            "registered: disease-progression v1 is the champion: mae 44 (40 to 48)\n"
            "  champion: not compared: another question",
        ),
        (
            {"outcome": "unchanged"},
            "unchanged: this model is the champion, disease-progression v1: mae 44 (40 to 48)",
        ),
        (
            {
                "outcome": "refused",
                "checks": [{"name": "champion", "passed": False, "detail": "worse", "judged": True}],
            },
            "refused: mae 44 (40 to 48); disease-progression v1 stays the champion\n  champion: worse",
        ),
        (
            {"outcome": "refused", "version": None, "reason": "moved"},
            "refused: mae 44 (40 to 48); there is no champion yet\n  moved",
        ),
    ],
)
def test_the_outcome_is_told_and_written_for_machines(root, project, capsys, outcome, said):
    result = finished(root, outcome=evidence.outcome(**outcome))
    lifecycle.finish(root, project, result)
    printed = capsys.readouterr().out
    assert printed.startswith(said + "\n")
    assert "report: docs/reports/train.html\nnext: " in printed
    assert json.loads((result.folder / "outcome.json").read_text(encoding="utf-8")) == evidence.outcome(**outcome)


def test_many_models_tried_on_the_same_rows_are_counted(root, project, capsys):
    def tried(number, data="0" * 64, outcome="refused"):
        lineage = evidence.outcome()["lineage"] | {"model_sha256": f"{number:064}", "data_sha256": data}
        record = evidence.outcome(outcome=outcome, lineage=lineage)
        lifecycle.finish(root, project, finished(root, run=f"20261122-12{next(seconds):04}-abc", outcome=record))
        return "models were tried" in capsys.readouterr().out

    seconds = itertools.count()
    assert [tried(number) for number in (1, 2, 3, 3, 4, 5)] == [False] * 5 + [True]  # the same model twice is one
    assert tried(6, outcome="registered")
    assert not tried(7)
    assert [tried(number) for number in (8, 9, 10, 11)] == [False] * 3 + [True]
    assert not tried(12, data="1" * 64)


def test_after_a_champion_that_knows_a_leak_the_next_command_is_to_free_its_place(root, project, capsys):
    known = evidence.metrics() | {"champion_forbidden": ["leak"]}
    for metrics, told in ((known, True), (evidence.metrics(), False)):
        lifecycle.finish(root, project, finished(root, metrics=metrics, outcome=evidence.outcome(outcome="refused")))
        assert ("next: uv run tdsp models --champion none" in capsys.readouterr().out) is told


def test_groups_that_nobody_looks_after_are_told(root, project, capsys):
    lifecycle.finish(root, project, finished(root))
    assert "nobody looks" not in capsys.readouterr().out
    gate = project.gate.model_copy(update={"group_threshold": None})
    lifecycle.finish(root, project.model_copy(update={"gate": gate}), finished(root))
    assert "groups: nobody looks until gate.group_threshold is set\n" in capsys.readouterr().out


@pytest.mark.parametrize(("share", "told"), [(0, True), (0.25, False)])
def test_settings_that_shaped_nothing_are_told(root, project, capsys, share, told):
    training = evidence.training() | {"weights": {"linear": 1 - share, "boosting": share}, "estimator": "linear"}
    training["parameters"]["seed"] = 42
    result = finished(root, training=training)
    result.steps["train"] = StepResult("ok", outputs={"model": str(result.folder / "outputs" / "train" / "model")})
    lifecycle.finish(root, project, result)
    note = "note: linear won in cross-validation, so learning_rate and max_iter, which shape boosting, change nothing\n"
    assert (note in capsys.readouterr().out) is told


def test_a_run_that_judged_nothing_tells_nothing(root, project, capsys):
    result = finished(root)
    result.steps["register"].state = "failed"
    lifecycle.finish(root, project, result)
    del result.steps["register"]
    lifecycle.finish(root, project, result)
    assert capsys.readouterr().out == ""
    assert not (root / "docs" / "reports" / "train.md").exists()


def test_a_likely_leak_is_repeated_beside_the_outcome(root, project, capsys):
    leak = {"kind": "leak", "columns": ["fee"], "message": "fee alone predicts the target almost perfectly"}
    result = finished(root, quality=evidence.quality() | {"leaks": [leak]})
    result.steps["prepare"] = StepResult(
        "cached", outputs={"quality": str(result.folder / "outputs" / "prepare" / "quality")}
    )
    lifecycle.finish(root, project, result)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("registered: ")
    assert lines[1] == "warning: fee alone predicts the target almost perfectly (data.exclude in project.yml)"


def test_data_that_fails_its_schema_is_told_and_reported(root, project, capsys):
    folder = evidence.broken_folder(root)
    left = {"quality": str(folder / "failed" / "prepare" / "quality")}
    result = Result(folder, "pipelines/train.yml", "failed", steps={"prepare": StepResult("failed", left=left)})
    lifecycle.finish(root, project, result)
    printed = capsys.readouterr().out
    assert printed.startswith("stopped: the data fails 2 of 3 checks of data/schema.yml; no model was trained\n")
    assert "report: docs/reports/train.html\nnext: mend the data, or the rule" in printed
    assert "in range 0 to 120" in (root / "docs" / "reports" / "train.md").read_text(encoding="utf-8")


def test_a_step_that_fails_after_its_checks_passed_tells_nothing_of_them(root, project, capsys):
    folder = evidence.broken_folder(root)
    quality = folder / "failed" / "prepare" / "quality"
    evidence.write(quality / "quality.json", evidence.quality())
    steps = {"prepare": StepResult("failed", left={"quality": str(quality)})}
    lifecycle.finish(root, project, Result(folder, "pipelines/train.yml", "failed", steps=steps))
    assert capsys.readouterr().out == ""


def test_a_broken_document_does_not_hide_the_outcome(root, project, capsys):
    (root / "docs" / "2-data" / "data-quality.md").write_text("all gone\n", encoding="utf-8")
    result = finished(root)
    with pytest.raises(WrongInput, match="missing <!-- tdsp:begin data-quality -->"):
        lifecycle.finish(root, project, result)
    assert capsys.readouterr().out.startswith("registered: ")
    assert (result.folder / "outcome.json").is_file()
