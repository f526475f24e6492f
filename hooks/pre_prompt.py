"""Before the questions: offer a person at a terminal the workspaces that they can see."""

import os
import sys


def main() -> int:
    """Return 0 whatever happens: an offer that fails must not stop the generation."""
    if sys.stdin.isatty() and os.environ.get("TDSP_DISCOVERY") != "off":
        import discovery  # costs imports that an unattended run need not pay

        discovery.main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
