"""The schema that Microsoft's editor uses, on each pipeline as Azure Pipelines puts it together."""

import json
import subprocess
import sys

import pytest
from pipelines.expansion import Expander

CHECK = [
    sys.executable,
    "-m",
    "check_jsonschema",
    "--builtin-schema=vendor.azure-pipelines",
    "--regex-variant=nonunicode",
    "--data-transform=azure-pipelines",
]


def inputs_typed(node, inside=False):
    """Truth values where the schema wants them: in the inputs of tasks. Everywhere else it wants text."""
    if isinstance(node, dict):
        return {key: inputs_typed(value, inside or key == "inputs") for key, value in node.items()}
    if isinstance(node, list):
        return [inputs_typed(item, inside) for item in node]
    return node == "true" if inside and node in ("true", "false") else node


def validate(documents, folder):
    paths = []
    for name, document in documents.items():
        paths.append(folder / name)
        paths[-1].write_text(json.dumps(inputs_typed(document)))
    return subprocess.run([*CHECK, *map(str, paths)], capture_output=True, text=True)


def test_every_pipeline_keeps_the_schema(folder, tmp_path):
    names = sorted(path.name for path in folder.glob("*.yml"))
    assert len(names) > 5
    result = validate({name: Expander(folder).pipeline(name) for name in names}, tmp_path)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("ci.yml", "timeoutInMinutes: 30", "timeout: 30"),
        ("train.yml", "lockBehavior: sequential", "lockBehavior: sometimes"),
        ("templates/job-deploy.yml", "runOnce:", "runTwice:"),
        ("templates/steps-azure.yml", "scriptType: bash", "scriptType: zsh"),
    ],
)
def test_the_schema_notices(broken, tmp_path, name, old, new):
    copy = broken(name, old, new)
    pipeline = name if "/" not in name else "train.yml"
    result = validate({pipeline: Expander(copy).pipeline(pipeline)}, tmp_path)
    assert result.returncode == 1, result.stdout
