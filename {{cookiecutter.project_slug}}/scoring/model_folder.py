"""Load a model folder, and build nothing from it but the types named here.

What is trusted, and what for:

- `model.skops` holds numbers and the names of types, no code. skops builds only scikit-learn's, numpy's and
  scipy's own safe types and those in `TRUSTED`. The list is written here, in reviewed code: `MLmodel` and
  `contract.json` also name types, but whoever could swap the model could swap them too. A pickle runs code
  when it is opened, so none is ever opened, whatever the folder says.
- `code/` is the model's own feature code, as source. It *is* run. skops cannot make it safe: whoever can
  write to the model registry can run code here. That is why a model reaches the registry only through `tdsp
  run` and the gate, with the commit it came from. `code/` is put on the path only after `model.skops` has
  passed.
- skops guards against code, not against numbers: a tree with wild node indices can crash the process.
  Provenance is the guard there, too.
"""

from __future__ import annotations

import contextlib
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import skops.io

# Types beyond skops' own safe ones: those of `science.store`, which writes the file; a test keeps the two
# alike. When your model needs another, know what it does before you add it to both.
TRUSTED = [
    "functools.partial",  # skops judges the function inside by itself
    "numpy.dtype",
    "science.features.Features",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",
]


class ModelError(Exception):
    """The folder holds no model that may be served; the message says why in one line."""


@dataclass(frozen=True)
class Served:
    """A model and what its rows must look like."""

    folder: Path
    model: Any
    contract: dict[str, Any]

    def predict(self, rows: pd.DataFrame) -> dict[str, list]:
        """Return the predictions for `rows` and, when there are classes, each one's probability per row."""
        if self.contract["task"] != "classification":
            return {"predictions": self.model.predict(rows).tolist()}
        shares = self.model.predict_proba(rows)
        classes = self.model.classes_
        return {
            "predictions": classes[shares.argmax(axis=1)].tolist(),
            "probabilities": [dict(zip(classes.tolist(), row, strict=True)) for row in shares.tolist()],
        }


def find(folder: Path) -> Path:
    """Return the folder with `MLmodel`: `folder`, or the one folder directly in it (Azure ML mounts either).

    Raises:
        ModelError: there is none, or more than one.
    """
    found = [place for place in (folder, *sorted(folder.glob("*/"))) if (place / "MLmodel").is_file()]
    if folder in found:
        return folder
    if len(found) != 1:
        raise ModelError(
            f"{folder} holds {'no' if not found else len(found)} folders with an MLmodel file; one is needed"
        )
    return found[0]


@contextlib.contextmanager
def _code_of(folder: Path) -> Iterator[None]:
    """Put the model's code on the path; leave no `__pycache__` in a folder whose digest is registered."""
    code, before = str(folder / "code"), sys.dont_write_bytecode
    if code not in sys.path:
        sys.path.insert(0, code)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def load(folder: Path) -> Served:
    """Load the model in `folder` or directly below it.

    Raises:
        ModelError: no model, no contract, not a skops file, or types that are not in `TRUSTED`.
    """
    folder = find(folder)
    try:
        contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / 'contract.json'} cannot be read ({error}); train the model with `tdsp run`"
        ) from None
    file = folder / "model.skops"
    if not file.is_file():
        raise ModelError(f"{folder} has no model.skops; pickles and other formats are never opened")
    try:
        strangers = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strangers:
            raise ModelError(f"{file} needs types that scoring/model_folder.py does not trust: {', '.join(strangers)}")
        with _code_of(folder):
            return Served(folder, skops.io.load(file, trusted=TRUSTED), contract)
    except ModelError:
        raise
    except zipfile.BadZipFile:
        raise ModelError(f"{file} is not a skops file; pickles and other formats are never opened") from None
    except Exception as error:
        raise ModelError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
