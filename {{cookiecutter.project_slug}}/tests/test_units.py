"""Noise is never registered, however few groups are held out; and with enough of them a good model is."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from science.evaluate import evaluate
from science.infer import infer
from science.prepare import prepare
from science.train import train
from tdsp.gate import judge

ROWS = 400


def judged(folder, groups, signal, seed, capsys):
    """Take a table of some groups through the steps; return metrics.json, what was printed, and the verdict."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({"x": random.normal(size=ROWS), "site": np.arange(ROWS) % groups})
    effect = random.normal(size=groups)[table["site"]]
    table["y"] = (signal * table["x"] + effect + random.normal(size=ROWS)).round(4)
    names = {name: folder / name for name in ("schema", "dictionary", "request", "findings", "split", "quality")}
    (folder / "raw").mkdir()
    table.to_csv(folder / "raw" / "table.csv", index=False)
    written = {name: names[name] for name in ("schema", "dictionary", "request", "findings")}
    infer(folder / "raw" / "table.csv", "y", group="site", **written)
    facts = {
        "task": "regression",
        "data": {"file": "table.csv", "target": "y", "group": "site"},
        "split": {"strategy": "group", "seed": seed},
        "metric": "mae",
        "gate": {},
    }
    (folder / "facts.yml").write_text(yaml.safe_dump(facts))
    prepare(folder / "raw", names["schema"], folder / "facts.yml", names["split"], names["quality"])
    train(names["split"], folder / "model", folder / "baselines", max_iter=10)
    evaluate(names["split"], folder / "model", folder / "baselines", folder / "nobody", folder / "evaluation")
    metrics = json.loads((folder / "evaluation" / "metrics.json").read_text())
    quality = json.loads((names["quality"] / "quality.json").read_text())
    return metrics, capsys.readouterr().out, judge(facts, quality, metrics)


@pytest.mark.parametrize(("groups", "seed"), [(2, 1), (10, 2)])
def test_with_few_groups_nothing_is_registered_as_was_said_from_the_first(groups, seed, tmp_path, capsys):
    metrics, said, verdict = judged(tmp_path, groups, 0, seed, capsys)
    assert "few-units" in (tmp_path / "findings").read_text()
    units = metrics["sampled"]["units"]
    assert units < 8
    assert metrics["models"]["challenger"]["mae"]["low"] is None
    assert metrics["comparisons"]["dummy"]["high"] is None
    (check,) = verdict.failed
    assert check.name == "baseline"
    why = f"fewer than 8 groups of the same site are held out ({units})"
    assert why in check.detail
    assert "bring rows of more groups, raise split.test_fraction or, if new rows will be of these groups only" in said
    assert said.index(f"warning: {why}") < said.index("in cross-validation") < said.rindex(f"warning: {why}")
    assert "nan" not in said


def test_with_enough_groups_a_good_model_is_registered(tmp_path, capsys):
    metrics, said, verdict = judged(tmp_path, 16, 3, 1, capsys)
    assert "few-units" not in (tmp_path / "findings").read_text()
    assert metrics["sampled"]["units"] == 8
    assert metrics["interval_absent"] is None
    assert "warning" not in said
    assert verdict.passed
