"""Every picture, in one style: plain titles, few colours that everybody can tell apart, no decoration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from science.contract import Contract
from science.metrics import Rows

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8C8C8C"  # Okabe and Ito 2008
STYLE: dict = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "axes.formatter.limits": (-4, 9),  # 350000, not 3.5 with a 1e5 in the corner
    "axes.formatter.useoffset": False,
    "figure.dpi": 110,
    "text.parse_math": False,  # $ in names and values is a dollar
}
POINTS = 2_000  # drawn at most; more only make a blot
BINS = 30
BARS = 15  # columns or categories shown at most


@contextlib.contextmanager
def _figure(file: Path, rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4.2)) -> Iterator:
    """Yield the axes of a new figure, and write it to `file` when the block ends."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure.subplots(rows, columns, squeeze=False).ravel()
        figure.savefig(file, metadata={"Software": None})  # the same figure, the same bytes


def target(frame: pd.DataFrame, contract: Contract, file: Path) -> None:
    """Draw how the target is distributed among the training rows."""
    with _figure(file) as (axes,):
        _distribution(axes, frame[contract.target])
        axes.set_title(f"{contract.target} in {len(frame):,} training rows")


def variables(frame: pd.DataFrame, contract: Contract, file: Path) -> None:
    """Draw how each feature is distributed among the training rows."""
    names = contract.names[: 2 * BARS]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    with _figure(file, rows, columns, (3.4 * columns, 2.3 * rows)) as panels:
        for axes, name in zip(panels, names, strict=False):
            _distribution(axes, frame[name], bars=6)
            axes.set_title(name)
            axes.set_xlabel("")
            axes.set_ylabel("")
        for axes in panels[len(names) :]:
            axes.set_axis_off()


def _distribution(axes, values: pd.Series, bars: int = BARS) -> None:
    filled = values.dropna()
    few = filled.nunique() <= 12
    if pd.api.types.is_bool_dtype(filled) or filled.dtype == object or few:
        # whole numbers and truth values with gaps are floats to pandas
        written = partial(np.format_float_positional, trim="-") if pd.api.types.is_float_dtype(filled) else str
        counts = filled.map(written).value_counts()
        counts = (
            counts.sort_index(key=lambda names: pd.to_numeric(names, errors="coerce")) if few else counts.head(bars)
        )
        axes.barh([_short(name) for name in counts.index][::-1], counts.to_numpy()[::-1], color=BLUE)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("rows")
    else:
        axes.hist(filled, bins=_bins(filled), color=BLUE)
        if pd.api.types.is_datetime64_any_dtype(filled):
            locator = AutoDateLocator(maxticks=5)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_xlabel(str(values.name))
        axes.set_ylabel("rows")


def _bins(values: pd.Series) -> int | np.ndarray:
    """Return the bins of a histogram; whole numbers get bins of whole width, or the picture shows gaps."""
    if not pd.api.types.is_numeric_dtype(values) or (values % 1 != 0).any():
        return BINS
    width = -(-(values.max() - values.min() + 1) // BINS)
    return np.arange(values.min(), values.max() + width + 1, width) - 0.5


def evaluation(contract: Contract, rows: Rows, report: dict, folder: Path) -> None:
    """Draw what the challenger does on the held-out rows."""
    if contract.task == "regression":
        _regression(contract, rows, folder)
    else:
        _classification(contract, rows, folder)
    _importance(report, folder / "importance.png")
    if report["groups"]:
        _groups(report, folder / "error-by-group.png")


def _some(count: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).permutation(count)[:POINTS])


def _regression(contract: Contract, rows: Rows, folder: Path) -> None:
    some = _some(len(rows.truth), contract.seed)
    truth, said = rows.truth[some], rows.predicted[some]
    alpha = 0.6 if len(some) < 500 else 0.25
    with _figure(folder / "predicted.png", size=(5.2, 5.0)) as (axes,):
        ends = [min(truth.min(), said.min()), max(truth.max(), said.max())]
        axes.plot(ends, ends, color=GREY, linewidth=1, label="perfect prediction")
        axes.scatter(said, truth, s=14, alpha=alpha, color=BLUE, edgecolors="none")
        axes.set(xlabel=f"predicted {contract.target}", ylabel=f"actual {contract.target}")
        axes.set_title("Predicted against actual")
        axes.legend(frameon=False)
    with _figure(folder / "residuals.png") as (axes,):
        axes.axhline(0, color=GREY, linewidth=1)
        axes.scatter(said, truth - said, s=14, alpha=alpha, color=BLUE, edgecolors="none")
        axes.set(xlabel=f"predicted {contract.target}", ylabel="actual minus predicted")
        axes.set_title("Errors: above the line the model was too low")


