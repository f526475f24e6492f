"""How numbers are written wherever a person reads them: on the terminal, in a verdict, in a report."""

from __future__ import annotations

import math
from typing import Any


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number; evidence has null or NaN where there is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any) -> str:
    """Return `value` with four significant digits; `n/a` when it is not a finite number.

    Thousands are set apart from five digits on, because four of them may be a year.
    """
    if not is_number(value):
        return "n/a"
    if value == 0:
        return "0"  # a float may be -0.0
    if isinstance(value, int) or 1000 <= abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-4 else f"{value:.2e}"


def interval(low: Any, high: Any) -> str:
    """Return `2 to 8`; `n/a` when an end is not known."""
    return f"{number(low)} to {number(high)}" if is_number(low) and is_number(high) else "n/a"


def counted(count: int, noun: str) -> str:
    """Return `1 step`, `2 steps`; for nouns that take an s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
