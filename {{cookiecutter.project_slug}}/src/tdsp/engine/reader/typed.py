"""One family of typed readers: what each key may hold, so that nothing after them meets a surprise.

A reader takes a raw value and returns it converted, or raises `ValueError` saying why not. `conform` applies the
readers of a kind of job or component; a value that does not fit is noted as a mistake and left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tdsp.engine.plan import DATA, LITERALS
from tdsp.engine.problems import Problems, did_you_mean
from tdsp.engine.reader import documents

Reader = Callable[[Any], Any]
Shape = dict[str, Any]  # key -> reader or shape; `*` stands for every key


def _text(raw: Any) -> Any:
    if isinstance(raw, (dict, list)):
        raise ValueError(f"this is a {'mapping' if isinstance(raw, dict) else 'list'}, it takes text")
    return raw


def _name(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{_short(raw)} is not text")
    return raw


def _flag(raw: Any) -> bool:
    known = {"true": True, "false": False}.get(str(raw).lower())
    if known is None:
        raise ValueError(f"{_short(raw)} is not a boolean (true or false)")
    return known


def _number(raw: Any, least: float = -math.inf) -> float:
    try:
        value = float(raw) if isinstance(raw, (int, float, str)) and not isinstance(raw, bool) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{_short(raw)} is not a number")
    if value < least:
        raise ValueError(f"{_short(raw)} is below {least:g}")
    return raw if isinstance(raw, (int, float)) else value


def _whole(raw: Any, least: float = -math.inf) -> int:
    value = _number(raw, least)
    if value != int(value):
        raise ValueError(f"{_short(raw)} is not a whole number")
    return int(value)


def _positive(raw: Any) -> float:
    if _number(raw) <= 0:
        raise ValueError(f"{_short(raw)} is not above 0")
    return _number(raw)


def _count(raw: Any) -> int:
    return _whole(raw, 1)


def _natural(raw: Any) -> int:
    return _whole(raw, 0)


def _threshold(raw: Any) -> int:
    return _whole(raw, -1)


def _size(raw: Any) -> Any:
    if isinstance(raw, bool) or not re.fullmatch(r"\s*\d{1,15}(\.\d*)?\s*([kmg]b)?\s*", str(raw), re.IGNORECASE):
        raise ValueError(f"{_short(raw)} is not a size: a number of files, or 10 kb, 10 mb")
    return raw


def _list(raw: Any) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError(f"{_short(raw)} is not a list")
    return raw


def _texts(raw: Any) -> list[Any]:
    return [_text(item) for item in _list(raw)]


def _choices(raw: Any) -> list[Any]:
    if not _texts(raw):
        raise ValueError("the list is empty")
    return raw


def _names(raw: Any) -> list[str]:
    """A list, or one written as JSON text, or a single name."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.startswith("[") else [raw]
        except (ValueError, RecursionError):
            raise ValueError(f"{_short(raw)} is not a list") from None
    return [str(item) for item in _texts(raw)]


def _one_of(*known: str) -> Reader:
    def read(raw: Any) -> str:
        text = str(_text(raw))
        for spelt in (text, text.lower(), re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()):
            if spelt in known:
                return spelt
        raise ValueError(f"{_short(raw)} is none of those known here{did_you_mean(text, known)}")

    return read


def _either(reader: Reader, shape: Shape) -> Reader | Any:
    return (reader, shape)


_DISTRIBUTIONS = ("pytorch", "tensorflow", "mpi", "ray")
_PORT_TYPE = _one_of(*LITERALS, *DATA)
_ENVIRONMENT = _either(
    _name, {"name": _text, "version": _text, "image": _text, "conda_file": _either(_name, {}), "build": {}}
)
_PORTS: Shape = {
    "inputs": {
        "*": _either(
            lambda raw: raw,
            {"type": _PORT_TYPE, "optional": _flag, "min": _number, "max": _number, "enum": _texts, "path": _text},
        )
    },
    "outputs": {"*": _either(_text, {"type": _PORT_TYPE, "path": _text, "name": _text, "version": _text})},
}
_COMMON: Shape = {
    **dict.fromkeys(("name", "display_name", "experiment_name", "command", "code", "version"), _text),
    **_PORTS,
    "environment": _ENVIRONMENT,
    "environment_variables": {"*": _text},
    "additional_includes": _texts,
    "is_deterministic": _flag,
    "resources": {"instance_count": _count},
    "limits": {"timeout": _positive},
    "distribution": {
        "type": _one_of(*_DISTRIBUTIONS),
        "process_count_per_instance": _count,
        "worker_count": _count,
        "parameter_server_count": _natural,
    },
}
_PIPELINE: Shape = {
    **dict.fromkeys(("name", "display_name", "experiment_name", "version"), _text),
    **_PORTS,
    "settings": {
        "default_compute": _text,
        "default_datastore": _text,
        "continue_on_step_failure": _flag,
        "force_rerun": _flag,
    },
}
_PARALLEL: Shape = {
    **_COMMON,
    "input_data": _text,
    "mini_batch_size": _size,
    "partition_keys": _names,
    "error_threshold": _threshold,
    "mini_batch_error_threshold": _threshold,
    "max_concurrency_per_instance": _count,
    "retry_settings": {"max_retries": _natural, "timeout": _positive},
    "task": {
        **dict.fromkeys(("type", "code", "entry_script", "program_arguments", "append_row_to", "model"), _text),
        "environment": _ENVIRONMENT,
        "additional_includes": _texts,
    },
}
_SWEEP: Shape = {
    **_COMMON,
    "trial": _either(_text, {}),
    "search_space": {
        "*": {
            "type": _text,
            "values": _choices,
            "upper": _count,
            "q": _positive,
            **dict.fromkeys(("min_value", "max_value", "mu", "sigma"), _number),
        }
    },
    "objective": {"goal": _one_of("maximize", "minimize"), "primary_metric": _text},
    "sampling_algorithm": _either(
        _one_of("random", "grid", "bayesian"), {"type": _one_of("random", "grid", "bayesian"), "seed": _whole}
    ),
    "early_termination": {
        "type": _one_of("bandit", "median_stopping", "truncation_selection"),
        "evaluation_interval": _natural,
        "delay_evaluation": _natural,
        "slack_factor": _number,
        "slack_amount": _number,
        "truncation_percentage": _count,
    },
    "limits": {
        "timeout": _positive,
        "trial_timeout": _positive,
        "max_total_trials": _count,
        "max_concurrent_trials": _count,
    },
}
_SHAPES = {"pipeline": _PIPELINE, "parallel": _PARALLEL, "sweep": _SWEEP, "command": _COMMON}


def conform(
    body: dict[str, Any], kind: str, file: Path, keys: tuple[str | int, ...], problems: Problems
) -> dict[str, Any]:
    """Return `body` with every key as text and every value of the kind its key takes.

    Args:
        body: a job or a component as YAML holds it; left as it is.
        kind: `command`, `parallel`, `sweep`, `pipeline`; of other kinds only inputs and outputs are looked at.
        file: where it was written, under `keys`.
        keys: place in that file.
        problems: takes what does not fit; it is missing in the result.
    """
    return _conform(body, _SHAPES.get(kind, _PORTS), lambda *noted: _note(file, keys, problems, *noted), ())


def mapping_of(path: Path, what: str) -> dict[str, Any]:
    """Return the content of a YAML file that must be a mapping, its keys as text.

    Raises:
        documents.UnreadableError: it cannot be read, or holds something else.
    """
    content = documents.load(path)
    if not isinstance(content, dict):
        raise documents.UnreadableError(f"{documents.shown(path)}: not {what}: it holds no mapping")
    return _with_text_keys(content)


def _note(file: Path, keys: tuple, problems: Problems, inner: tuple, message: str) -> None:
    problems.add(file, (*keys, *inner), message, "wrong value")


def _conform(body: dict[Any, Any], shape: Shape, note: Callable[[tuple, str], None], keys: tuple) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for raw_key, raw in body.items():
        key = str(raw_key)
        wanted = shape.get(key, shape.get("*"))
        place = (*keys, key)
        if wanted is None or raw is None:
            found[key] = _with_text_keys(raw)
            continue
        reader, inner = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        if isinstance(raw, dict) and isinstance(inner, dict):
            found[key] = _conform(raw, inner, note, place)
            continue
        try:
            if isinstance(reader, dict):
                raise ValueError(f"{_short(raw)} is not a mapping (key: value)")
            found[key] = reader(raw)
        except ValueError as error:
            note(place, str(error))
    return found


def _with_text_keys(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {str(key): _with_text_keys(value) for key, value in raw.items()}
    return [_with_text_keys(item) for item in raw] if isinstance(raw, list) else raw


def _short(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."
