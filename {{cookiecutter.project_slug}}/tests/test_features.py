"""The features are the same on every engine and say what they promise."""

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from science.features import Features, features

TYPES = {"amount": "float", "count": "integer", "flag": "boolean", "town": "string", "at": "datetime"}
DAYS = pd.date_range("2025-12-20", periods=400, freq="11h").as_unit("us")
RANDOM = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "unused": RANDOM.normal(size=400),
        "amount": np.where(RANDOM.random(400) < 0.1, np.nan, RANDOM.normal(size=400)),
        "count": RANDOM.integers(0, 9, 400),
        "flag": RANDOM.random(400) < 0.5,
        "town": RANDOM.choice(["Bern", "Lyon"], 400),
        "at": DAYS,
    }
)


def test_two_engines_agree_row_by_row():
    ours = features(nw.from_native(TABLE).lazy(), TYPES).collect().to_pandas()
    theirs = features(nw.from_native(pa.Table.from_pandas(TABLE)).lazy(), TYPES).collect().to_pandas()
    assert len(ours) == len(TABLE)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_the_calendar_is_what_pandas_says():
    made = Features(TYPES).fit_transform(TABLE)
    assert made["at_month"].tolist() == DAYS.month.tolist()
    assert made["at_day"].tolist() == DAYS.day.tolist()
    assert made["at_weekday"].tolist() == DAYS.strftime("%w").astype(int).tolist()  # Sunday is 0
    assert made["at_hour"].tolist() == DAYS.hour.tolist()


def test_no_other_column_passes_and_no_row_depends_on_another():
    step = Features(TYPES).fit(TABLE)
    made = step.transform(TABLE)
    assert list(made) == step.get_feature_names_out()
    assert "unused" not in made
    assert "at" not in made
    pd.testing.assert_frame_equal(step.transform(TABLE.iloc[[7]]), made.iloc[[7]])
