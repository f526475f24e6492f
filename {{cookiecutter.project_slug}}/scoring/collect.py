"""Keep what is asked and answered, for monitoring, where the deployment turns that on (`data_collector`).

Azure ML then runs a collector beside the container and names its settings in the environment; a thread of the package
hands rows over to it, and they lie in the workspace's storage. Anywhere else this costs nothing: not even the package
is imported. Whatever goes wrong here is logged, and no caller notices.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

import pandas as pd

SETTINGS = ("AZUREML_MDC_CONFIG_PATH", "AZUREML_MDC_ENABLED")
INPUTS, OUTPUTS = "model_inputs", "model_outputs"  # as deployment.yml calls the collections

log = logging.getLogger("azmlinfsrv.collect")
Collect = Callable[[pd.DataFrame, dict[str, list]], None]


def collector() -> Collect | None:
    """Return what takes rows with their answer; None where nothing is collected."""
    if not any(os.environ.get(name) for name in SETTINGS):
        return None
    try:
        from azureml.ai.monitoring import Collector

        inputs, outputs = (Collector(name=name, on_error=_complain) for name in (INPUTS, OUTPUTS))
    except Exception as error:
        _complain(error)
        return None

    def collect(rows: pd.DataFrame, answer: dict[str, list]) -> None:
        try:
            context = inputs.collect(rows)
            outputs.collect(_table(answer), context)
        except Exception as error:
            _complain(error)

    return collect


def _table(answer: dict[str, list[Any]]) -> pd.DataFrame:
    """Return an answer as a table: `prediction`, and `probability_CLASS` for each class."""
    table = pd.DataFrame({"prediction": answer["predictions"]})
    for name in (answer.get("probabilities") or [{}])[0]:
        table[f"probability_{name}"] = [shares[name] for shares in answer["probabilities"]]
    return table


def _complain(error: Exception) -> None:
    log.warning("not collected: %s: %s", type(error).__name__, error)
