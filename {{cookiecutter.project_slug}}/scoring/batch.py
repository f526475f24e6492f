"""The entry script of batch deployments: `init` loads the model once, `run` scores the files of a mini-batch.

It is also that of the parallel step in `pipelines/score.yml`, in Azure ML and on a laptop. What a row must look like
and what is predicted for it is decided where `score.py` has it from. `run` returns a line of JSON for each row:
`{"file": name, "row": number, "prediction": …}`, for a classification with `"probabilities": {class: p, …}`. The
lines of several files may come in any order. A mistake in a file fails its mini-batch: there is never an answer for
half of a file. A file that is no table is skipped, and a line says so.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # who runs the script does not always add its folder

from model_folder import load
from request import RequestError, table_of
from table import parts, readable

served = None


def init() -> None:
    """Load the model of `--model`, or that under `AZUREML_MODEL_DIR`."""
    global served
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("--model")
    chosen, _ = arguments.parse_known_args()  # Azure ML adds arguments of its own
    served = load(Path(chosen.model or os.environ["AZUREML_MODEL_DIR"]))


def run(mini_batch: list[str]) -> list[str]:
    """Return the lines for all rows of some files.

    Raises:
        RequestError: a file cannot be scored; the message has its name and one sentence.
    """
    lines: list[str] = []
    for file in map(Path, mini_batch):
        try:
            lines += _lines(file)
        except RequestError as mistake:
            raise RequestError(f"{file.name}: {mistake}") from None
    return lines


def _lines(file: Path) -> Iterator[str]:
    if not readable(file):
        yield json.dumps({"file": file.name, "skipped": "no table to score, by its name"})
        return
    row = 0
    for columns in parts(file, served.contract["features"]):
        answer = served.predict(table_of(columns, served.contract, before=row))
        shares = answer.get("probabilities")
        for place, prediction in enumerate(answer["predictions"]):
            row += 1
            more = {"probabilities": shares[place]} if shares else {}
            line = {"file": file.name, "row": row, "prediction": prediction, **more}
            yield json.dumps(line, allow_nan=False, ensure_ascii=False)
