"""Real studies taken through all steps, for tests to look at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from science.contract import Contract
from science.evaluate import evaluate
from science.infer import infer
from science.prepare import prepare
from science.sample import sample
from science.train import train

PARTS = ("raw", "schema", "findings", "split", "quality", "model", "baselines", "evaluation", "nobody")


@dataclass(frozen=True)
class Study:
    """A folder with a study and what the steps made of it."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        if name not in PARTS:
            raise AttributeError(name)
        return self.folder / name

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def facts(self) -> dict:
        return yaml.safe_load((self.folder / "facts.yml").read_text(encoding="utf-8"))

    def contract(self) -> Contract:
        return Contract.load(self.folder / "split")

    def test_rows(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "split" / "test.parquet")


def study(folder: Path, name: str, target: str, metric: str, columns: str = ".*", **more: str) -> Study:
    """Bring a study in, with those of its columns that fit a pattern, and take it through the steps."""
    made = Study(folder)
    file = made.raw / f"{name}.csv"
    sample(name, file)
    table = pd.read_csv(file)
    table[[column for column in table if re.fullmatch(columns, column)]].to_csv(file, index=False)
    names = {key: made.folder / f"{key}.txt" for key in ("dictionary", "request")}
    infer(file, target, schema=made.schema, findings=made.findings, **names)
    found = made.json("findings")
    facts = {
        "task": found["task"],
        "data": {"file": file.name, "target": target, "positive": None, "sensitive": [], **more},
        "split": {"strategy": found["strategy"], "test_fraction": 0.2, "seed": 1},
        "metric": metric,
        "gate": {"confidence": 0.95, "group_min_rows": 20},
    }
    (folder / "facts.yml").write_text(yaml.safe_dump(facts), encoding="utf-8")
    prepare(made.raw, made.schema, folder / "facts.yml", split=made.split, quality=made.quality)
    train(made.split, made.model, made.baselines, max_iter=50)
    evaluate(made.split, made.model, made.baselines, champion=made.nobody, evaluation=made.evaluation)
    return made
