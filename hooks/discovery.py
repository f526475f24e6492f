"""Find the Azure ML workspaces that the user can see, and number them in the question about the workspace.

The question stays free text: a number is looked up in `_workspaces` of `cookiecutter.json`, anything else is
taken as it is. A list of choices would refuse a workspace given on the command line that is not in the list.

`pre_prompt` runs in a copy of the template, with cookiecutter's own Python, which has no Azure package.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_SECONDS = 8
LISTED = 20  # a longer list pushes the question off the screen
FIRST_CHOICE = "Decide later"

# Azure Resource Graph answers for all subscriptions at once, and `az rest` needs no extension. The query is a
# file, because cmd.exe, which runs az.cmd, would interpret its `|`.
LIST_WORKSPACES = [
    "az",
    "rest",
    "--method",
    "post",
    "--uri",
    "/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01",
    "--body",
    "@hooks/workspaces.json",
    "--query",
    "data",
    "--output",
    "json",
]


class NotPossibleError(Exception):
    """Why there is nothing to offer, as the end of a sentence."""


def run(command: list[str]) -> str:
    """Return what `command` prints; raise `NotPossibleError` when it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        raise NotPossibleError(f"{command[0]} is not installed")
    # Files, not pipes: the child of a killed az.cmd would keep a pipe open, and we would wait for it.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise NotPossibleError(f"{command[0]} gave no answer in {TIMEOUT_SECONDS} seconds") from None
        output.seek(0)
        errors.seek(0)
        if code:
            raise NotPossibleError(explain(errors.read().decode(errors="replace")))
        return output.read().decode(errors="replace")


def explain(errors: str) -> str:
    """Return the one line of az's complaint that helps."""
    if "az login" in errors:
        return "not logged in to Azure (`az login`)"
    lines = [line for line in errors.splitlines() if line.strip()] or ["az failed without a word"]
    return lines[-1].removeprefix("ERROR: ")[:100]


def asks_nothing() -> bool:
    """Whether cookiecutter was started with an option that suppresses the questions (Windows: unknown)."""
    try:
        words = run(["ps", "-ww", "-o", "args=", "-p", str(os.getppid())]).split()
    except (NotPossibleError, OSError):
        return False
    return any(word == "--no-input" or word.startswith("--replay") for word in words)


def read_workspaces(answer: str) -> list[dict[str, str]]:
    """Return id, region and label of each workspace in az's answer that can run jobs and hold models.

    Those are the plain ones, of kind `Default` or none. A hub runs no jobs, a project takes storage from its
    hub, a feature store trains nothing; who wants one of these can still type it.
    """
    workspaces = []
    for row in json.loads(answer):
        if (row.get("kind") or "default").lower() != "default":
            continue
        _, subscription, _, group, *_, name = row["id"].strip("/").split("/")
        where = ", ".join((row.get("subscription") or subscription, group, row["location"]))
        workspaces.append(
            {"id": f"{subscription}/{group}/{name}", "region": row["location"], "label": f"{name}  ({where})"}
        )
    return sorted(workspaces, key=lambda workspace: workspace["label"].lower())


def offer(workspaces: list[dict[str, str]], path: Path = Path("cookiecutter.json")) -> None:
    """Number the workspaces in the question, the safe answer first."""
    config = json.loads(path.read_text(encoding="utf-8"))
    shown = workspaces[:LISTED]
    numbered = [{"id": config["azureml_workspace"], "label": FIRST_CHOICE}, *shown]
    config["_workspaces"] = {str(number): workspace for number, workspace in enumerate(numbered, 1)}
    lines = ["Which Azure ML workspace?"]
    for number, workspace in config["_workspaces"].items():
        label = re.sub(r"(\\*)\[", r"\1\1\\[", workspace["label"])  # a bracket would open markup
        lines.append(f"    [bold magenta]{number}[/] - [bold]{label}[/]")
    if len(workspaces) > len(shown):
        lines.append(f"    ... and {len(workspaces) - len(shown)} more")
    lines.append("    A number, or subscription-id/resource-group/workspace")
    config["__prompts__"]["azureml_workspace"] = "\n".join(lines)
    path.write_text(json.dumps(config), encoding="utf-8")


def main() -> None:
    """Offer what there is, or say in one line why there is nothing to offer."""
    if asks_nothing():
        return
    print("Looking for your Azure ML workspaces ...", flush=True)
    try:
        workspaces = read_workspaces(run(LIST_WORKSPACES))
        if not workspaces:
            raise NotPossibleError("there is none that you can see")
        offer(workspaces)
    except NotPossibleError as reason:
        print(f"  {reason}: type one below, or decide later.")
    except Exception as error:  # whatever az answers: this is a convenience
        print(f"  az's answer makes no sense ({type(error).__name__}): type one below, or decide later.")
