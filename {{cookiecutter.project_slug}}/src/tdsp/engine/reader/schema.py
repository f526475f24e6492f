"""The keys that Azure ML's YAML documents: a misspelt one, which the service ignores silently, is found.

A test compares these sets with the schemas of azure-ai-ml.
"""

from __future__ import annotations

from typing import Any

_ABOUT = {"$schema", "name", "version", "display_name", "description", "tags", "type", "id", "properties"}
_PLACE = {
    "compute",
    "resources",
    "identity",
    "queue_settings",
    "services",
    "limits",
    "environment_variables",
    "comment",
}
_BATCHES = {
    "input_data", "mini_batch_size", "partition_keys", "error_threshold", "mini_batch_error_threshold",
    "max_concurrency_per_instance", "logging_level", "retry_settings", "resources",
}  # fmt: skip

PIPELINE = _ABOUT | {
    "experiment_name", "compute", "identity", "inputs", "outputs", "jobs", "settings", "services",
    "component", "tags",
}  # fmt: skip
COMMAND = (
    _ABOUT
    | _PLACE
    | {
        "code",
        "command",
        "environment",
        "inputs",
        "outputs",
        "distribution",
        "is_deterministic",
        "experiment_name",
    }
    | {"additional_includes", "auto_delete_setting", "component", "parent_job_name"}
)
PARALLEL = _ABOUT | _PLACE | _BATCHES | {"inputs", "outputs", "task", "is_deterministic", "component", "environment"}
SWEEP = _ABOUT | _PLACE | {
    "inputs", "outputs", "trial", "search_space", "objective", "sampling_algorithm", "early_termination",
    "limits", "experiment_name",
}  # fmt: skip
SETTINGS = {
    "default_compute", "default_datastore", "continue_on_step_failure", "force_rerun",
    "default_compute_type", "on_init", "on_finalize", "ssh_key",
}  # fmt: skip
INPUT = {
    "type", "path", "mode", "value", "default", "optional", "description", "min", "max", "enum",
    "datastore", "path_on_compute", "version",
}  # fmt: skip
OUTPUT = {"type", "path", "mode", "name", "version", "description"}
TASK = {
    "type",
    "code",
    "entry_script",
    "environment",
    "program_arguments",
    "append_row_to",
    "model",
    "additional_includes",
}
RESOURCES = {
    "instance_count", "instance_type", "max_instance_count", "docker_args", "shm_size", "locations",
    "properties", "runtime_version",
}  # fmt: skip
LIMITS = {"timeout", "max_total_trials", "max_concurrent_trials", "trial_timeout"}
OBJECTIVE = {"goal", "primary_metric"}
SAMPLING = {"type", "seed", "rule", "logbase"}
EARLY_TERMINATION = {
    "type", "evaluation_interval", "delay_evaluation", "slack_factor", "slack_amount", "truncation_percentage",
}  # fmt: skip
RETRY = {"max_retries", "timeout"}
DISTRIBUTION = {
    "type", "process_count_per_instance", "worker_count", "parameter_server_count", "port",
    "include_dashboard", "address", "head_node_additional_args", "worker_node_additional_args",
}  # fmt: skip
ENVIRONMENT = {
    "$schema", "name", "version", "description", "tags", "image", "conda_file", "build", "os_type",
    "inference_config", "properties", "id", "datastore", "auto_delete_setting",
}  # fmt: skip

_BY_KIND = {"pipeline": PIPELINE, "command": COMMAND, "parallel": PARALLEL, "sweep": SWEEP}
_PARTS = {
    "settings": SETTINGS,
    "task": TASK,
    "resources": RESOURCES,
    "limits": LIMITS,
    "retry_settings": RETRY,
    "distribution": DISTRIBUTION,
    "objective": OBJECTIVE,
    "sampling_algorithm": SAMPLING,
    "early_termination": EARLY_TERMINATION,
}


def unknown_keys(body: dict[str, Any], kind: str):
    """Yield (path of keys, known keys) for every key of a job or component that nothing reads."""
    known = _BY_KIND.get(kind)
    if known is None:
        return
    yield from (((key,), known) for key in body if key not in known)
    for part, keys in _PARTS.items():
        inner = body.get(part)
        if isinstance(inner, dict):
            yield from (((part, key), keys) for key in inner if key not in keys)
    if isinstance(body.get("environment"), dict):
        yield from ((("environment", key), ENVIRONMENT) for key in body["environment"] if key not in ENVIRONMENT)
    for group, keys in (("inputs", INPUT), ("outputs", OUTPUT)):
        for name, port in (body.get(group) or {}).items() if isinstance(body.get(group), dict) else ():
            if isinstance(port, dict):
                yield from (((group, name, key), keys) for key in port if key not in keys)
