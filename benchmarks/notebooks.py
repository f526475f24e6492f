"""`tdsp notebooks` against nbqa on the same hundred notebooks.

    uv run --group bench python benchmarks/notebooks.py

The notebooks are made from a seed: thirty-odd cells each of text, imports, tables, plots, functions and magics,
with outputs and pictures, and here and there a mistake. Both tools convert them and run ruff with the same settings.
Printed: processor seconds of all processes (median), those beyond the start of Python, findings, and the ratio.
Ends with 1 when a target is missed.
"""

from __future__ import annotations

import base64
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "{{cookiecutter.project_slug}}" / "src"
NOTEBOOKS, ROUNDS, SEED = 100, 5, 20
SECONDS = 2.0  # of processor time beyond the start of Python, at most
FASTER = 3.0  # times nbqa, at least
SETTINGS = 'line-length = 79\ntarget-version = "py311"\nlint.select = ["E", "F", "W", "I", "B", "UP"]\n'

IMPORTS = """
%matplotlib inline
%load_ext autoreload
%autoreload 2
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
"""
CELLS = (
    'table = pd.read_csv(Path("data") / "sales_{n}.csv", parse_dates=["day"])\ntable.head()',
    'table["month_{n}"] = table["day"].dt.month\ntable.groupby("month_{n}")["revenue"].agg(["mean", "std"])',
    "table.isna().sum().sort_values(ascending=False)",
    "def share_{n}(part: float, whole: float) -> float:\n    if whole == 0:\n        return 0.0\n    return part",
    'fig, axes = plt.subplots(1, 2, figsize=(10, 4))\naxes[0].hist(table["revenue"])\naxes[1].plot(table["day"]);',
    "%%time\ntotals = []\nfor name, group in table.groupby('shop'):\n    totals.append((name, len(group)))\ntotals[:3]",
    "%timeit table['revenue'].sum()\n%time top = table.nlargest({n}, 'revenue')\ntop",
    "files = !ls data\n!wc -l {{files[0]}} | sort\nprint(len(files))",
    "%%bash\nfor file in data/*.csv; do\n  head -1 $file\ndone",
    "table.describe?\n",
    'model = np.polyfit(np.arange(len(table)), table["revenue"], deg={d})\nmodel',
    'result = await load("table-{n}")\nresult["rows"]',
    "with open('notes_{n}.json') as file:\n    notes = json.load(file)\nnotes.get('author', 'nobody')",
    "async def load(name):\n    return {{'name': name, 'rows': len(table)}}",
    "!pip install --quiet some-package-{n}",
    """def clean_{n}(table: pd.DataFrame) -> pd.DataFrame:
    '''Return the rows that can be used, with the columns that the model needs.'''
    kept = table.dropna(subset=["day", "revenue"]).copy()
    kept["weekday"] = kept["day"].dt.weekday
    kept["month"] = kept["day"].dt.month
    for column in ("shop", "product"):
        kept[column] = kept[column].str.strip().str.lower()
        counts = kept[column].value_counts()
        rare = counts[counts < {n}].index
        kept.loc[kept[column].isin(rare), column] = "other"
    low, high = kept["revenue"].quantile([0.01, 0.99])
    outside = ~kept["revenue"].between(low, high)
    if outside.any():
        print(f"{{outside.sum()}} rows are outside of {{low:.1f}} to {{high:.1f}}")
    return kept[~outside].reset_index(drop=True)


cleaned = clean_{n}(table)
cleaned.describe()""",
    """figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4))
for shop, rows in table.groupby("shop"):
    weekly = rows.set_index("day")["revenue"].resample("W").sum()
    left.plot(weekly.index, weekly, label=shop)
    right.hist(rows["revenue"], bins={n}, alpha=0.4, label=shop)
left.set_title("Revenue per week")
left.set_ylabel("EUR")
left.legend()
right.set_title("Revenue per day")
right.set_xlabel("EUR")
right.set_xlim(0, table["revenue"].quantile(0.99))
right.legend()
figure.tight_layout()
plt.show()""",
    """from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score

columns = ["price", "weekday", "month"]
scores = {{}}
for depth in (2, 4, {n}):
    model = HistGradientBoostingRegressor(max_depth=depth, random_state=0)
    found = cross_val_score(
        model,
        table[columns],
        table["revenue"],
        cv=5,
        scoring="neg_mean_absolute_error",
    )
    scores[depth] = -found.mean()
pd.Series(scores, name="mean absolute error")""",
)
WRONG = (
    "import os",
    "print(undefined_{n})",
    "x = 1;y = 2",
    "wide = table[(table['revenue'] > {n}) & (table['shop'] == 'north') & (table['day'].dt.year == 2026)]",
    "if table is None: print('empty')",
)
TEXT = (
    "## Step {n}\n\nWhat the column says about the season, and what not. See the [report](report.md).",
    "The picture shows two groups:\n\n- weekends\n- everything else, {n} times as much and spread over the year",
)


