"""Stands in for `gh` where it names its token; anything else is unknown."""

import sys

if sys.argv[1:] != ["auth", "token"]:
    sys.exit(f"unknown: {sys.argv[1:]}")
print("emulated-github-token")
