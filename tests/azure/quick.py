"""A pipeline of two steps that say what `tdsp submit --wait` looks for, and do nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
# Step -> its output, and the file in it.
STEPS = {"prepare": ("quality", "quality.json"), "register": ("registration", "outcome.json")}
REGISTERED = {"outcome": "registered", "model": "demo", "version": 7, "reason": "the first model"}
REFUSED = {"outcome": "refused", "reason": "mae 3 is worse than 2"}


def write(project: Path, outcome: dict = REGISTERED, then: str = "true") -> None:
    """Write `pipelines/quick.yml`; its steps write `outcome`, then run a shell command."""
    folder = project / "pipelines"
    jobs = {}
    for step, (output, file) in STEPS.items():
        written = f"${{{{outputs.{output}}}}}"
        component = {
            "$schema": f"{SCHEMAS}/commandComponent.schema.json",
            "name": step,
            "type": "command",
            "outputs": {output: {"type": "uri_folder"}},
            "environment": "azureml:any:1",
            "command": f"mkdir -p {written} && echo '{json.dumps(outcome)}' > {written}/{file} && {then}",
        }
        (folder / f"quick-{step}.yml").write_text(yaml.safe_dump(component))
        jobs[step] = {"type": "command", "component": f"./quick-{step}.yml"}
    pipeline = {
        "$schema": f"{SCHEMAS}/pipelineJob.schema.json",
        "type": "pipeline",
        "settings": {"default_compute": "azureml:serverless"},
        "jobs": jobs,
    }
    (folder / "quick.yml").write_text(yaml.safe_dump(pipeline))