def _classification(contract: Contract, rows: Rows, folder: Path) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

    with _figure(folder / "roc.png", size=(5.2, 5.0)) as (axes,):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="guessing")
        for place in rows.judged_classes:
            false, true, _ = roc_curve(rows.truth == place, rows.predicted[:, place])
            axes.plot(false, true, label=str(contract.classes[place]))
        axes.set(xlabel="share of the others called by mistake", ylabel="share found")
        axes.set_title("How many are found, at what price (ROC)")
        axes.legend(frameon=False)
    with _figure(folder / "precision-recall.png", size=(5.2, 5.0)) as (axes,):
        for place in rows.judged_classes:
            precision, recall, _ = precision_recall_curve(rows.truth == place, rows.predicted[:, place])
            axes.plot(recall, precision, label=str(contract.classes[place]))
        axes.set(xlabel="share found (recall)", ylabel="share of calls that are right (precision)", ylim=(0, 1.02))
        axes.set_title("Precision against recall")
        axes.legend(frameon=False)
    with _figure(folder / "calibration.png", size=(5.2, 5.0)) as (axes,):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfect")
        bins = int(np.clip(len(rows.truth) // 20, 2, 10))  # a share of fewer than 20 rows says little
        for place in rows.judged_classes:
            really, probability = rows.truth == place, rows.predicted[:, place]
            happened, said = calibration_curve(really, probability, n_bins=bins, strategy="quantile")
            axes.plot(said, happened, marker="o", markersize=4, label=str(contract.classes[place]))
        axes.set(xlabel="predicted probability", ylabel="share that really is")
        axes.set_title("Can the probabilities be believed?")
        axes.legend(frameon=False)
    counts = confusion_matrix(rows.truth, rows.labels, labels=range(len(contract.classes)))
    with _figure(folder / "confusion.png", size=(5.2, 4.6)) as (axes,):
        axes.imshow(counts, cmap="Blues", vmin=0)
        for (row, column), count in np.ndenumerate(counts):
            axes.text(column, row, f"{count:,}", ha="center", color="white" if count > counts.max() / 2 else "black")
        names = [_short(label) for label in contract.classes]
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.grid(visible=False)
        axes.set(xlabel="predicted", ylabel="actual")
        axes.set_title("What is taken for what")


def _importance(report: dict, file: Path) -> None:
    shown = report["importance"][:BARS][::-1]
    with _figure(file, size=(6.4, 1.2 + 0.28 * len(shown))) as (axes,):
        names = [_short(item["feature"]) for item in shown]
        axes.barh(
            names,
            [item["mean"] for item in shown],
            xerr=[item["std"] for item in shown],
            color=BLUE,
            ecolor=GREY,
        )
        axes.grid(axis="y", visible=False)
        axes.margins(y=0.02)
        moves = "falls" if report["higher_is_better"] else "rises"
        axes.set_xlabel(f"how much {report['metric']} {moves} when the column is shuffled")
        axes.set_title("What the model relies on")


def _groups(report: dict, file: Path) -> None:
    shown = report["groups"][::-1]
    with _figure(file, size=(6.4, 1.4 + 0.32 * len(shown))) as (axes,):
        names = [f"{item['column']} {_short(item['value'])} ({item['rows']:,} rows)" for item in shown]
        colours = [BLUE if item["judged"] else GREY for item in shown]
        axes.barh(names, [item["metric_value"] for item in shown], color=colours)
        overall = report["models"]["challenger"][report["metric"]]["value"]
        axes.axvline(overall, color=ORANGE, linewidth=1.5)
        axes.grid(axis="y", visible=False)
        axes.margins(y=0.02)
        better = "higher" if report["higher_is_better"] else "lower"
        axes.set_xlabel(f"{report['metric']} ({better} is better; line: all rows; grey: too few rows to judge)")
        axes.set_title("The same quality for everybody?")


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= 24 else f"{text[:23]}…"
