"""Azure's own reader as a second opinion: `azure.ai.ml.load_job`, offline."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from pathlib import Path


def ask(pipeline: Path) -> str:
    """Return `agrees`, `not installed`, or azure-ai-ml's objection in one line."""
    if not available():
        return "not installed"
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            from azure.ai.ml import load_job

            load_job(pipeline)
    except Exception as error:  # whatever it raises is its verdict
        return _in_one_line(error)
    finally:
        logging.disable(logging.NOTSET)
    return "agrees"


def available() -> bool:
    """Whether azure-ai-ml can be imported."""
    try:
        return importlib.util.find_spec("azure.ai.ml") is not None
    except ModuleNotFoundError:
        return False


def _in_one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "troubleshoot" not in line.lower()]
    useful = [line for line in lines if line.startswith(("x ", "(x)", "- ", '"'))] or lines
    return " ".join(useful)[:500] or type(error).__name__
