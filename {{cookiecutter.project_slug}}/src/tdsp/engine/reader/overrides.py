"""`--set inputs.x=1`: changes to a job file without editing it, as `az ml job create --set` does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tdsp.engine.plan import DATA
from tdsp.engine.reader import documents, schema
from tdsp.errors import WrongInput, did_you_mean


def apply(document: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `document` with each `a.b.c` of `settings` set.

    Inputs must exist. A data input may be given its path directly; a relative one starts at the current
    folder.

    Raises:
        WrongInput: no such input, or a key that leads through something that is no mapping.
    """
    changed = copy.deepcopy(document) if settings else document
    for dotted, value in settings.items():
        keys = dotted.split(".")
        if keys[0] not in schema.PIPELINE:
            near = f"; did you mean inputs.{dotted}?" if dotted in document.get("inputs", {}) else ""
            raise WrongInput(f"--set {dotted}: a pipeline has no key {keys[0]!r}{near}")
        place = changed
        for key in keys[:-1]:
            inner = place.setdefault(key, {}) if key not in ("inputs", "jobs") else place.get(key, {})
            if not isinstance(inner, dict):
                raise WrongInput(f"--set {dotted}: {key!r} holds no keys")
            place = inner
        last, is_input = keys[-1], len(keys) >= 2 and keys[-2] == "inputs"
        if is_input and keys[0] == "inputs" and last not in place:
            raise WrongInput(f"--set {dotted}: the pipeline has no input {last!r}{did_you_mean(last, place)}")
        old = place.get(last)
        if isinstance(old, dict) and not isinstance(value, dict) and old.get("type") in DATA:
            place[last] = {**old, "path": _path(value)}
        elif isinstance(old, dict) and not isinstance(value, dict) and is_input:
            place[last] = {**old, "value": value}
        else:
            # An input's text is passed on as typed; a setting needs its type (`settings.force_rerun=true`).
            place[last] = yaml.safe_load(value) if isinstance(value, str) and not is_input else value
    return changed


def _path(value: Any) -> str:
    text = str(value)
    local = Path(text).expanduser()
    return str(documents.absolute(local)) if local.exists() else text
