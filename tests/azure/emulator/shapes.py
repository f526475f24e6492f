"""Checks request bodies against what the service publishes.

Machine Learning bodies are checked against the REST models that Azure's own SDK carries: they are generated
from the service's specification. What the SDK sends fits by nature; what is sent past it must fit too.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Mapping
from typing import Any

ENUMERATION = re.compile(r":vartype (\w+): str\s+or\s+~[\w.]+\.(\w+)")
Check = Callable[[Any, str], list[str]]
SCALARS: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "bool": bool,
    "int": int,
    "long": int,
    "float": (int, float),
    "iso-8601": str,
    "duration": str,
}


def sdk(module: str, model: str) -> Check:
    """Return a check against one generated model.

    Args:
        module: the REST version's package, such as `v2024_01_01_preview`.
        model: the class of the body.
    """

    def check(body: Any, version: str) -> list[str]:
        return list(_object(body, _models(module), model, ""))

    return check


@functools.cache
def _models(module: str) -> Any:
    return importlib.import_module(f"azure.ai.ml._restclient.{module}.models")


def _object(body: Any, models: Any, name: str, path: str):
    """Yield one sentence for each field that the model does not know, lacks or cannot hold."""
    if not isinstance(body, Mapping):
        yield f"{path or 'body'}: must be an object, not {body!r}"
        return
    model = _subtype(body, models, name)
    fields = {_key(entry["key"]): (attribute, entry["type"]) for attribute, entry in model._attribute_map.items()}
    for key in body.keys() - fields.keys():
        yield f"{path}{key}: unknown field of {model.__name__}"
    rules, words = getattr(model, "_validation", {}), _words(models, model)
    for key, (attribute, kind) in fields.items():
        rule = rules.get(attribute, {})
        if body.get(key) is None:
            if rule.get("required"):
                yield f"{path}{key}: missing"
            continue
        if rule.get("pattern") and not re.search(rule["pattern"], str(body[key])):
            yield f"{path}{key}: {body[key]!r} does not fit {rule['pattern']}"
        if attribute in words and str(body[key]).lower() not in words[attribute]:
            yield f"{path}{key}: {body[key]!r} is none of {', '.join(sorted(words[attribute]))}"
        yield from _value(body[key], kind, models, f"{path}{key}")


@functools.cache
def _words(models: Any, model: Any) -> dict[str, frozenset[str]]:
    """Return the words that fields may hold, in lower case; only docstrings name the lists."""
    named = {name: getattr(models, kind, None) for name, kind in ENUMERATION.findall(model.__doc__ or "")}
    return {name: frozenset(word.value.lower() for word in kind) for name, kind in named.items() if kind}


def _key(key: str) -> str:
    return key.replace("\\.", ".")


def _subtype(body: Mapping[str, Any], models: Any, name: str) -> Any:
    """Follow the discriminators (`jobType`, `datastoreType`, ...) down to the class of this body."""
    model = getattr(models, name)
    for attribute, types in getattr(model, "_subtype_map", {}).items():
        chosen = types.get(body.get(model._attribute_map[attribute]["key"]))
        if chosen and chosen != name:
            return _subtype(body, models, chosen)
    return model


def _value(value: Any, kind: str, models: Any, path: str):
    if kind.startswith("[") and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _value(item, kind[1:-1], models, f"{path}[{index}]")
    elif kind.startswith("{") and isinstance(value, Mapping):
        loose = kind == "{str}"  # the SDK itself sends numbers here (a code's `hash_version`)
        for key, item in value.items():
            if item is not None and not (loose and isinstance(item, (str, int, float))):
                yield from _value(item, kind[1:-1], models, f"{path}.{key}")
    elif kind in SCALARS:
        if not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind != "bool"):
            yield f"{path}: {value!r} is not of type {kind}"
    elif kind[0] in "[{":
        yield f"{path}: {value!r} is not of type {kind}"
    elif kind != "object" and hasattr(models, kind):
        yield from _object(value, models, kind, f"{path}.")