def cell(kind: str, source: str, rng: random.Random) -> dict:
    """Return a cell as it stands in a notebook, code with outputs."""
    made = {"cell_type": kind, "id": f"{rng.getrandbits(32):08x}", "metadata": {}}
    made["source"] = source.splitlines(keepends=True)
    if kind == "code":
        shown = {"text/plain": ["   day  revenue\n"] * 8}
        if "plot" in source:
            shown["image/png"] = base64.b64encode(rng.randbytes(40_000)).decode()
        made |= {"execution_count": rng.randrange(99), "outputs": [{"output_type": "display_data", "metadata": {}}]}
        made["outputs"][0]["data"] = shown
    return made


def make(folder: Path) -> None:
    """Write the notebooks and the settings of ruff."""
    rng = random.Random(SEED)  # noqa: S311 - a benchmark has no secrets
    (folder / "ruff.toml").write_text(SETTINGS, encoding="utf-8")
    for number in range(NOTEBOOKS):
        cells = [cell("markdown", f"# Study {number}", rng), cell("code", IMPORTS.strip(), rng)]
        for n in range(rng.randrange(28, 38)):
            mistake = rng.random() < 0.1
            source = rng.choice(WRONG if mistake else CELLS + TEXT)
            kind = "markdown" if source in TEXT else "code"
            cells.append(cell(kind, source.format(n=n + 2, d=rng.randrange(1, 5)), rng))
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        place = folder / f"part-{number % 7}" / f"study-{number:03}.ipynb"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def cost(folder: Path, *command: str) -> tuple[float, float, int]:
    """Run a command; return processor seconds of all its processes, seconds on the clock, and lines printed."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    variables = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=variables, capture_output=True, text=True)
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, ended - begun, sum(".ipynb:cell" in line or ".ipynb:" in line for line in done.stdout.splitlines())


def main() -> int:
    """Make, measure in turns, print; return 1 when a target is missed."""
    commands = {
        "tdsp notebooks": ("-c", "from tdsp.cli import main; main()", "notebooks", "--outputs=keep", "."),
        "nbqa ruff": ("-m", "nbqa", "ruff check --no-cache --output-format=concise", "."),
        "python -c pass": ("-c", "pass"),
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder)
        figures = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                figures[name].append(cost(folder, *command))
    start = statistics.median(used for used, _, _ in figures["python -c pass"])
    print(f"{NOTEBOOKS} notebooks, seed {SEED}\n{'':18}{'CPU s':>9}{'beyond start':>14}{'clock s':>9}{'findings':>10}")
    middle = {}
    for name, runs in figures.items():
        middle[name] = statistics.median(used for used, _, _ in runs)
        clock = statistics.median(seconds for _, seconds, _ in runs)
        print(f"{name:18}{middle[name]:9.2f}{middle[name] - start:14.2f}{clock:9.2f}{runs[0][2]:10}")
    faster = middle["nbqa ruff"] / middle["tdsp notebooks"]
    print(f"nbqa takes {faster:.1f}x; targets: at most {SECONDS} s beyond the start, nbqa at least {FASTER}x")
    return int(middle["tdsp notebooks"] - start > SECONDS or faster < FASTER)


if __name__ == "__main__":
    raise SystemExit(main())
