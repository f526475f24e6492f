"""Write the reference pages from the code: the questions, `project.yml` and the commands.

    uv run python docs/reference.py

A test compares what this makes with what is committed.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "{{cookiecutter.project_slug}}"
PAGES = ROOT / "docs" / "reference"
NOTE = "<!-- Written by docs/reference.py. -->"


def questions() -> str:
    """The questions of `cookiecutter.json`, in the order in which they are asked."""
    asked = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    lines = [
        "# The questions",
        "",
        NOTE,
        "",
        "Each has a working default; `cookiecutter … --no-input` takes them all. Answers are checked together, before",
        "a file is written.",
        "",
        "| Name | Question | Default | Choices |",
        "|---|---|---|---|",
    ]
    for name, default in asked.items():
        if name.startswith("_"):
            continue
        prompt, choices = asked["__prompts__"][name], ""
        if isinstance(prompt, dict):
            choices = "<br>".join(f"`{choice}`: {label}" for choice, label in prompt.items() if choice[0] != "_")
            prompt, default = prompt["__prompt__"], default[0]
        shown = "derived from the others" if "{{" in default else f"`{default}`"
        lines.append(f"| `{name}` | {prompt} | {shown} | {choices} |")
    return "\n".join(lines) + "\n"


def facts() -> str:
    """The keys of `project.yml`: values from the model that checks it, meanings from the file's own comments."""
    from tdsp.project import METRICS, Project

    schema = Project.model_json_schema()
    meaning = meanings()
    lines = [
        "# project.yml",
        "",
        NOTE,
        "",
        "Every `tdsp` command checks the file first. A mistake is one line with file and key, and exit code 2.",
        "",
        "| Key | Value | Default | Meaning |",
        "|---|---|---|---|",
    ]
    for key, entry, required in keys(schema, schema):
        default = "required" if required else f"`{json.dumps(entry.get('default'))}`"
        lines.append(f"| `{key}` | {kind(entry)} | {default} | {meaning[key]} |")
    lines += ["", "## Metrics", "", "| Name | Task | Better is |", "|---|---|---|"]
    lines += [f"| `{name}` | {task} | {'higher' if up else 'lower'} |" for name, (task, up) in METRICS.items()]
    return "\n".join(lines) + "\n"


def meanings() -> dict[str, str]:
    """The comment behind each key of the template's `project.yml`, by dotted key."""
    found, path = {}, []
    for line in (TEMPLATE / "project.yml").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"( *)(\w+):[^#]*(?:# (.*))?$", line):
            path[len(match[1]) // 2 :] = [match[2]]
            found[".".join(path)] = match[3]
    return found


def keys(node: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict, bool]]:
    """Yield each leaf of a JSON schema as dotted key, entry, and whether it is required."""
    for name, entry in node.get("properties", {}).items():
        required = name in node.get("required", ())
        inner = entry.get("additionalProperties") or entry
        if "$ref" in inner:
            below = schema["$defs"][inner["$ref"].rsplit("/", 1)[1]]
            step = f"{name}.dev" if inner is not entry else name  # prod has the same keys
            yield from keys(below, schema, f"{prefix}{step}.")
        else:
            yield f"{prefix}{name}", entry, required


def kind(entry: dict[str, Any]) -> str:
    """Say in words which values an entry takes."""
    if "anyOf" in entry:
        return " or ".join(dict.fromkeys(kind(option) for option in entry["anyOf"]))
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    if entry["type"] == "array":
        return f"list of {kind(entry['items'])}s"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    bounds = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    limits = " and ".join(f"{words} {entry[key]:.10g}" for key, words in bounds.items() if key in entry)
    return f"{names.get(entry['type'], '`null`')} {limits}".strip()


def commands() -> str:
    """Every `tdsp` command with its arguments and options, by typer's own generator."""
    command = [
        sys.executable,
        "-m",
        "typer",
        "tdsp.cli.commands",
        "utils",
        "docs",
        "--name",
        "tdsp",
        "--title",
        "The commands",
    ]
    variables = {**os.environ, "PYTHONPATH": str(TEMPLATE / "src"), "COLUMNS": "100"}
    text = subprocess.run(command, env=variables, capture_output=True, check=True, encoding="utf-8").stdout
    exits = "Exit code 0: done, a refused model too. 1: it failed. 2: wrong input."
    text = text.replace("# The commands\n", f"# The commands\n\n{NOTE}\n\n{exits}\n", 1)
    return text.replace("```console\n$ ", "```text\n").rstrip() + "\n"  # `console` blocks are run by a test


def pages() -> dict[str, str]:
    """Each page's name and text."""
    return {"questions.md": questions(), "project-yml.md": facts(), "commands.md": commands()}


if __name__ == "__main__":
    sys.path.insert(0, str(TEMPLATE / "src"))
    PAGES.mkdir(exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
