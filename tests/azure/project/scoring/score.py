"""Add a number to what the model folder holds."""

import json
import os
from pathlib import Path


def init():
    global base
    base = float(next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("base.txt")).read_text())
    print("loaded", base)


def run(raw):
    return base + json.loads(raw)["number"]
