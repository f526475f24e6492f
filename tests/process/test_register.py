"""The register step: what it decides on evidence, and that it runs from its snapshot."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from process import evidence
from tdsp import registry, tracking
from tdsp.errors import WrongInput
from tdsp.register import register

PROJECT = Path(__file__).parents[2] / "{{cookiecutter.project_slug}}"
NAME = "disease-progression"
NONE = PROJECT / "pipelines" / "no-champion"


@pytest.fixture
def root(with_store, monkeypatch) -> Path:
    folder = with_store()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri(folder))
    monkeypatch.setenv("TDSP_COMMIT", "c0ffee")
    monkeypatch.setenv("TDSP_DIRTY", "true")
    monkeypatch.setenv("TDSP_STARTED_BY", "Ada")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    (folder / "project.yml").write_text(yaml.safe_dump(evidence.facts()), encoding="utf-8")
    evidence.write(folder / "quality" / "quality.json", evidence.quality())
    return folder


def step(root: Path, model: str, champion: Path = NONE, **metrics) -> dict:
    """Run the step on a model whose content is `model`."""
    evidence.write(root / "evaluation" / "metrics.json", evidence.metrics() | metrics)
    folder = evidence.model(root / "models" / model, model)
    arguments = (root / "project.yml", root / "quality", folder, root / "evaluation", champion, root / "out")
    record = register(*arguments)
    assert json.loads((root / "out" / "outcome.json").read_text(encoding="utf-8")) == record
    return record


def champion(root: Path) -> registry.Version | None:
    return registry.champion(tracking.uri(root), NAME)


def compared(improvement: float, low: float, high: float) -> dict:
    return evidence.metrics(champion=evidence.compared(improvement, low, high))


def test_the_first_good_model_is_registered_with_its_lineage(root):
    record = step(root, "one")
    assert (record["outcome"], record["version"], record["reason"]) == ("registered", 1, "mae 44")
    tags = champion(root).tags
    assert tags["tdsp.data_sha256"] == "d" * 64
    assert (tags["tdsp.commit"], tags["tdsp.dirty"], tags["tdsp.started_by"]) == ("c0ffee", "True", "Ada")
    assert float(tags["tdsp.metric.mae"]) == 44.0
    assert tags["tdsp.model_sha256"] == record["lineage"]["model_sha256"]


def test_a_better_model_takes_the_champions_place(root):
    step(root, "one")
    record = step(root, "two", root / "models" / "one", **compared(5, 2, 8))
    assert (record["outcome"], champion(root).number) == ("registered", 2)


@pytest.mark.parametrize("interval", [(-5, -8, -2), (1, -2, 4)])
def test_a_worse_or_equal_model_is_refused_and_nothing_changes(root, interval):
    step(root, "one")
    before = registry.versions(tracking.uri(root), NAME)
    record = step(root, "two", root / "models" / "one", **compared(*interval))
    assert (record["outcome"], record["version"]) == ("refused", 1)
    assert "champion" in record["reason"]
    assert registry.versions(tracking.uri(root), NAME) == before


def test_the_champion_itself_is_unchanged(root):
    step(root, "one")
    for model, same in (("one", False), ("retrained", True)):
        record = step(root, model, root / "models" / "one", **(compared(0, 0, 0) | {"same_as_champion": same}))
        assert (record["outcome"], record["version"]) == ("unchanged", 1)
        assert (record["champion_sha256"] == record["lineage"]["model_sha256"]) is not same
    assert len(registry.versions(tracking.uri(root), NAME)) == 1


def test_the_same_predictions_as_an_older_champion_are_not_the_champion(root):
    step(root, "one")
    step(root, "two", root / "models" / "one", **compared(5, 2, 8))
    record = step(root, "retrained", root / "models" / "one", **(compared(0, 0, 0) | {"same_as_champion": True}))
    assert (record["outcome"], record["version"]) == ("refused", 2)
    assert "not the one it was compared with" in record["reason"]


def test_a_challenger_compared_with_an_older_champion_is_refused(root):
    step(root, "one")
    step(root, "two", root / "models" / "one", **compared(5, 2, 8))
    record = step(root, "three", root / "models" / "one", **compared(5, 2, 8))
    assert record["outcome"] == "refused"
    assert "not the one it was compared with" in record["reason"]
    assert champion(root).number == 2


def test_a_champion_of_another_question_does_not_stand_in_the_way(root):
    step(root, "one")
    record = step(root, "two", root / "models" / "one", champion_absent="the champion answers another question")
    assert (record["outcome"], record["version"]) == ("registered", 2)


def test_missing_or_broken_evidence_is_told_in_one_line(root):
    with pytest.raises(WrongInput, match="lacks 'comparisons'"):
        metrics = evidence.metrics()
        del metrics["comparisons"]
        evidence.write(root / "evaluation" / "metrics.json", metrics)
        folder = evidence.model(root / "model")
        register(root / "project.yml", root / "quality", folder, root / "evaluation", NONE, root / "out")
    (root / "evaluation" / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(WrongInput, match="not JSON"):
        register(root / "project.yml", root / "quality", folder, root / "evaluation", NONE, root / "out")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("project.yml", None, "No such file"),
        ("project.yml", "a: [", "not YAML"),
        ("project.yml", "just words", "not a mapping"),
        ("model/contract.json", "{}", "lacks 'data'"),
    ],
)
def test_facts_and_contract_that_cannot_be_used_are_told_in_one_line(root, name, content, said):
    evidence.write(root / "evaluation" / "metrics.json", evidence.metrics())
    folder, file = evidence.model(root / "model"), root / name
    file.unlink()
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(WrongInput, match=said) as told:
        register(root / "project.yml", root / "quality", folder, root / "evaluation", NONE, root / "out")
    assert "\n" not in str(told.value)


def component() -> dict:
    return yaml.safe_load((PROJECT / "pipelines" / "components" / "register.yml").read_text(encoding="utf-8"))


def test_the_step_runs_from_its_snapshot_alone(root, tmp_path):
    """As in Azure ML: the snapshot folder and the includes at its root, nothing else of the project."""
    snapshot = tmp_path / "snapshot"
    folder = PROJECT / "pipelines" / "components"
    shutil.copytree(folder / "snapshot", snapshot)
    for name in component()["additional_includes"]:
        shutil.copy(folder / name, snapshot)
    evidence.write(root / "evaluation" / "metrics.json", evidence.metrics())
    model = evidence.model(root / "model")
    options = {"facts": root / "project.yml", "quality": root / "quality", "model": model}
    options |= {"evaluation": root / "evaluation", "champion": NONE, "registration": root / "out"}
    words = [word for name, path in options.items() for word in (f"--{name}", str(path))]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "tdsp.register", *words],
        cwd=snapshot,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("registered: mae 44")
    assert champion(root).number == 1


def test_it_is_never_taken_from_the_store():
    assert component()["is_deterministic"] is False
