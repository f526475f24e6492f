"""What each key of a job or component may hold, so that nothing after this meets a surprise.

A value that does not fit is noted as a mistake and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tdsp.engine.plan import DATA, LITERALS
from tdsp.engine.problems import Problems
from tdsp.engine.reader import documents, values

Reader = Callable[[Any], Any]
Shape = dict[str, Any]  # key -> reader or shape; `*` stands for every key


def _either(reader: Reader, shape: Shape) -> Reader | Any:
    return (reader, shape)


_DISTRIBUTIONS = ("pytorch", "tensorflow", "mpi", "ray")
_PORT_TYPE = values.one_of(*LITERALS, *DATA)
_ENVIRONMENT = _either(
    values.name,
    {
        "name": values.text,
        "version": values.text,
        "image": values.text,
        "conda_file": _either(values.name, {}),
        "build": {},
    },
)
_PORTS: Shape = {
    "inputs": {
        "*": _either(
            lambda raw: raw,
            {
                "type": _PORT_TYPE,
                "optional": values.flag,
                "min": values.number,
                "max": values.number,
                "enum": values.texts,
                "path": values.text,
            },
        )
    },
    "outputs": {
        "*": _either(
            values.text, {"type": _PORT_TYPE, "path": values.text, "name": values.text, "version": values.text}
        )
    },
}
_COMMON: Shape = {
    **dict.fromkeys(("name", "display_name", "experiment_name", "command", "code", "version"), values.text),
    **_PORTS,
    "environment": _ENVIRONMENT,
    "environment_variables": {"*": values.text},
    "additional_includes": values.texts,
    "is_deterministic": values.flag,
    "resources": {"instance_count": values.count},
    "limits": {"timeout": values.positive},
    "distribution": {
        "type": values.one_of(*_DISTRIBUTIONS),
        "process_count_per_instance": values.count,
        "worker_count": values.count,
        "parameter_server_count": values.natural,
    },
}
_PIPELINE: Shape = {
    **dict.fromkeys(("name", "display_name", "experiment_name", "version"), values.text),
    **_PORTS,
    "settings": {
        "default_compute": values.text,
        "default_datastore": values.text,
        "continue_on_step_failure": values.flag,
        "force_rerun": values.flag,
    },
}
_PARALLEL: Shape = {
    **_COMMON,
    "input_data": values.text,
    "mini_batch_size": values.size,
    "partition_keys": values.names,
    "error_threshold": values.threshold,
    "mini_batch_error_threshold": values.threshold,
    "max_concurrency_per_instance": values.count,
    "retry_settings": {"max_retries": values.natural, "timeout": values.positive},
    "task": {
        **dict.fromkeys(("type", "code", "entry_script", "program_arguments", "append_row_to", "model"), values.text),
        "environment": _ENVIRONMENT,
        "additional_includes": values.texts,
    },
}
_SWEEP: Shape = {
    **_COMMON,
    "trial": _either(values.text, {}),
    "search_space": {
        "*": {
            "type": values.text,
            "values": values.choices,
            "upper": values.count,
            "q": values.positive,
            **dict.fromkeys(("min_value", "max_value", "mu", "sigma"), values.number),
        }
    },
    "objective": {"goal": values.one_of("maximize", "minimize"), "primary_metric": values.text},
    "sampling_algorithm": _either(
        values.one_of("random", "grid", "bayesian"),
        {"type": values.one_of("random", "grid", "bayesian"), "seed": values.whole},
    ),
    "early_termination": {
        "type": values.one_of("bandit", "median_stopping", "truncation_selection"),
        "evaluation_interval": values.natural,
        "delay_evaluation": values.natural,
        "slack_factor": values.number,
        "slack_amount": values.number,
        "truncation_percentage": values.count,
    },
    "limits": {
        "timeout": values.positive,
        "trial_timeout": values.positive,
        "max_total_trials": values.count,
        "max_concurrent_trials": values.count,
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
                raise ValueError(f"{values.short(raw)} is not a mapping (key: value)")
            found[key] = reader(raw)
        except ValueError as error:
            note(place, str(error))
    return found


def _with_text_keys(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {str(key): _with_text_keys(value) for key, value in raw.items()}
    return [_with_text_keys(item) for item in raw] if isinstance(raw, list) else raw
