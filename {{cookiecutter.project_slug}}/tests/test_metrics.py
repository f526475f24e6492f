"""The metrics agree with scikit-learn on real resamples, and the intervals hold what they promise."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn

from science import bootstrap, units
from science.metrics import METRICS, Rows, metrics_for
from tdsp import project

RANDOM = np.random.default_rng(3)
COUNT = 301


def numbers() -> Rows:
    truth = RANDOM.normal(100, 20, COUNT)
    return Rows(truth, truth + RANDOM.normal(0, 10, COUNT))


def classes(count: int, *, ties: bool) -> Rows:
    truth = RANDOM.integers(0, count, COUNT)
    scores = RANDOM.random((COUNT, count)) + 0.5 * np.eye(count)[truth]
    scores = np.round(scores, 1) + 0.01 if ties else scores
    return Rows(truth, scores / scores.sum(axis=1, keepdims=True), positive=1 if count == 2 else None)


def average(rows: Rows) -> str:
    return "binary" if rows.positive is not None else "macro"


def score(rows: Rows) -> np.ndarray:
    return rows.predicted[:, 1] if rows.positive is not None else rows.predicted


THEIRS = {
    "mae": lambda r: sklearn.mean_absolute_error(r.truth, r.predicted),
    "median_ae": lambda r: sklearn.median_absolute_error(r.truth, r.predicted),
    "rmse": lambda r: sklearn.root_mean_squared_error(r.truth, r.predicted),
    "r2": lambda r: sklearn.r2_score(r.truth, r.predicted),
    "accuracy": lambda r: sklearn.accuracy_score(r.truth, r.labels),
    "average_precision": lambda r: sklearn.average_precision_score(r.truth, score(r)),
    "balanced_accuracy": lambda r: sklearn.balanced_accuracy_score(r.truth, r.labels),
    "f1": lambda r: sklearn.f1_score(r.truth, r.labels, average=average(r)),
    "log_loss": lambda r: sklearn.log_loss(r.truth, r.predicted),
    "roc_auc": lambda r: sklearn.roc_auc_score(r.truth, score(r), multi_class="ovr"),
}
CASES = {
    "numbers": ("regression", numbers()),
    "two classes": ("classification", classes(2, ties=False)),
    "two classes with ties": ("classification", classes(2, ties=True)),
    "four classes": ("classification", classes(4, ties=False)),
}


def test_the_names_are_those_of_project_yml():
    assert {name: (metric.task, metric.higher_is_better) for name, metric in METRICS.items()} == project.METRICS
    assert THEIRS.keys() == METRICS.keys()


@pytest.mark.parametrize("case", CASES)
def test_values_agree_with_scikit_learn_on_the_rows_and_on_resamples(case):
    task, rows = CASES[case]
    weights = next(bootstrap.weights(COUNT, seed=5))[:20].astype(int)
    for name, metric in metrics_for(task).items():
        assert metric.value(rows) == pytest.approx(THEIRS[name](rows), rel=1e-9), name
        repeated = [np.repeat(np.arange(COUNT), times) for times in weights]
        wanted = [THEIRS[name](Rows(rows.truth[some], rows.predicted[some], rows.positive)) for some in repeated]
        np.testing.assert_allclose(metric.bind(rows)(weights), wanted, rtol=1e-9, err_msg=name)


def test_a_metric_that_does_not_exist_is_not_a_number():
    rows = Rows(np.zeros(5, int), np.full((5, 2), 0.5), positive=1)
    assert np.isnan(METRICS["roc_auc"].value(rows))
    assert np.isnan(METRICS["r2"].value(Rows(np.ones(5), np.zeros(5))))


def test_intervals_hold_the_truth_as_often_as_they_promise():
    random, true_mae, hits = np.random.default_rng(0), np.sqrt(2 / np.pi), 0
    weights = next(bootstrap.weights(100, seed=1))
    for _ in range(400):
        drawn = METRICS["mae"].bind(Rows(random.normal(size=100), np.zeros(100)))(weights)
        low, high = bootstrap.interval(drawn, 0.9)
        hits += low <= true_mae <= high
    assert 0.85 <= hits / 400 <= 0.94  # percentile intervals of small samples are a little short


def test_rows_of_a_cluster_are_drawn_together_and_widen_the_interval():
    clusters = np.repeat(np.arange(20), 15)
    drawn = next(bootstrap.weights(300, seed=1, clusters=clusters))
    assert (drawn.reshape(-1, 20, 15).std(axis=2) == 0).all()
    errors = np.repeat(RANDOM.normal(size=20), 15)
    together, alone = (
        bootstrap.distributions({"m": Rows(errors, np.zeros(300))}, "regression", 1, groups)["m"]["mae"]
        for groups in (clusters, None)
    )
    assert together.std() > 2 * alone.std()


def test_an_interval_needs_a_metric_that_exists_in_nearly_all_resamples():
    values = np.full(1000, np.nan)
    values[0] = 0.3
    assert np.isnan(bootstrap.interval(values, 0.95)).all()
    values[:950] = np.linspace(0, 1, 950)
    assert np.isfinite(bootstrap.interval(values, 0.95)).all()
    truth = np.repeat([0, 1], [99, 1])
    rows = Rows(truth, np.column_stack([1 - truth, truth]).astype(float), 1)
    drawn = bootstrap.distributions({"m": rows}, "classification", 1, None)["m"]["roc_auc"]
    found = bootstrap.improvement("roc_auc", rows, rows, (drawn, drawn), 0.95)
    assert 500 < found["defined"] < 750  # a resample has the only row of a class with 1 - 1/e
    assert np.isnan(found["low"])


@pytest.mark.parametrize(("count", "known"), [(1, False), (2, False), (7, False), (8, True)])
@pytest.mark.parametrize("by", ["rows", "groups", "instants"])
def test_a_few_units_give_no_interval(by, count, known):
    instants = {1: 1, 2: 2, 7: 20, 8: 24}[count]  # in blocks
    size = {"rows": count, "groups": 5 * count, "instants": 5 * instants}[by]
    frame = pd.DataFrame({"site": np.arange(size) % count, "day": np.arange(size) % instants})
    columns = {"rows": (None, None), "groups": (None, "site"), "instants": ("day", None)}[by]
    clusters, _ = units.clusters_of(frame, *columns)
    rows = Rows(RANDOM.normal(size=size), np.zeros(size))
    drawn = bootstrap.distributions({"m": rows}, "regression", 1, clusters)["m"]["mae"]
    assert np.isfinite(bootstrap.interval(drawn, 0.95)).all() == known
    said = units.too_few(frame, *columns)
    assert (said is None) == known
    assert known or f"({count})" in said
    assert known or "split.test_fraction" in said


def test_rows_that_follow_each_other_are_drawn_in_blocks():
    frame = pd.DataFrame({"hour": RANDOM.permutation(1000), "who": np.arange(1000) // 2})
    clusters, unit = units.clusters_of(frame, "hour", None)
    assert unit == "blocks of 10 successive values of hour"
    assert (np.bincount(clusters) == 10).all()
    assert (frame["hour"].groupby(clusters).agg(np.ptp) == 9).all()
    assert units.clusters_of(frame, "hour", "who")[1] == unit  # 100 blocks claim less than 500 groups
    assert units.clusters_of(frame, None, "who")[1] == "groups of the same who"
    assert units.clusters_of(frame, None, None) == (None, "rows")
    clusters, unit = units.clusters_of(frame.assign(hour=7), "hour", None)
    assert (clusters.max(), unit) == (0, "blocks of 1 successive values of hour")


def test_a_paired_comparison_sees_a_small_but_steady_improvement():
    truth = RANDOM.normal(0, 50, 400)
    noise = RANDOM.normal(0, 20, 400)
    rows = {"challenger": Rows(truth, truth + noise), "champion": Rows(truth, truth + noise * 1.05)}
    drawn = bootstrap.distributions(rows, "regression", 1, None)
    pair = (drawn["challenger"]["mae"], drawn["champion"]["mae"])
    found = bootstrap.improvement("mae", rows["challenger"], rows["champion"], pair, 0.95)
    assert 0 < found["low"] < found["improvement"] < found["high"]
    alone = bootstrap.interval(pair[0], 0.95)
    assert alone[1] - alone[0] > 5 * (found["high"] - found["low"])


def test_large_tables_get_fewer_resamples_and_never_too_few():
    assert bootstrap.resamples_for(1_000) == bootstrap.RESAMPLES
    assert bootstrap.resamples_for(200_000) == bootstrap.CELLS // 200_000
    assert bootstrap.resamples_for(50_000_000) == bootstrap.FEWEST
