"""A pipeline as a picture: Mermaid text for documents, SVG for the rest; colours tell of the last run."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from tdsp.engine.plan import Plan

# state -> (fill, stroke); readable in print and for the colour-blind, because the state is written too.
_COLOURS = {
    "ok": ("#d9f2e0", "#1a7f37"),
    "cached": ("#ddeeff", "#0969da"),
    "stub": ("#eeeeff", "#6639ba"),
    "failed": ("#ffdddd", "#cf222e"),
    "skipped": ("#eeeeee", "#6e7781"),
    "stopped": ("#fff3d4", "#9a6700"),
    "": ("#ffffff", "#57606a"),
}
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 190, 46, 60, 44, 20


def edges(plan: Plan) -> list[tuple[str, str, str]]:
    """Return (from, to, outputs) for every pair of steps that are joined."""
    joined: dict[tuple[str, str], list[str]] = {}
    for name, step in plan.steps.items():
        for value in step.inputs.values():
            if value.step:
                joined.setdefault((value.step, name), []).append(str(value.output))
    return [(start, end, ", ".join(dict.fromkeys(outputs))) for (start, end), outputs in joined.items()]


def mermaid(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return the pipeline as a Mermaid flowchart."""
    states = states or {}
    number = {name: f"s{index}" for index, name in enumerate(plan.steps)}
    lines = ["flowchart TD"]
    for name, node in number.items():
        said = f"<br/><small>{states[name]}</small>" if states.get(name) else ""
        lines.append(f'    {node}["{_plain(name)}{said}"]')
    lines += [f'    {number[start]} -->|"{_plain(what)}"| {number[end]}' for start, end, what in edges(plan)]
    for state in dict.fromkeys(states.get(name, "") for name in plan.steps):
        if state in _COLOURS and state:
            fill, stroke = _COLOURS[state]
            members = ",".join(node for name, node in number.items() if states.get(name) == state)
            lines += [
                f"    classDef {state} fill:{fill},stroke:{stroke},color:#000",
                f"    class {members} {state}",
            ]
    return "\n".join(lines) + "\n"


def svg(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """Return the pipeline as an SVG picture: one row per depth, an arrow per binding."""
    states = states or {}
    places = _places(plan)
    width = max((x for x, _ in places.values()), default=0) + _WIDTH + _MARGIN
    height = max((y for _, y in places.values()), default=0) + _HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" role="img">',
        f"<title>Pipeline {escape(plan.name)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
        ' orient="auto">'
        '<path d="M0 0L10 5L0 10z" fill="#57606a"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for start, end, what in edges(plan):
        (x1, y1), (x2, y2) = places[start], places[end]
        x1, y1, x2 = x1 + _WIDTH / 2, y1 + _HEIGHT, x2 + _WIDTH / 2
        middle = (y1 + y2) / 2
        parts.append(
            f'<path d="M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"'
            ' fill="none" stroke="#57606a"'
            f' marker-end="url(#arrow)"><title>{escape(what)}</title></path>'
        )
    for name, (x, y) in places.items():
        state = states.get(name, "")
        fill, stroke = _COLOURS.get(state, _COLOURS[""])
        parts.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"'
            f' fill="{fill}" stroke="{stroke}"/>'
            f'<text x="{x + _WIDTH / 2:g}" y="{y + (20 if state else 28)}"'
            ' text-anchor="middle" font-size="14">'
            f"{escape(_short(name))}<title>{escape(name)}</title></text>"
        )
        if state:
            parts.append(
                f'<text x="{x + _WIDTH / 2:g}" y="{y + 37}" text-anchor="middle" font-size="11"'
                f' fill="{stroke}">{state}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _places(plan: Plan) -> dict[str, tuple[int, int]]:
    """Return the upper left corner of each step; a row holds the steps of one depth, centred."""
    depth: dict[str, int] = {}
    for name, step in plan.steps.items():  # in an order in which they can run
        depth[name] = 1 + max((depth[need] for need in step.needs), default=-1)
    rows: dict[int, list[str]] = {}
    for name, level in depth.items():
        rows.setdefault(level, []).append(name)
    widest = max((len(row) for row in rows.values()), default=1)
    places = {}
    for level, row in rows.items():
        start = _MARGIN + (widest - len(row)) * (_WIDTH + _GAP_X) // 2
        for index, name in enumerate(row):
            places[name] = (start + index * (_WIDTH + _GAP_X), _MARGIN + level * (_HEIGHT + _GAP_Y))
    return places


def _plain(text: str) -> str:
    return text.replace('"', "#quot;").replace("<", "#lt;")


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"…{text[-23:]}"
