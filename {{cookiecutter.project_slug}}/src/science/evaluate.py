"""Third step: judge challenger, champion and baselines on the same held-out rows.

python -m science.evaluate --split S --model M --baselines B --champion C --evaluation E
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from science import bootstrap, plots, step, store, tracking, units
from science.champion import ask
from science.contract import Contract
from science.groups import by_group
from science.metrics import METRICS, Rows, metrics_for
from science.model import predict
from science.subset import subset

IMPORTANCE_ROWS = 2_000  # shuffling a column on more rows changes the ranking little
IMPORTANCE_OF_A_CLASS = 50  # rows at least: without a class, or with a row or two, many metrics mean nothing
IMPORTANCE_REPEATS = 5  # of each column
IMPORTANCE_SHUFFLES = 500  # of all columns, as long as each has one: with hundreds, each takes longer as well


def evaluate(split: Path, model: Path, baselines: Path, champion: Path, evaluation: Path) -> None:
    """Write how good the challenger is, and whether it is better than the others.

    Args:
        split: Folder that `prepare` wrote.
        model: The challenger, as `train` wrote it.
        baselines: Folder with dummy.skops and linear.skops.
        champion: The registered champion's folder, or one without a model when there is none.
        evaluation: Folder to write: metrics.json, predictions.parquet and plots.
    """
    contract = Contract.load(split)
    frame = pd.read_parquet(split / "test.parquet")
    challenger = store.load(model)
    predictions = {"challenger": predict(challenger, contract, frame)}
    answer = ask(champion, contract, frame)
    if answer.predictions is not None:
        predictions["champion"] = answer.predictions
    for name in ("dummy", "linear"):
        predictions[name] = predict(store.load_file(baselines / f"{name}.skops"), contract, frame)

    truth = contract.coded(frame[contract.target])
    rows = {name: Rows(truth, said, contract.positive_place) for name, said in predictions.items()}
    clusters, unit = units.clusters_of(frame, contract.time, contract.group)
    drawn = bootstrap.distributions(rows, contract.task, contract.seed, clusters)
    report = _report(contract, rows, drawn)
    report |= answer.report()
    report["same_as_champion"] = "champion" in rows and np.array_equal(
        predictions["challenger"], predictions["champion"]
    )
    report["groups"] = by_group(contract, frame, rows["challenger"])
    some = subset(contract, frame, IMPORTANCE_ROWS, IMPORTANCE_OF_A_CLASS)
    repeats = min(IMPORTANCE_REPEATS, max(1, IMPORTANCE_SHUFFLES // len(contract.names)))
    report["importance"] = _importance(challenger, contract, some, repeats)
    report["interval_absent"] = units.too_few(frame, contract.time, contract.group)
    report["sampled"] = {"unit": unit, "units": units.count_of(len(frame), clusters)}
    report["sampled"] |= _sampled(len(frame), len(some), repeats)

    with step.output(evaluation) as folder:
        step.write_json(folder / "metrics.json", report)
        _table(contract, frame, predictions).to_parquet(folder / "predictions.parquet")
        (folder / "plots").mkdir()
        plots.evaluation(contract, rows["challenger"], report, folder / "plots")
    flat = {f"test_{name}": value["value"] for name, value in report["models"]["challenger"].items()}
    tracking.log(metrics={name: value for name, value in flat.items() if np.isfinite(value)})
    for name, values in report["models"].items():
        at = values[contract.metric]
        sure = f"{at['low']:.4g} to {at['high']:.4g}" if np.isfinite(at["low"]) else "no interval"
        print(f"{name:>10}: {contract.metric} {at['value']:.4g} ({sure})")
    if report["interval_absent"]:
        print(f"warning: {report['interval_absent']}")


def _report(contract: Contract, rows: dict[str, Rows], drawn: dict) -> dict:
    """Return the metrics of each model and the comparisons with the challenger."""
    names = metrics_for(contract.task)
    models = {}
    for model, said in rows.items():
        models[model] = {}
        for name, metric in names.items():
            low, high = bootstrap.interval(drawn[model][name], contract.confidence)
            models[model][name] = {"value": metric.value(said), "low": low, "high": high}
    comparisons = {
        model: bootstrap.improvement(
            contract.metric,
            rows["challenger"],
            said,
            (drawn["challenger"][contract.metric], drawn[model][contract.metric]),
            contract.confidence,
        )
        for model, said in rows.items()
        if model != "challenger"
    }
    return {
        "task": contract.task,
        "metric": contract.metric,
        "higher_is_better": METRICS[contract.metric].higher_is_better,
        "rows": len(rows["challenger"].truth),
        "models": models,
        "comparisons": comparisons,
    }


def _importance(model: Pipeline, contract: Contract, frame: pd.DataFrame, repeats: int) -> list[dict]:
    """Return how much worse the metric gets when a column is shuffled (Breiman 2001), the worst first."""
    metric = METRICS[contract.metric]
    sign = 1 if metric.higher_is_better else -1

    def score(model: Pipeline, columns: pd.DataFrame, truth: np.ndarray) -> float:
        return sign * metric.value(Rows(truth, predict(model, contract, columns), contract.positive_place))

    found = permutation_importance(
        model,
        frame[contract.names],
        contract.coded(frame[contract.target]),
        scoring=score,
        n_repeats=repeats,
        random_state=contract.seed,
    )
    ranked = sorted(
        zip(contract.names, found.importances_mean, found.importances_std, strict=True), key=lambda f: -f[1]
    )
    return [{"feature": name, "mean": mean, "std": std} for name, mean, std in ranked]


def _sampled(rows: int, shuffled: int, repeats: int) -> dict:
    """Say what was computed on less than everything, and on how much."""
    return {
        "resamples": bootstrap.resamples_for(rows),
        "importance_rows": shuffled,
        "importance_repeats": repeats,
    }


def _table(contract: Contract, frame: pd.DataFrame, predictions: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return truth and predictions, a line per held-out row; classes as the probability of each."""
    table = {"truth": frame[contract.target]}
    for model, said in predictions.items():
        if contract.task == "regression":
            table[model] = said
        else:
            table |= {f"{model}_{label}": said[:, place] for place, label in enumerate(contract.classes)}
    return pd.DataFrame(table, index=frame.index)


if __name__ == "__main__":
    step.run(evaluate)
