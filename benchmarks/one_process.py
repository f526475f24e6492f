"""The bound for `tdsp run`: the same step functions, called one after the other in one process.

Run in a generated project's folder, with its Python.
"""

import os
from pathlib import Path

from science.evaluate import evaluate
from science.prepare import prepare
from science.train import train
from tdsp import project, tracking
from tdsp.register import register

root = Path.cwd()
here = root / ".tdsp" / "one-process"
facts = root / "project.yml"
project.load(facts)
tracking.make(root)
os.environ["MLFLOW_TRACKING_URI"] = tracking.uri(root)

here.mkdir(parents=True)
split, quality, model, baselines, evaluation = (here / name for name in ("s", "q", "m", "b", "e"))
champion = root / "pipelines" / "no-champion"
prepare(raw=root / "data/raw", schema=root / "data/schema.yml", facts=facts, split=split, quality=quality)
train(split=split, model=model, baselines=baselines)
evaluate(split=split, model=model, baselines=baselines, champion=champion, evaluation=evaluation)
outcome = register(
    facts=facts,
    quality=quality,
    model=model,
    evaluation=evaluation,
    champion=champion,
    registration=here / "r",
)
assert outcome["outcome"] == "registered", outcome
