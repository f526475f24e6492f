"""What a pull request shows of a run: the verdict, the metrics, and plots that GitHub draws itself.

A comment cannot carry pictures of its own, so the plots are Mermaid charts; those of the report are in its own page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tdsp.errors import WrongInput
from tdsp.project import Project
from tdsp.report import markup, pages
from tdsp.report.evidence import Broken, Evidence, latest
from tdsp.wording import is_number

FINISHED = ("ok", "completed")  # as a local run and a job in Azure ML call it
MOST_BARS, MOST_LINES, PARTS = 12, 30, 10
_UNFIT = re.compile(r"[^\w .,%()/+-]")


def summary(root: Path, project: Project, run: Path | None = None) -> tuple[str, str]:
    """Return what came of a run, and the text that tells it.

    Args:
        root: the project.
        project: its facts.
        run: the run's folder; the last one when None.

    Returns:
        `registered`, `unchanged`, `refused` or `failed`; Markdown.

    Raises:
        WrongInput: there is no run, or it is not one of the training pipeline.
    """
    folder = run or latest(root)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if broken := Broken.of(folder):
        return "failed", pages.markdown(project, broken)
    if record["status"] not in FINISHED:
        return "failed", _failure(project, record)
    evidence = Evidence.of(folder)
    return evidence.outcome["outcome"], pages.summary(project, evidence, _charts(project, evidence))


def _failure(project: Project, record: dict[str, Any]) -> str:
    """Tell which steps failed, with the end of what they printed."""
    lines = [f"# {markup.show(project.project.name)}: the run failed", ""]
    for name, step in record["steps"].items():
        lines.append(f"- {markup.code(name)}: {step['state']}")
        if tail := step.get("tail", "").strip():
            shown = [line.replace("`", "'") for line in tail.splitlines()[-MOST_LINES:]]
            lines += ["", "```text", *shown, "```", ""]
    return "\n".join(lines) + "\n"


def _charts(project: Project, evidence: Evidence) -> dict[str, markup.Markdown]:
    """Return the charts by name; one that would have no numbers is left out."""
    metrics, metric = evidence.metrics, project.metric
    models = {name: values.get(metric, {}).get("value") for name, values in metrics["models"].items()}
    importance = {item["feature"]: item["mean"] for item in metrics["importance"][:MOST_BARS]}
    groups = {f"{item['column']} {item['value']}": item["metric_value"] for item in metrics["groups"][:MOST_BARS]}
    label = pages.LABELS.get(metric, metric)
    made = {
        "models": chart(f"{label} of each model", models),
        "importance": chart("Importance on the held-out rows", importance, sideways=True),
        "groups": chart(f"{label} by group", groups),
        "agreement": _agreement(evidence),
    }
    return {name: markup.Markdown(text) for name, text in made.items() if text}


def chart(title: str, bars: dict[str, Any], line: list[float] | None = None, *, sideways: bool = False) -> str:
    """Return a Mermaid bar chart; nothing without a finite number. Names are data: what Mermaid might read goes."""
    kept = {name: value for name, value in bars.items() if is_number(value)}
    if not kept:
        return ""
    names = ", ".join(f'"{_UNFIT.sub(" ", markup.one_line(name, 40)).strip() or "?"}"' for name in kept)
    rows = [f"xychart-beta{' horizontal' if sideways else ''}", f'  title "{_UNFIT.sub(" ", title)}"']
    rows += [f"  x-axis [{names}]", f"  bar [{_numbers(kept.values())}]"]
    if line:
        rows.append(f"  line [{_numbers(line)}]")
    return "\n".join(["```mermaid", *rows, "```"])


def _numbers(values: Any) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _agreement(evidence: Evidence) -> str:
    """Draw what was observed (bars) against what was predicted (line), in parts of the rows ordered by prediction."""
    file = evidence.folder / "outputs" / "evaluate" / "evaluation" / "predictions.parquet"
    if not file.is_file():
        return ""
    import numpy as np
    import pyarrow.parquet as parquet

    table = parquet.read_table(file)
    contract = evidence.contract
    column = "challenger" if contract["task"] == "regression" else f"challenger_{contract['positive']}"
    if not {"truth", column} <= set(table.column_names):
        return ""  # more than two classes: none of them counts as "yes"
    truth, said = (table[name].to_numpy() for name in ("truth", column))
    if truth.dtype.kind not in "iufb":
        truth = truth == contract["positive"]
    if not len(said):
        return ""
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), PARTS) if len(part)]
    observed = {f"{number} of {len(parts)}": float(np.mean(truth[part])) for number, part in enumerate(parts, 1)}
    predicted = [float(np.mean(said[part])) for part in parts]
    return chart("Observed (bars) and predicted (line), rows ordered by prediction", observed, predicted)


def folder_of(root: Path, run: str | None) -> Path | None:
    """Return the folder of a run; None when none is named.

    Raises:
        WrongInput: there is no such run.
    """
    folder = root / ".tdsp" / "runs" / run if run else None
    if folder and not (folder / "run.json").is_file():
        raise WrongInput(f"there is no run {run}: the names are those of the folders in .tdsp/runs")
    return folder
