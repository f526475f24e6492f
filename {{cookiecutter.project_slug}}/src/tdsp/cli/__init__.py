"""The `tdsp` command. Each module beside this one holds a group of commands and imports what it needs when it runs."""

import os
import sys
from pathlib import Path
from typing import Any

from tdsp.errors import TdspError, shown


def main() -> None:
    """Run the command line; a `TdspError`, or a file that cannot be used, is one line and an exit code."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it reports its use unless told not to
    try:
        _run(sys.argv[1:])
    except TdspError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.code) from None
    except OSError as error:  # a full disk, a folder without permission, a file that another program holds
        print(f"error: {shown(error)}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(words: list[str]) -> None:
    if words[:1] == ["run"] and len(words) <= 2 and not any(word.startswith("-") for word in words):
        # The command of every day: where nothing has changed, most of its time would go into importing typer.
        from tdsp.cli import execution

        raise SystemExit(execution.run(Path(words[1]) if len(words) == 2 else None))
    from tdsp.cli.commands import app

    app()


def __getattr__(name: str) -> Any:
    """Build the application when somebody asks for it."""
    if name != "app":
        raise AttributeError(name)
    from tdsp.cli.commands import app

    return app
