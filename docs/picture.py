"""Draw the README's picture: what a person sees when a new project runs for the first time.

    uv run python docs/picture.py

Generates a project with the default answers, runs the commands, and draws what they printed.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from make import copy_template, environment, find_uv  # noqa: E402 - the path is set above

PICTURE = ROOT / "docs" / "pictures" / "run.svg"
COLUMNS = 96
PERSON = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "Ada Lovelace"}
COLOURS = {"+ ": "green", "= ": "cyan", "> ": "bright_black", "registered": "bold green", "unchanged": "bold cyan"}


def printed(*command: str, cwd: Path) -> str:
    """Return what a command prints, without the colours of a terminal."""
    variables = environment() | PERSON
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Run and draw."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        uv, work = find_uv(), Path(folder)
        template = copy_template(work / "template")
        options = ("--no-input", f"--output-dir={work}")
        printed(uv, "run", "--only-group=generate", "cookiecutter", str(template), *options, cwd=ROOT)
        project = work / "disease-progression"
        printed(uv, "sync", cwd=project)
        for words in (("tdsp", "run"), ("tdsp", "run"), ("tdsp", "models")):
            console.print(f"[bold]$ uv run {' '.join(words)}")
            for line in printed(uv, "run", *words, cwd=project).splitlines():
                style = next((colour for start, colour in COLOURS.items() if line.startswith(start)), "white")
                console.print(line.replace(str(project) + os.sep, ""), style=style, markup=False)
            console.print()
    PICTURE.parent.mkdir(exist_ok=True)
    svg = console.export_svg(title="disease-progression", theme=MONOKAI)
    # Rich asks a server for its font: a picture in a README must not.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
