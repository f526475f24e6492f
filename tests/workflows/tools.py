"""Recorders that stand first on PATH while a workflow runs: `uv`, `az` and `gh` write down what they were asked.

`uv run tdsp …` really runs the project's own code in this Python's environment; so do the linters. What needs minutes
or a network is only written down, and so is what a test names in STUB_SKIP, because it is not about that.
"""

from __future__ import annotations

import sys
from pathlib import Path

from workflows import door

# Commands that run for real, found beside this Python. mypy, which takes half a minute, has a test of its own.
REAL = ("ruff", "pytest", "detect-secrets-hook", "actionlint", "zizmor")
UV = """#!/bin/bash
echo "uv $*" >> "$STUB_LOG"
[ "$1" = run ] || exit 0
shift
while [ "${{1#--}}" != "$1" ]; do
  case "$1" in --group|--extra|--only-group) shift 2 ;; *) shift ;; esac
done
command=$1
shift
case " $STUB_SKIP " in *" $command "*) exit 0 ;; esac
export PYTHONPATH="{patience}:$PWD/src"
export PATH="{beside}:$PATH"
case "$command" in
  tdsp)
    if [ "$1" = deploy ]; then set -- "$@" --soak 0 --requests 2; fi
    if [ "$1" = check ] && [ -n "$STUB_SKIP" ]; then set -- "$@" --no-sdk; fi
    if [ -n "$STUB_DOOR" ]; then
      "{python}" -S -E "{patience}/client.py" "$@"
    else
      "{python}" -c 'from tdsp.cli import main; main()' "$@"
    fi
    status=$?
    if [ -s "$GITHUB_STEP_SUMMARY" ]; then cp "$GITHUB_STEP_SUMMARY" "$STUB_SUMMARY"; fi
    exit $status ;;
  {real}) exec "{beside}/$command" "$@" ;;
  mypy) exit 0 ;;
  cruft) exec "$STUB_CRUFT" "$@" ;;
esac
echo "no such command in the project's environment: $command" >&2
exit 127
"""
AZ = """#!/bin/bash
echo "az $*" >> "$STUB_LOG"
case "$1 $2" in
  "account "*) exec "$STUB_AZ" "$@" ;;
  "bicep "*) exit 0 ;;
  "deployment group")
    if [ ! -s "$AZURE_CONFIG_DIR/signed-in.json" ]; then echo "ERROR: Please run 'az login'" >&2; exit 1; fi
    echo "Resource changes: 1 to modify." ;;
  *) echo "ERROR: unknown: $*" >&2; exit 2 ;;
esac
"""
GH = """#!/bin/bash
echo "gh $*" >> "$STUB_LOG"
case "$1 $2" in
  "auth token") echo none ;;
  "auth git-credential") echo ;;
  "api "*) [ -n "$GH_TOKEN" ] || exit 4
    for word in "$@"; do case "$word" in body=@*) cat "${{word#body=@}}" >> "$STUB_COMMENTS" ;; esac; done ;;
  "pr list") [ -z "$STUB_PULL" ] || echo "$STUB_PULL" ;;
  "pr create") [ -n "$GH_TOKEN" ] || exit 4
    if [ -n "$STUB_PULL" ]; then echo "a pull request for branch template-update already exists" >&2; exit 1; fi
    if [ -n "$STUB_NO_PULLS" ]; then echo "GitHub Actions is not permitted to create pull requests" >&2; exit 1; fi ;;
  *) echo "unknown command: $*" >&2; exit 1 ;;
esac
"""
IMPATIENT = """
import time
_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.2))
"""


def install(folder: Path) -> Path:
    """Put the recorders into `folder`; return it."""
    patience = folder / "patience"
    patience.mkdir(parents=True)
    (patience / "sitecustomize.py").write_text(IMPATIENT)
    (patience / "client.py").write_text(door.CLIENT)
    places = {"python": sys.executable, "beside": Path(sys.executable).parent, "patience": patience}
    for name, text in {"uv": UV, "az": AZ, "gh": GH}.items():
        file = folder / name
        file.write_text(text.format(real="|".join(REAL), **places), encoding="utf-8")
        file.chmod(0o755)
    return folder
