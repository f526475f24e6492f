"""Runs Azure ML v2 pipeline YAML on this machine, unchanged: reader -> plan -> executor -> store.

It knows the documented YAML and nothing of Azure, of `project.yml` or of a model registry, so any pipeline
file will do.
"""

from tdsp.engine.local import Options, Result, read, run
from tdsp.engine.problems import InvalidPipeline

__all__ = ["InvalidPipeline", "Options", "Result", "read", "run"]
