"""The two expression forms of the YAML.

`${{...}}`, replaced by a value, and `$[[...]]`, kept only if its inputs have one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

EXPRESSION = re.compile(r"\$\{\{\s*([^{}]*?)\s*\}\}")
_WHOLE = re.compile(r"\s*\$\{\{\s*([^{}]*?)\s*\}\}\s*")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
# What somebody meant as an expression and the service would pass on as text.
NEAR_MISS = re.compile(
    r"\$\{\s*(?:parent\.)?(?:inputs|outputs|jobs)\.[^}]*\}(?!\})|(?<!\$)\{\{\s*(?:parent\.)?(?:inputs|outputs|jobs)\."
)

NEAR_BINDING = re.compile(r"\$\{\s*parent\.[^}]*\}(?!\})|(?<!\$)\{\{\s*parent\.")


def whole(text: object) -> str | None:
    """Return what stands inside `${{ }}` if `text` is one expression and nothing else."""
    match = _WHOLE.fullmatch(text) if isinstance(text, str) else None
    return match[1] if match else None


def within(text: str) -> list[str]:
    """Return the inside of each expression in `text`."""
    return EXPRESSION.findall(text)


def render(template: str, value_of: Callable[[str, str], str | None]) -> str:
    """Fill in a command.

    Args:
        template: text with both forms; values go in as they are, never quoted, as in the service.
        value_of: (group, name) -> text, or None for an optional input without value. Groups: inputs, outputs,
            search_space.

    Returns:
        The command; a `$[[ ]]` part that names an input without value is dropped.
    """

    def fill(text: str) -> str | None:
        missing = False

        def one(match: re.Match[str]) -> str:
            nonlocal missing
            group, _, name = match[1].partition(".")
            value = value_of(group, name)
            missing = missing or value is None
            return "" if value is None else value

        filled = EXPRESSION.sub(one, text)
        return None if missing else filled

    kept = OPTIONAL.sub(lambda match: fill(match[1]) or "", template)
    return EXPRESSION.sub(lambda match: value_of(*match[1].split(".", 1)) or "" if "." in match[1] else match[0], kept)
