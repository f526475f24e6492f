"""YAML files as Azure ML reads them (YAML 1.1), and the line on which a key stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

# libyaml's parser is ten times faster; a build of PyYAML without it still works.
_MOST_VALUES = 5_000_000
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_TREES = 64
_trees: dict[Path, yaml.Node | None] = {}  # of the files read last, so that a place in them costs no second parse


class UnreadableError(Exception):
    """The file is missing or is not YAML; the text says which, in one line."""


def load(path: Path) -> Any:
    """Return the parsed content of `path`.

    Raises:
        UnreadableError: no such file, not YAML, or aliases that make it endless.
    """
    try:
        text = path.read_bytes()
        loader = _Loader(text)
        try:
            tree = loader.get_single_node()
            content = None if tree is None else loader.construct_document(tree)
        finally:
            loader.dispose()
        _measure(content, {}, set())
        _keep(path, tree, text)
    except OSError as error:
        raise UnreadableError(f"{shown(path)}: {error.strerror}") from None
    except RecursionError:
        raise UnreadableError(f"{shown(path)}: nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or a number that is none
        raise UnreadableError(f"{shown(path)}: not YAML: {' '.join(str(error).split())}") from None
    return content


def _measure(value: Any, sizes: dict[int, int], around: set[int]) -> int:
    """Return how many values a walk would meet; aliases may hold themselves, or grow beyond all bounds."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) in around:
        raise ValueError("an alias holds itself")
    if id(value) not in sizes:
        around.add(id(value))
        size = 1 + sum(_measure(item, sizes, around) for item in (value.values() if isinstance(value, dict) else value))
        around.discard(id(value))
        if size > _MOST_VALUES:
            raise ValueError("its aliases stand for millions of values")
        sizes[id(value)] = size
    return sizes[id(value)]


def _keep(path: Path, tree: yaml.Node | None, text: bytes) -> None:
    _trees.pop(path, None)
    if b"<<" not in text:  # merged keys now stand in the tree as if they had been written twice
        _trees[path] = tree
    if len(_trees) > _MOST_TREES:
        del _trees[next(iter(_trees))]


def _tree(path: Path) -> yaml.Node | None:
    if path not in _trees:
        try:
            with path.open("rb") as stream:
                _trees[path] = yaml.compose(stream, _Loader)
        except (OSError, yaml.YAMLError, ValueError, RecursionError):
            return None
    return _trees[path]


def line_of(path: Path, keys: tuple[str | int, ...]) -> int:
    """Return the line (from 1) of the deepest of `keys` that `path` holds."""
    node, line = _tree(path), 1
    for key in keys:
        child = None
        if isinstance(node, yaml.MappingNode):
            child = next((pair for pair in reversed(node.value) if pair[0].value == str(key)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            child = (node.value[key], node.value[key])
        if child is None:
            break
        line, node = child[0].start_mark.line + 1, child[1]
    return line


def duplicate_keys(path: Path) -> list[tuple[tuple[str | int, ...], int, int]]:
    """Return (keys, first line, line) for each key that a mapping of `path` holds twice.

    YAML keeps the last.
    """
    found: list[tuple[tuple[str | int, ...], int, int]] = []
    stack: list[tuple[tuple[str | int, ...], yaml.Node | None]] = [((), _tree(path))]
    met: set[int] = set()  # an alias leads to the same node again, at worst to one around it
    while stack:
        keys, node = stack.pop()
        if id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    continue
                line = key.start_mark.line + 1
                if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                    found.append(((*keys, key.value), seen[key.value], line))
                seen[key.value] = line
                stack.append(((*keys, key.value), value))
        elif isinstance(node, yaml.SequenceNode):
            stack.extend(((*keys, index), item) for index, item in enumerate(node.value))
    return found


def exists(path: Path) -> bool:
    """Return whether something is there; a name that cannot be one, or may not be looked at, is not."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists() raises for these


def shown(path: Path) -> str:
    """Return `path` as a person would type it from here."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive on Windows
        return str(path)
    return str(path) if Path(relative).parts[:3] == (os.pardir,) * 3 else relative


def absolute(path: Path) -> Path:
    """Return `path` without `..`, links left as they are: what a user sees is what a message names."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
