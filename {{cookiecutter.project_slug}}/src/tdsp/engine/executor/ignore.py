"""`.amlignore`, or `.gitignore` where there is none.

Git's patterns, read from the code folder only, as the upload does.
"""

from __future__ import annotations

import re
from pathlib import Path


class IgnoreFile:
    """The patterns of one ignore file; the last one that fits decides."""

    def __init__(self, text: str):
        self._rules = [rule for line in text.splitlines() if (rule := _rule(line))]

    @classmethod
    def of(cls, folder: Path) -> IgnoreFile | None:
        """Return the ignore file that counts for `folder`, if there is one."""
        for name in (".amlignore", ".gitignore"):
            try:
                return cls((folder / name).read_text(encoding="utf-8"))
            except OSError:
                continue
        return None

    def excludes(self, relative: str, is_folder: bool) -> bool:
        """Whether `relative` (with `/`) stays out."""
        verdict = False
        for pattern, negated, only_folders in self._rules:
            if (is_folder or not only_folders) and pattern.fullmatch(relative):
                verdict = not negated
        return verdict


def _rule(line: str) -> tuple[re.Pattern[str], bool, bool] | None:
    text = line.rstrip("\n").rstrip()
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[1:] if negated else text
    text = text[1:] if text.startswith("\\") else text
    only_folders = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    text = text.removeprefix("/")
    if not text:
        return None
    return re.compile(("" if anchored else "(?:.*/)?") + _translate(text)), negated, only_folders


def _translate(pattern: str) -> str:
    out, index = [], 0
    while index < len(pattern):
        if pattern.startswith("**/", index):
            out.append("(?:.*/)?")
            index += 3
        elif pattern.startswith("**", index):
            out.append(".*")
            index += 2
        elif pattern[index] == "*":
            out.append("[^/]*")
            index += 1
        elif pattern[index] == "?":
            out.append("[^/]")
            index += 1
        elif pattern[index] == "[" and "]" in pattern[index + 2 :]:
            end = pattern.index("]", index + 2)
            inner = pattern[index + 1 : end].replace("\\", "\\\\")
            out.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            index = end + 1
        else:
            out.append(re.escape(pattern[index]))
            index += 1
    return "".join(out)
