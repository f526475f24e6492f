"""Which steps may be forked: plain `python` commands, without what a fork would not survive or would have wrong."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tdsp.engine.reader.expressions import EXPRESSION

if TYPE_CHECKING:
    from tdsp.engine.executor.editable import Packages

_UNSAFE = {
    "catboost",
    "cupy",
    "dask",
    "duckdb",
    "gevent",
    "grpc",
    "jax",
    "keras",
    "lightgbm",
    "multiprocessing",
    "numba",
    "polars",
    "pyspark",
    "ray",
    "tensorflow",
    "torch",
    "xgboost",
}
UNSAFE_LOADED = _UNSAFE - {"multiprocessing"}  # joblib loads it, and starts nothing
_SHELL = re.compile(r"[;&|<>$`\\*?(){}\[\]~#!\n]")


def arguments(command: str) -> list[str] | None:
    """Return what follows `python` in a command that needs no shell, else None."""
    text = " ".join(EXPRESSION.sub("x", command).split()) if "${{" in command else command.strip()
    if _SHELL.search(text):
        return None
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    if len(words) < 2 or words[0] not in ("python", "python3"):
        return None
    plain = words[1].endswith(".py") or (words[1] == "-m" and len(words) > 2 and words[2] not in ("pip", "venv"))
    return words[1:] if plain else None


def too_late(variables: Mapping[str, str]) -> bool:
    """Whether a step sets variables that Python or a library may have read already; only our own are known."""
    return any(not name.startswith("TDSP_") for name in variables)


def imports(files: dict[str, Path], packages: Packages | None = None) -> list[str] | None:
    """Return the modules from outside the snapshot that its Python files, and those of `packages`, import.

    None if one of them is unsafe to fork.
    """
    for package in (packages or {}).values():
        files = {**files, **package}
    top = {name.split("/")[0].removesuffix(".py") for name in files}
    found: dict[str, None] = {}
    for name, path in files.items():
        if name.endswith(".py"):
            found.update(dict.fromkeys(_imports_of(str(path), path.stat().st_mtime_ns)))
    outside = [module for module in found if module.split(".")[0] not in top]
    return None if {module.split(".")[0] for module in outside} & _UNSAFE else outside


def own(files: dict[str, Path]) -> list[str]:
    """Return every name by which a file of the snapshot might be imported."""
    parts = {part.split(".")[0] for name in files for part in name.split("/")}
    return sorted(parts - {"__main__", "__init__", ""})


@functools.lru_cache(maxsize=1024)
def _imports_of(path: str, _changed: int) -> tuple[str, ...]:
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(found)
