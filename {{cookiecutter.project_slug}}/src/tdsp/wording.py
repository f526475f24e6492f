"""How numbers are written wherever a person reads them: on the terminal, in a verdict, in a report."""

from __future__ import annotations

import math
from typing import Any


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number; evidence may hold null or NaN where nothing could be computed."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any) -> str:
    """Return `value` with four significant digits and thousands marked; `n/a` when it is not a finite number."""
    if not is_number(value):
        return "n/a"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3e}"
    return f"{value:.4g}"
