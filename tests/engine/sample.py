"""A good pipeline of two steps with one component, to break."""

from __future__ import annotations

from pathlib import Path

import yaml

ENVIRONMENT = {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"}
COMPONENT = {
    "name": "one",
    "type": "command",
    "inputs": {
        "rate": {"type": "number", "default": 0.5, "min": 0, "max": 1},
        "count": {"type": "integer", "default": 1},
        "mode": {"type": "string", "default": "fast", "enum": ["fast", "slow"]},
        "data": {"type": "uri_folder"},
        "note": {"type": "string", "optional": True},
    },
    "outputs": {"out": {"type": "uri_folder"}, "table": {"type": "uri_file"}},
    "code": "./src",
    "environment": ENVIRONMENT,
    "command": "echo ${{inputs.rate}} ${{inputs.count}} ${{inputs.mode}} ${{inputs.data}} $[[${{inputs.note}}]]"
    " > ${{outputs.table}} && ls ${{outputs.out}}",
}
DELETE = object()
DATA = {"type": "uri_folder", "path": "./data"}


def good() -> tuple[dict, dict]:
    job = {
        "type": "pipeline",
        "settings": {"default_compute": "azureml:serverless"},
        "inputs": {"level": 0.5},
        "jobs": {
            "a": {"type": "command", "component": "./one.yml", "inputs": {"data": dict(DATA)}},
            "b": {
                "type": "command",
                "component": "./one.yml",
                "inputs": {"data": "${{parent.jobs.a.outputs.out}}", "rate": "${{parent.inputs.level}}"},
            },
        },
    }
    return job, yaml.safe_load(yaml.safe_dump(COMPONENT))


def write(folder: Path, job: dict, component: dict) -> Path:
    for name in ("src", "data"):
        (folder / name).mkdir()
    (folder / "list.yml").write_text("[a]")
    (folder / "one.yml").write_text(yaml.safe_dump(component, sort_keys=False))
    (folder / "pipeline.yml").write_text(yaml.safe_dump(job, sort_keys=False))
    return folder / "pipeline.yml"


def change(document: dict, dotted: str, value: object) -> None:
    *path, last = dotted.split("/")
    for key in path:
        document = document[key]
    if value is DELETE:
        del document[last]
    else:
        document[last] = value
