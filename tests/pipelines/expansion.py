"""Turn a pipeline of several files into one document, as Azure Pipelines does before anything runs.

Templates are put in, their parameters are checked, and `${{ }}` is replaced. What remains are conditions, `$( )` and
`$[ ]`, which mean something only while it runs: see `agent.py`.
"""

from __future__ import annotations

import copy
import functools
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pipelines.expressions import ExpressionError, Known, evaluate, parse, text_of, true

LISTS = ("stages", "jobs", "steps", "variables")  # what a template may hold, and where it may be put in
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_BRANCH = re.compile(r"\$\{\{\s*(if|elseif|else|each|insert)\b(.*?)\}\}", re.DOTALL)


class PipelineError(Exception):
    """A pipeline that Azure Pipelines would refuse."""


class _Texts(yaml.SafeLoader):
    """Every scalar is text, as Azure Pipelines reads them, and no key comes twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1 and not _BRANCH.fullmatch(str(key)):
                raise PipelineError(f"{key} is there twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


_Texts.yaml_implicit_resolvers = {}


def load(text: str) -> Any:
    """Read YAML as Azure Pipelines does; what is returned may be changed.

    Raises:
        PipelineError: it is not YAML, or a key is there twice.
    """
    return copy.deepcopy(_load(text))


@functools.cache
def _load(text: str) -> Any:
    try:
        return yaml.load(text, _Texts)  # a safe loader, which leaves text as it is
    except yaml.YAMLError as error:
        raise PipelineError(" ".join(str(error).split())) from None


class Expander:
    """Expands the pipelines of one folder.

    Args:
        folder: of the pipelines, such as `.azuredevops`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.used: set[str] = set()

    def pipeline(
        self, name: str, parameters: Mapping[str, Any] | None = None, variables: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the pipeline in the file `name` as one document.

        Args:
            name: of the file in the folder.
            parameters: what the person who starts it chose.
            variables: predefined ones that are known before it runs.

        Raises:
            PipelineError: it would be refused.
        """
        document = self._read(name)
        declared = document.pop("parameters", [])
        scope = {"parameters": _bind(declared, dict(parameters or {}), name)}
        scope["variables"] = dict(variables or {})
        scope["variables"] |= {item["name"]: item.get("value", "") for item in self._variables(document, scope, name)}
        return _plain(self._walk(document, scope, name))

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            raise PipelineError(f"{name}: there is no such file")
        self.used.add(name)
        document = load(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise PipelineError(f"{name}: not a mapping")
        return document

    def _variables(self, document: dict[str, Any], scope: dict[str, Any], file: str) -> list[dict[str, Any]]:
        found = self._walk({"variables": document.get("variables", [])}, scope, file)["variables"]
        if isinstance(found, dict):
            return [{"name": key, "value": value} for key, value in found.items()]
        return found

    def _walk(self, node: Any, scope: dict[str, Any], file: str, kind: str = "") -> Any:
        if isinstance(node, str):
            return self._text(node, scope, file)
        if isinstance(node, list):
            return self._list(node, scope, file, kind)
        if isinstance(node, dict):
            return self._mapping(node, scope, file)
        return node

    def _text(self, text: str, scope: dict[str, Any], file: str) -> Any:
        try:
            if whole := EXPRESSION.fullmatch(text):
                return evaluate(parse(whole[1]), scope)
            return EXPRESSION.sub(lambda match: text_of(evaluate(parse(match[1]), scope)), text)
        except ExpressionError as error:
            raise PipelineError(f"{file}: {error}") from None

    def _mapping(self, node: dict[str, Any], scope: dict[str, Any], file: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner, inside in self._chosen(list(node.items()), scope, file):
            if key is None:
                merged = self._walk(inner, inside, file)
                if not isinstance(merged, dict):
                    raise PipelineError(f"{file}: {merged!r} is not a mapping that could be put in")
                found |= merged
            else:
                name = text_of(self._text(key, inside, file))
                found[name] = self._walk(inner, inside, file, name if name in LISTS else "")
        return found

    def _list(self, node: list[Any], scope: dict[str, Any], file: str, kind: str) -> list[Any]:
        found: list[Any] = []
        pairs = [next(iter(item.items())) if _is_branch(item) else ("", item) for item in node]
        for key, item, inside in self._chosen(pairs, scope, file):
            if key is None:
                found += self._walk(item, inside, file, kind)
            elif isinstance(item, dict) and "template" in item and kind:
                found += self._template(item, inside, file, kind)
            else:
                value = self._walk(item, inside, file)
                spliced = isinstance(value, list) and isinstance(item, str)
                found += value if spliced else [value]
        return found

    def _chosen(self, pairs: list[tuple[str, Any]], scope: dict[str, Any], file: str):
        """Yield what remains of `pairs`: `(None, content, scope)` for the branch that is taken, else key and value."""
        taken: bool | None = None  # no `if` before this one
        for key, value in pairs:
            branch = _BRANCH.fullmatch(key)
            word, rest = (branch[1], branch[2].strip()) if branch else ("", "")
            if word in ("elseif", "else") and taken is None:
                raise PipelineError(f"{file}: {word} without if")
            if word in ("if", "elseif", "else"):
                before = bool(taken) and word != "if"
                right = not before and (word == "else" or true(self._text(f"${{{{ {rest} }}}}", scope, file)))
                taken = before or right
                if right:
                    yield None, value, scope
                continue
            taken = None
            if word == "insert":
                yield None, value, scope
            elif word == "each":
                name, over = re.fullmatch(r"(\w+)\s+in\s+(.+)", rest, re.DOTALL).groups()
                items = self._text(f"${{{{ {over} }}}}", scope, file)
                pairs_of = [{"key": k, "value": v} for k, v in items.items()] if isinstance(items, dict) else items
                for item in pairs_of:
                    yield None, value, scope | {name: item}
            else:
                yield key, value, scope

    def _template(self, item: dict[str, Any], scope: dict[str, Any], file: str, kind: str) -> list[Any]:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), self._text(item["template"], scope, file)))
        if extra := set(item) - {"template", "parameters"}:
            raise PipelineError(f"{file}: {sorted(extra)[0]} has no place beside template")
        document = self._read(path)
        given = self._walk(item.get("parameters", {}), scope, file)
        inside = {"parameters": _bind(document.pop("parameters", []), given, f"{file}: {path}")}
        inside["variables"] = scope["variables"]
        if set(document) != {kind}:
            raise PipelineError(f"{file}: {path} holds {', '.join(document) or 'nothing'}, here {kind} are wanted")
        if kind == "variables":
            return self._variables(document, inside, path)
        return self._walk(document, inside, path)[kind]


def _is_branch(item: Any) -> bool:
    return isinstance(item, dict) and len(item) == 1 and bool(_BRANCH.fullmatch(next(iter(item))))


def _bind(declared: list[dict[str, Any]], given: Mapping[str, Any], where: str) -> Known:
    """Return a template's parameters with their values.

    Raises:
        PipelineError: one is unknown, missing, or has a value of another kind.
    """
    known = {item["name"]: item for item in declared}
    if unknown := sorted(set(given) - set(known)):
        raise PipelineError(f"{where}: has no parameter {unknown[0]}")
    bound = Known()
    for name, item in known.items():
        if name not in given and "default" not in item:
            raise PipelineError(f"{where}: parameter {name} is missing")
        value = given.get(name, item.get("default"))
        kind = item.get("type", "string")
        if "values" in item and text_of(value) not in item["values"]:
            raise PipelineError(f"{where}: parameter {name} is {text_of(value)!r}, not {' or '.join(item['values'])}")
        if kind == "boolean":
            if text_of(value).lower() not in ("true", "false"):
                raise PipelineError(f"{where}: parameter {name} is {value!r}, not true or false")
            value = text_of(value).lower() == "true"
        elif kind == "string" and isinstance(value, dict | list):
            raise PipelineError(f"{where}: parameter {name} is not a text")
        bound[name] = value
    return bound


def _plain(node: Any) -> Any:
    """Return a document with all values as text."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return text_of(node)
