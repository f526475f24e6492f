"""The end of a failed step's log, with snapshot paths as the source files a person can open.

And what to do about it.
"""

from __future__ import annotations

import re
from pathlib import Path

_LINES = 20
_BYTES = 64 * 1024


def of(log: Path, files: dict[str, Path], code: Path, lines: int = _LINES) -> str:
    """Return the last lines of `log`.

    Args:
        log: the step's log.
        files: name in the snapshot -> source file.
        code: where the snapshot was; need not exist any more.
        lines: how many.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return mapped("\n".join(text.splitlines()[-lines:]), files, code)


def mapped(text: str, files: dict[str, Path], code: Path) -> str:
    """Replace paths inside the snapshot by those of the source files."""
    whole = "|".join(re.escape(str(place)) for place in {code, code.resolve()})  # which may hold spaces
    end = re.escape("/".join(code.parts[-3:]))  # the beginning differs where another link leads there
    pattern = re.compile(rf"(?:{whole}|[^\s\"'(]*/{end})/([^\s\"':,)]+)")

    def source(match: re.Match[str]) -> str:
        return str(files.get(match[1], match[0]))

    return pattern.sub(source, text)


_MISSING_TOOL = re.compile(r"(?:bash: )?(?:line \d+: )?([\w./-]+): (?:command not found|No such file or directory)")
_MISSING_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")


def remedy(text: str) -> str:
    """Return what to do about a known kind of failure, or nothing."""
    module = _MISSING_MODULE.search(text)
    if module:
        place = "neither in the step's snapshot nor installed here"
        return f"the module {module[1]!r} is {place}: `additional_includes` or the environment lacks it"
    tool = _MISSING_TOOL.search(text)
    if tool and "command not found" in tool[0]:
        return f"the program {tool[1]!r} is not installed on this machine"
    return ""
