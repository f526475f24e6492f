"""Which of ruff's findings are about the conversion, not about the notebook."""

from __future__ import annotations

import re
from typing import Any

from tdsp.notebooks.script import Script

# What Jupyter defines; `_7` and `_i7` are results and inputs.
_JUPYTER = re.compile(r"display|get_ipython|In|Out|exit|quit|_{1,3}|_i{1,3}|_i?\d+|_[dio]h")
_NAME = re.compile(r"[^\W\d]\w*")
_OF_FILES = {"CPY001", "D100", "INP001", "N999", "W292", "W391"}
_OF_BLANK_LINES = {"E301", "E302", "E303", "E304", "E305", "E306"}
_OF_THE_TOP = {"E402", "F404"}
_OF_RESULTS = {"B015", "B018", "PLW0104"}
_OF_AWAITING = {"F704", "PLE1142"}
_OF_UNUSED_NAMES = {"ARG001", "ARG002", "ARG005", "B007", "F401", "F811", "F841", "PLW0612", "RET504", "RUF059"}
_OF_UNKNOWN_NAMES = {"F821", "F822"}


def is_excused(finding: dict[str, Any], script: Script) -> bool:
    """Tell whether the notebook itself is free of what ruff found in its script.

    Args:
        finding: one entry of ruff's JSON.
        script: where it was found.
    """
    code, row = finding["code"], finding["location"]["row"]
    place = script.places[row - 1]
    if not place.own or code in _OF_FILES:
        return True  # nobody wrote that line, or that file
    if code in _OF_BLANK_LINES:
        return place.line == 1
    if code in _OF_THE_TOP:
        return place.leads  # each cell begins anew
    if code in _OF_RESULTS:
        return place.shown  # Jupyter displays it
    if code == "E703":
        return place.ends  # `;` tells Jupyter not to
    if code in _OF_AWAITING:
        return place.at_top and "yield" not in finding["message"]
    if code in _OF_UNUSED_NAMES:
        return not script.words.isdisjoint(_names(finding, script))
    if code in _OF_UNKNOWN_NAMES:
        names = _names(finding, script)
        known = any(_JUPYTER.fullmatch(name) for name in names) or not script.words.isdisjoint(names)
        return known or script.binds_anything
    return False


def _names(finding: dict[str, Any], script: Script) -> set[str]:
    """Return the names that a finding is about: those in its message's ticks and those it points at."""
    names = {name for told in re.findall(r"`([^`]*)`", finding["message"]) for name in _NAME.findall(told)}
    begin, end = finding["location"], finding["end_location"]
    if begin["row"] == end["row"]:
        line = script.lines[begin["row"] - 1]
        names |= set(_NAME.findall(line[begin["column"] - 1 : end["column"] - 1]))
    return names
