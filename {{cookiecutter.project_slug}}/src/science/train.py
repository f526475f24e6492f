"""Second step: fit the model, and a dumb and a linear baseline beside it.

python -m science.train --split S --model M --baselines B --learning_rate 0.1 --max_iter 200
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
from jsonargparse.typing import PositiveFloat, PositiveInt

from science import model as models
from science import step, store, tracking
from science.choose import choose
from science.contract import Contract


def train(
    split: Path, model: Path, baselines: Path, learning_rate: PositiveFloat = 0.1, max_iter: PositiveInt = 200
) -> None:
    """Fit and save the model and the baselines.

    Args:
        split: Folder that `prepare` wrote.
        model: Folder to write: an MLflow model, with contract.json and training.json.
        baselines: Folder to write: dummy.skops and linear.skops.
        learning_rate: Of the boosted trees, above 0.
        max_iter: Most trees that boosting may take (per class, with more than two).
    """
    started = time.perf_counter()
    contract = Contract.load(split)
    frame = pd.read_parquet(split / "train.parquet")
    learners = {
        "linear": models.linear(contract),
        "boosting": models.boosting(contract, learning_rate, max_iter),
    }
    weights, validation = choose(contract, frame, learners)
    fitted = models.fit(models.blend(contract, learners, weights), contract, frame)
    compared = {
        "dummy": models.fit(models.dummy(contract), contract, frame),
        "linear": models.fit(models.linear(contract), contract, frame),
    }
    parameters = {"learning_rate": learning_rate, "max_iter": max_iter, "seed": contract.seed}
    training = {
        "parameters": parameters,
        "estimator": _name(weights),
        "weights": weights,
        "features": contract.names,
        "columns": fitted["features"].names_,
        "validation": validation,
    }
    with step.output(model) as folder:
        store.save(fitted, frame[contract.names], contract, folder)
        step.write_json(folder / "training.json", training)
    with step.output(baselines) as folder:
        for name, baseline in compared.items():
            store.dump(baseline, folder / f"{name}.skops")
    seconds = {"training_seconds": time.perf_counter() - started}  # not a file: equal models are equal to the byte
    validated = {f"validation_{contract.metric}": validation["value"]}
    tracking.log(parameters | {"estimator": _name(weights)}, validated | seconds)
    if validation["instead_of"]:
        lost = f"with {validation['instead_of']} a class would be too rare in some fold"
        print(f"warning: {validation['judged_on']} judge in cross-validation: {lost}")
    print(f"{_name(weights)}: {contract.metric} {validation['value']:.4g} in cross-validation")


def _name(weights: dict[str, float]) -> str:
    return " + ".join(f"{weight:.0%} {name}" if weight < 1 else name for name, weight in weights.items() if weight)


if __name__ == "__main__":
    step.run(train)
