"""How a model lies on disk: an MLflow model with a skops file, its contract and its code."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import io
import json
import logging
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io
from sklearn.pipeline import Pipeline

from science.contract import Contract
from science.step import DataError

FILE = "model.skops"
CODE = "features"  # the module of `science` that the pipeline needs when it is loaded
CODE_NOTE = "The part of the project that this model needs, as it was when the model was trained."
PACKAGES = (
    "mlflow-skinny",
    "narwhals",
    "numpy",
    "pandas",
    "scikit-learn",
    "skops",
)  # to load and use a model
EXAMPLE_ROWS = 5
NO_TIME = "1980-01-01 00:00:00"  # of making: equal models are equal to the byte
# What a model file may make when it is loaded, beyond what skops trusts by itself; never a pickle.
TRUSTED_TYPES = [
    "functools.partial",  # skops judges the function inside by itself
    "numpy.dtype",
    "science.features.Features",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
]


def save(model: Pipeline, rows: pd.DataFrame, contract: Contract, folder: Path) -> None:
    """Write a fitted model, and see that what was written can be read and predicts the same.

    Args:
        model: Takes raw columns.
        rows: The training rows, raw columns only; the first of them go along as an example.
        contract: What the model was promised.
        folder: Empty.
    """
    import mlflow.sklearn  # takes a second

    example = rows.head(EXAMPLE_ROWS)
    with tempfile.TemporaryDirectory() as aside:
        code = Path(aside, "science")
        code.mkdir()
        (code / "__init__.py").write_text(f'"""{CODE_NOTE}"""\n', encoding="utf-8")
        for file in code_files():
            shutil.copy(file, code)
        _quiet()
        mlflow.sklearn.save_model(
            model,
            folder,
            serialization_format="skops",
            skops_trusted_types=TRUSTED_TYPES,
            code_paths=[str(code)],
            pip_requirements=[f"{name}=={version(name)}" for name in PACKAGES],
            signature=mlflow.models.infer_signature(example, model.predict(example)),
            input_example=example,
        )
    contract.save(folder)
    _settle_file(folder / FILE)
    about = mlflow.models.Model.load(folder)
    about.model_uuid = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()[:32]
    about.utc_time_created = NO_TIME
    about.save(folder / "MLmodel")
    if not np.array_equal(load(folder).predict(example), model.predict(example)):
        raise RuntimeError("the model that was saved predicts differently from the one that was fitted")


def code_files() -> set[Path]:
    """Return the file of `CODE`, and those of the modules of `science` that it imports, also inside of functions."""
    files: set[Path] = set()
    waiting = [CODE]
    while waiting:
        file = Path(__file__).with_name(f"{waiting.pop()}.py")
        if file in files or not file.is_file():
            continue
        files.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                within = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                paths = [f"{within}{alias.name}".split(".") for alias in node.names]
                waiting += [path[1] for path in paths if path[0] == "science" and len(path) > 1]
    return files


def dump(model: Pipeline, file: Path) -> None:
    """Write one skops file; the same model gives the same bytes."""
    skops.io.dump(model, file)
    _settle_file(file)


def _settle_file(file: Path) -> None:
    """Number the objects of a skops file from 1, instead of by their addresses, and leave the times out."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    objects: dict[int, int] = {}
    names: dict[str, str] = {}

    def settled(node: object) -> object:
        if isinstance(node, list):
            return [settled(item) for item in node]
        if not isinstance(node, dict):
            return node
        found: dict[str, object] = {}
        for key, value in node.items():
            if key == "__id__" and isinstance(value, int):
                if node.get("__loader__") != "JsonNode":  # whether two equal numbers or texts are one object is chance
                    found[key] = objects.setdefault(value, len(objects) + 1)
            elif key == "file" and isinstance(value, str) and value in parts:
                found[key] = names.setdefault(value, f"{len(names) + 1}{Path(value).suffix}")
            else:
                found[key] = settled(value)
        return found

    tree = settled(json.loads(parts.pop("schema.json")))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        settled_parts = {names[old]: parts[old] for old in names} | {"schema.json": json.dumps(tree, indent=2).encode()}
        for name, content in settled_parts.items():
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.create_system = 3  # on every system
            archive.writestr(entry, content)
    file.write_bytes(whole.getvalue())


def _quiet() -> None:
    """Silence two warnings of mlflow that ask for nothing."""
    # Whole numbers stay whole: the contract says which columns may have gaps.
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")
    # An environment made by uv has no pip, and the model's requirements do not depend on it.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)


def load(folder: Path) -> Pipeline:
    """Load the model of a folder, with the feature code that was saved beside it.

    Raises:
        DataError: the file holds a type that is not in `TRUSTED_TYPES`.
    """
    with _own_code(folder / "code"):
        return load_file(folder / FILE)


def load_file(file: Path) -> Pipeline:
    """Load one skops file.

    Raises:
        DataError: the file holds a type that is not in `TRUSTED_TYPES`.
    """
    try:
        return skops.io.load(file, trusted=TRUSTED_TYPES)
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        raise DataError(f"{file} holds types that are not trusted: {error}") from None


@contextlib.contextmanager
def _own_code(code: Path) -> Iterator[None]:
    """Let `import science` find the copy in `code`, then forget it: another model brings its own."""

    def ours() -> list[str]:
        return [name for name in sys.modules if name.split(".")[0] == "science"]

    here = {name: sys.modules.pop(name) for name in ours()}
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder is somebody's input
    sys.path.insert(0, str(code))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(code))
        for name in ours():
            del sys.modules[name]
        sys.modules.update(here)
