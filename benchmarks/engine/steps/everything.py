"""All four steps in one process: what every tool is measured against."""

import sys
from pathlib import Path

from evaluate import evaluate
from features import features
from prepare import prepare
from train import train

if __name__ == "__main__":
    raw, work = map(Path, sys.argv[1:])
    prepare(raw, work / "prepared")
    features(work / "prepared", work / "split")
    train(work / "split", work / "model")
    evaluate(work / "split", work / "model", work / "scores")
