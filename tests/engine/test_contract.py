"""The engine's reader against Azure's own: both must make the same of every file of the corpus."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tdsp import engine
from tdsp.engine.reader import schema

from tests.engine.readers import differences, ours, theirs

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.name for path in CORPUS.glob("*.yml"))


@pytest.mark.parametrize("name", FILES)
def test_both_readers_agree(name: str):
    assert differences(theirs(CORPUS / name), ours(CORPUS / name)) == []


def test_the_corpus_holds_every_kind_of_step():
    kinds = {step.kind for name in FILES for step in engine.read(CORPUS / name).steps.values()}
    assert kinds == {"command", "sweep", "parallel"}
    assert len(FILES) >= 7


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("inputs", "rate", "5.0"),
        ("inputs", "flag", "False"),
        ("outputs", "table", "uri_folder"),
        ("variables", "NEW", "1"),
    ],
)
def test_the_comparison_notices_a_difference(part: str, key: str, value: str):
    file = CORPUS / "values.yml"
    expected = theirs(file)
    assert differences(copy.deepcopy(expected), ours(file)) == []
    expected["first"][part][key] = value
    assert differences(expected, ours(file)) == ["first"]


def _schemas() -> dict[str, Any]:
    from azure.ai.ml._schema.component import CommandComponentSchema, ParallelComponentSchema
    from azure.ai.ml._schema.job.input_output_entry import OutputSchema
    from azure.ai.ml._schema.job_resource_configuration import JobResourceConfigurationSchema
    from azure.ai.ml._schema.pipeline.component_job import CommandSchema, ParallelSchema, SweepSchema
    from azure.ai.ml._schema.pipeline.pipeline_component import PipelineComponentSchema
    from azure.ai.ml._schema.pipeline.pipeline_job import PipelineJobSchema
    from azure.ai.ml._schema.pipeline.settings import PipelineJobSettingsSchema

    return {
        "command": (schema.COMMAND, [CommandComponentSchema, CommandSchema]),
        "parallel": (schema.PARALLEL, [ParallelComponentSchema, ParallelSchema]),
        "sweep": (schema.SWEEP, [SweepSchema]),
        "pipeline": (schema.PIPELINE, [PipelineJobSchema, PipelineComponentSchema]),
        "settings": (schema.SETTINGS, [PipelineJobSettingsSchema]),
        "output": (schema.OUTPUT, [OutputSchema]),
        "resources": (schema.RESOURCES, [JobResourceConfigurationSchema]),
    }


@pytest.mark.parametrize("kind", ["command", "parallel", "sweep", "pipeline", "settings", "output", "resources"])
def test_every_key_of_azures_schemas_is_known(kind: str):
    known, theirs = _schemas()[kind]
    for made in theirs:
        fields = made(context={"base_path": "."}).load_fields
        assert {field.data_key or name for name, field in fields.items()} <= known | {
            "auto_delete_setting",
            "is_deterministic",
        }
