"""The bound for `tdsp run`: the same step functions, called one after the other in one process.

Run in a generated project's folder, with its Python.
"""

import os
from pathlib import Path

from tdsp import project, tracking

root = Path.cwd()
here = root / ".tdsp" / "one-process"
facts = root / "project.yml"
project.load(facts)
tracking.make(root)
os.environ["MLFLOW_TRACKING_URI"] = tracking.uri(root)

from science.evaluate import evaluate  # noqa: E402 - as each step does, after the variables are set
from science.prepare import prepare  # noqa: E402 - the path is set above
from science.train import train  # noqa: E402 - the path is set above
from tdsp.register import register  # noqa: E402 - the path is set above

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
