"""The templates beside this module, filled with a run's evidence."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from tdsp.errors import TdspError
from tdsp.project import METRICS, Project
from tdsp.report import markup
from tdsp.report.evidence import Broken, Evidence
from tdsp.wording import interval, number

if TYPE_CHECKING:
    import jinja2

LABELS = {
    "mae": "mean absolute error",
    "median_ae": "median absolute error",
    "rmse": "root mean squared error",
    "r2": "R²",
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "log_loss": "log loss",
    "roc_auc": "ROC AUC",
}
_CAPTIONS = {
    "target": "Distribution of the target",
    "variables": "Distribution of each variable",
    "predicted": "Predicted against observed",
    "residuals": "Residuals",
    "roc": "ROC curve",
    "precision-recall": "Precision and recall",
    "calibration": "Calibration",
    "confusion": "Confusion matrix",
    "importance": "Permutation importance on the held-out rows",
    "error-by-group": "The metric by group",
}


def markdown(project: Project, evidence: Evidence | Broken) -> str:
    """Return the report of a run as Markdown; its pictures lie in `plots/` beside it."""
    return _fill(f"{_kind(evidence)}.md.j2", project, evidence, "plots/")


def html(project: Project, evidence: Evidence | Broken) -> str:
    """Return the report of a run as one page that needs nothing else: no script, no request."""
    kind = _kind(evidence)
    body = markup.to_html(_fill(f"{kind}-body.md.j2", project, evidence, "plots/"), evidence.plots)
    return _render(_page_templates(), f"{kind}.html.j2", **_names(project, evidence), body=body)


def summary(project: Project, evidence: Evidence, charts: dict[str, markup.Markdown]) -> str:
    """Return the short form of the report for a pull request: no pictures, but charts as text."""
    given = {name: charts.get(name, markup.Markdown("")) for name in ("models", "agreement", "importance", "groups")}
    return _fill("summary.md.j2", project, evidence, "", charts=given)


def section(name: str, project: Project, evidence: Evidence | Broken) -> str:
    """Return the content of one marked section, for a document in a stage's folder."""
    return _fill(f"sections/{name}.md.j2", project, evidence, "../reports/plots/")


def _kind(evidence: Evidence | Broken) -> str:
    """Return how the templates of its report are called."""
    return "broken" if isinstance(evidence, Broken) else "report"


def _fill(template: str, project: Project, evidence: Evidence | Broken, plots: str, **more: Any) -> str:
    def picture(*names: str) -> markup.Markdown:
        there = [name for name in names if f"{name}.png" in evidence.plots]
        return markup.Markdown("\n".join(f"![{_CAPTIONS.get(name, name)}]({plots}{name}.png)" for name in there))

    text = _render(_text_templates(), template, **_names(project, evidence), picture=picture, **more)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ ]+$", "", text, flags=re.MULTILINE)).strip() + "\n"


def _render(templates: jinja2.Environment, name: str, **names: Any) -> str:
    from jinja2 import UndefinedError

    try:
        return templates.get_template(name).render(names)
    except UndefinedError as error:
        raise TdspError(f"the run's evidence lacks what {name} shows ({error}); adapt one of the two") from None


def _names(project: Project, evidence: Evidence | Broken) -> dict[str, Any]:
    """Return what the templates call things by."""
    names = {
        "project": project,
        "run": evidence.run,
        "run_id": evidence.folder.name,
        "quality": evidence.quality,
        "checked": _by_column(evidence.quality["checks"]),
    }
    return names if isinstance(evidence, Broken) else names | _names_of_model(evidence)


def _names_of_model(evidence: Evidence) -> dict[str, Any]:
    # A champion that is the challenger itself would only fill tables with the same numbers twice.
    hidden = {"champion"} if evidence.metrics["same_as_champion"] else set()
    models, comparisons = evidence.metrics["models"], evidence.metrics["comparisons"]
    return {
        "contract": evidence.contract,
        "training": evidence.training,
        "metrics": evidence.metrics,
        "absent": evidence.metrics.get("interval_absent"),
        "models": {name: value for name, value in models.items() if name not in hidden},
        "comparisons": {name: value for name, value in comparisons.items() if name not in hidden},
        "metric": evidence.metric,
        "challenger": evidence.challenger,
        "outcome": evidence.outcome,
        "label": lambda name: markup.Markdown(LABELS.get(name, name)),
        "higher": lambda name: METRICS[name][1],
    }


def _by_column(checks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the schema's checks under the column they are about, in the schema's order."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for check in checks:
        grouped.setdefault(check["column"], []).append(check)
    return grouped


def _estimate(value: dict[str, float] | None) -> markup.Markdown:
    """Return a metric with its interval."""
    if not value:
        return markup.Markdown("n/a")
    return markup.Markdown(f"{number(value['value'])} ({interval(value['low'], value['high'])})")


@cache
def _text_templates() -> jinja2.Environment:
    import jinja2

    # Not HTML: `finalize` escapes for Markdown whatever a template shows, so no template can forget it.
    environment = jinja2.Environment(  # noqa: S701 - `finalize` does it
        loader=jinja2.PackageLoader("tdsp.report"),
        undefined=jinja2.StrictUndefined,
        finalize=markup.show,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "code": markup.code,
        "estimate": _estimate,
        "interval": lambda value: markup.Markdown(interval(value["low"], value["high"])),
        "or_blank": lambda value: "" if value is None else value,
        "percent": lambda share: markup.Markdown(f"{share:.0%}"),
        "zip": zip,
    }
    return environment


@cache
def _page_templates() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tdsp.report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "interval": lambda value: interval(value["low"], value["high"])}
    return environment
