"""One family of typed readers: each returns a raw value converted, or raises `ValueError` saying why not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from tdsp.errors import did_you_mean


def text(raw: Any) -> Any:
    """Return anything but a mapping or a list, as it is."""
    if isinstance(raw, (dict, list)):
        raise ValueError(f"this is a {'mapping' if isinstance(raw, dict) else 'list'}, it takes text")
    return raw


def name(raw: Any) -> str:
    """Return text."""
    if not isinstance(raw, str):
        raise ValueError(f"{short(raw)} is not text")
    return raw


def flag(raw: Any) -> bool:
    """Return a boolean, also from its word."""
    known = {"true": True, "false": False}.get(str(raw).lower())
    if known is None:
        raise ValueError(f"{short(raw)} is not a boolean (true or false)")
    return known


def number(raw: Any, least: float = -math.inf) -> float:
    """Return a finite number, also from text; not below `least`."""
    try:
        value = float(raw) if isinstance(raw, (int, float, str)) and not isinstance(raw, bool) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{short(raw)} is not a number")
    if value < least:
        raise ValueError(f"{short(raw)} is below {least:g}")
    return raw if isinstance(raw, (int, float)) else value


def whole(raw: Any, least: float = -math.inf) -> int:
    """Return a whole number."""
    value = number(raw, least)
    if value != int(value):
        raise ValueError(f"{short(raw)} is not a whole number")
    return int(value)


def positive(raw: Any) -> float:
    """Return a number above 0."""
    if number(raw) <= 0:
        raise ValueError(f"{short(raw)} is not above 0")
    return number(raw)


def count(raw: Any) -> int:
    """Return a whole number from 1."""
    return whole(raw, 1)


def natural(raw: Any) -> int:
    """Return a whole number from 0."""
    return whole(raw, 0)


def threshold(raw: Any) -> int:
    """Return a whole number from -1, which means: ignore."""
    return whole(raw, -1)


def size(raw: Any) -> Any:
    """Return a number of files, or of bytes as `10 mb`."""
    if isinstance(raw, bool) or not re.fullmatch(r"\s*\d{1,15}(\.\d*)?\s*([kmg]b)?\s*", str(raw), re.IGNORECASE):
        raise ValueError(f"{short(raw)} is not a size: a number of files, or 10 kb, 10 mb")
    return raw


def listing(raw: Any) -> list[Any]:
    """Return a list."""
    if not isinstance(raw, list):
        raise ValueError(f"{short(raw)} is not a list")
    return raw


def texts(raw: Any) -> list[Any]:
    """Return a list without lists or mappings in it."""
    return [text(item) for item in listing(raw)]


def choices(raw: Any) -> list[Any]:
    """Return such a list that is not empty."""
    if not texts(raw):
        raise ValueError("the list is empty")
    return raw


def names(raw: Any) -> list[str]:
    """Return a list, also one written as JSON text, or a single name."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.startswith("[") else [raw]
        except (ValueError, RecursionError):
            raise ValueError(f"{short(raw)} is not a list") from None
    return [str(item) for item in texts(raw)]


def one_of(*known: str) -> Callable[[Any], str]:
    """Return a reader of one of `known`, however its capitals are set."""

    def read(raw: Any) -> str:
        word = str(text(raw))
        for spelt in (word, word.lower(), re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()):
            if spelt in known:
                return spelt
        raise ValueError(f"{short(raw)} is none of those known here{did_you_mean(word, known)}")

    return read


def short(raw: Any) -> str:
    """Return `raw` as a message shows it."""
    text = repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."
