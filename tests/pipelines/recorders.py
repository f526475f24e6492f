"""Stand-ins for the programs that pipelines start: they write down what was asked, and do what a test wants."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAMES = ("az", "git", "python", "uv")
# The line that was typed, behind `@` as whom; then the first rule that fits: pattern, exit code, what else to do.
_RECORDER = r"""#!/bin/bash
line="$(basename "$0")"; for word in "$@"; do line+=" $word"; done
printf '%s\n' "${line//$'\n'/ }${AS:+ @$AS}" >> "$RECORD"
if [[ "$line" =~ ^uv\ (run|sync) && ! -f pyproject.toml ]]; then
  echo "error: there is no project here" >&2; exit 2
fi
if [[ "$line" =~ ^uv\ run\ tdsp\ (submit|deploy|rollback|status|promote) && -z "$AS" ]]; then
  echo "error: please run az login" >&2; exit 1
fi
while IFS=$'\t' read -r pattern code effect; do
  if [[ "$line" =~ $pattern ]]; then eval "$effect"; exit "$code"; fi
done < "$(dirname "$0")/rules"
exit 0
"""


def install(folder: Path, rules: list[tuple[str, int, str]]) -> Path:
    """Write the recorders into `folder`.

    Args:
        folder: that comes first on the path.
        rules: pattern of a command line, its exit code, and a line of bash that it runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).write_text(_RECORDER)
        (folder / name).chmod(0o755)
    real = [
        ("^uv run ruff", 0, f"'{sys.executable}' -m ruff \"${{@:3}}\" --no-cache; exit $?"),
        ("^git ", 0, f"'{shutil.which('git')}' \"$@\"; exit $?"),
    ]
    lines = [f"{pattern}\t{code}\t{effect}\n" for pattern, code, effect in [*rules, *real]]
    (folder / "rules").write_text("".join(lines))
    return folder
