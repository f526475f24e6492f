"""Raw columns in, what the model learns from out. **The file to edit** when you have an idea for a feature.

`features` is written in narwhals, so that one definition runs on pandas, Arrow, Polars, DuckDB and Spark: it
takes a lazy frame and returns one, reads and writes nothing and names no engine. It runs inside the model's
pipeline, so training and scoring cannot differ and whoever scores sends raw columns. A copy of this file, and of
what it imports from `science`, travels with each model.
"""

from __future__ import annotations

import narwhals as nw
from narwhals.typing import IntoDataFrame
from sklearn.base import BaseEstimator, TransformerMixin

NUMBERS = ("float", "integer", "boolean")
FEWEST_VALUES = 10  # in a column with gaps: boosting fails on one that is empty in its training part


def features(frame: nw.LazyFrame, types: dict[str, str]) -> nw.LazyFrame:
    """Return one column for each thing the model may learn from.

    Args:
        frame: At least the columns named in `types`; others are ignored.
        types: Column name to type: float, integer, boolean, string or datetime.

    Returns:
        Numbers as 64-bit floats, strings as they are, and month, day, weekday (Sunday is 0) and hour in place
        of each datetime. The year is left out on purpose: the model never sees the same one again.
    """
    columns = []
    for name, kind in types.items():
        column = nw.col(name)
        if kind == "datetime":
            columns += [
                column.dt.month().cast(nw.Float64).alias(f"{name}_month"),
                column.dt.day().cast(nw.Float64).alias(f"{name}_day"),
                # Sunday is 7 on most engines and 0 on Spark: the remainder is 0 on all
                (column.dt.weekday() % 7).cast(nw.Float64).alias(f"{name}_weekday"),
                column.dt.hour().cast(nw.Float64).alias(f"{name}_hour"),
            ]
        else:
            columns.append(column.cast(nw.Float64) if kind in NUMBERS else column)
    # Your own, for example (asking for the columns first spares tables that lack them, such as those of the tests):
    # if {"s1", "s3"} <= types.keys():
    #     columns.append((nw.col("s1") / nw.col("s3")).alias("cholesterol_ratio"))
    return frame.select(*columns)


class Features(TransformerMixin, BaseEstimator):
    """`features` as the first step of a scikit-learn pipeline; what comes out is of the kind that went in."""

    def __init__(self, types: dict[str, str]) -> None:
        self.types = types

    def fit(self, frame: IntoDataFrame, target: object = None) -> Features:  # noqa: ARG002 scikit-learn's signature
        """Learn the names of what comes out, and which columns are too empty to teach anything."""
        made = self._make(frame)
        self.names_ = made.columns
        self.empty_ = [name for name in made.columns if made[name].count() < min(FEWEST_VALUES, len(made))]
        return self

    def transform(self, frame: IntoDataFrame) -> IntoDataFrame:
        """Return the features of each row, in the same order; columns too empty to learn from are 0."""
        return self._make(frame).with_columns(nw.lit(0.0).alias(name) for name in self.empty_).to_native()

    def _make(self, frame: IntoDataFrame) -> nw.DataFrame:
        return features(nw.from_native(frame).lazy(), self.types).collect()

    def get_feature_names_out(self, names: object = None) -> list[str]:  # noqa: ARG002 scikit-learn's signature
        """Return the names of the columns that come out."""
        return self.names_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "names_")
