"""Search spaces of a sweep: every form of the YAML, sampled at random or laid out as a grid."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from typing import Any

_SAMPLERS = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "loguniform": ("min_value", "max_value"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "lognormal": ("mu", "sigma"),
    "qlognormal": ("mu", "sigma", "q"),
}


def objections(space: dict[str, Any], algorithm: str) -> Iterator[tuple[str, str]]:
    """Yield (name, what is wrong) for each entry that cannot be sampled."""
    for name, entry in space.items():
        kind = entry.get("type") if isinstance(entry, dict) else None
        if kind not in _SAMPLERS:
            yield name, f"unknown distribution {kind!r}; there is {', '.join(_SAMPLERS)}"
            continue
        missing = [key for key in _SAMPLERS[kind] if entry.get(key) is None]
        if missing:
            yield name, f"{kind} needs {', '.join(missing)}"
        elif algorithm == "grid" and kind not in ("choice", "randint"):
            yield name, f"a grid needs choice, not {kind}"


def trials(space: dict[str, Any], algorithm: str, seed: int | None) -> Iterator[dict[str, Any]]:
    """Yield the values of one trial after another.

    Args:
        space: name -> distribution, without objections.
        algorithm: `grid` is finite; anything else is sampled at random without end.
        seed: of the random samples; the same seed gives the same trials.
    """
    if algorithm == "grid":
        axes = [_axis(entry) for entry in space.values()]
        for values in itertools.product(*axes):
            yield dict(zip(space, values, strict=True))
        return
    dice = random.Random(0 if seed is None else seed)  # noqa: S311 - no secret
    while True:
        yield {name: sample(entry, dice) for name, entry in space.items()}


def _axis(entry: dict[str, Any]) -> list[Any]:
    return list(range(int(entry["upper"]))) if entry["type"] == "randint" else list(entry["values"])


def sample(entry: dict[str, Any], dice: random.Random) -> Any:
    """Draw one value; `q` rounds to its multiples, log variants are exp of the plain one.

    Randint excludes `upper`.
    """
    kind = entry["type"]
    if kind == "choice":
        return dice.choice(entry["values"])
    if kind == "randint":
        return dice.randrange(int(entry["upper"]))
    if kind.endswith("uniform"):
        value = dice.uniform(float(entry["min_value"]), float(entry["max_value"]))
    else:
        value = dice.gauss(float(entry["mu"]), float(entry["sigma"]))
    if "log" in kind:
        value = math.exp(value)
    if kind.startswith("q"):
        q = float(entry["q"])
        value = round(value / q) * q
        return int(value) if q == int(q) else value
    return value
