"""Whether what the facts name is there: the data file, and the columns in its schema. `prepare` would say it, later."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

import yaml

from tdsp.errors import WrongInput
from tdsp.project import FILE, Project

RAW = Path("data", "raw")
SCHEMA = Path("data", "schema.yml")


def check(root: Path, project: Project) -> None:
    """Find out before a step starts.

    Raises:
        WrongInput: a file or a column is not there; one line for each.
    """
    if problems := list(_absent(root, project)):
        raise WrongInput("\n".join(f"{FILE}: {problem}" for problem in problems))


def _absent(root: Path, project: Project) -> Iterator[str]:
    data = project.data
    if not data.sample and not (root / RAW / data.file).is_file():
        yield f"data.file: {(RAW / data.file).as_posix()} is not there; uv run tdsp data add FILE brings your own"
    columns = _columns(root / SCHEMA)
    for key in ("target", "time", "group", "exclude", "sensitive") if columns else ():
        named = getattr(data, key)
        for name in named if isinstance(named, list) else [named]:
            if name is not None and name not in columns:
                near = difflib.get_close_matches(name, columns, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield f"data.{key}: {SCHEMA.as_posix()} has no column {name!r}{hint}"


def _columns(schema: Path) -> Collection[str]:
    """Return the columns of a schema; none when it is broken, of which `prepare` tells more."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
    try:
        content = yaml.load(schema.read_text(encoding="utf-8"), loader)  # noqa: S506 - both are safe
        return [str(name) for name in content["columns"]]
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return []
