"""Scripts: every `tdsp` line is read by the real command line, every other command and option must be a known one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import typer
import yaml
from workflows.rules.reading import Repository

KNOWN = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text(encoding="utf-8"))
ENVIRONMENTS = {"$TDSP_ENV"}  # it follows from the branch
RESERVED = {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "{", "}", "!", "esac", "time"}
# What a command does without them is something else.
NEEDED = {
    "az deployment group what-if": {"--resource-group", "--validation-level"},
    "az deployment group create": {"--resource-group"},
}
FREE = {"echo", "exit", "printf", "python", "sudo", "test"}  # whatever follows is theirs to say
UNSAFE = re.compile(r"(curl|wget)\b[^\n]*\|\s*(ba)?sh|\beval\b")


def known(repository: Repository) -> Iterator[str]:
    """Yield commands that do not exist, options that they do not have, and files that are not there."""
    for step in repository.steps:
        script = step.script
        if not script or step.body.get("shell", "bash") != "bash":
            continue
        if UNSAFE.search(script):
            yield f"{step.where}: runs whatever it downloads"
        variables = set(step.body.get("env") or {})
        try:
            for words in split(script):
                yield from (f"{step.where}: {problem}" for problem in look(words))
        except ValueError as error:
            yield f"{step.where}: cannot be read: {error}"
        for name in set(re.findall(r"\$\{?([A-Z][A-Z0-9_]*)", script)) - variables - _around(repository, step):
            if not name.startswith(("GITHUB_", "RUNNER_")) and f"{name}=" not in script:
                yield f"{step.where}: nobody sets ${name}"
        for name in variables:
            if not re.search(rf"\b{name}\b", script) and not name.startswith(("GH_", "AZURE_", "TEAMS_")):
                yield f"{step.where}: {name} is set and not used"
        for file in re.findall(r"(?<![\w/])((?:infra|scoring|pipelines|docs)/[\w./-]+\.\w+)", script):
            folder = repository.root / file.split("/")[0]
            if folder.exists() and not (repository.root / file).exists():
                yield f"{step.where}: there is no {file}"


def _around(repository: Repository, step) -> set[str]:
    """Return the variables that a step's job or workflow sets."""
    for job in repository.jobs:
        if job.body.get("steps") is step.peers:
            names = set(job.body.get("env") or {}) | set(job.workflow.get("env") or {})
            if "TDSP_ENV" in names and job.body["env"].get("TDSP_ENV") in ("", None):
                names.discard("TDSP_ENV")
            return names
    return set()


def split(script: str) -> Iterator[list[str]]:
    """Yield the commands of a bash script as words; what cannot be known yet stays a `$` word."""
    text = re.sub(r"\$\{\w+:\+(.*?)\}(?=\s|$)", r"\1", script.replace("\\\n", " "))
    for inner in re.findall(r"\$\(([^()]*)\)", text):
        yield from split(inner)
    text = re.sub(r"\$\([^()]*\)", "$INNER", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        skip = False
        for word in [*lexer, ";"]:
            if skip:
                skip = False
            elif re.fullmatch(r"[;&|()]+", word):
                yield from _command(words)
                words = []
            elif re.fullmatch(r"[<>]+&?", word):
                if words and words[-1].isdigit():
                    words.pop()
                skip = True
            else:
                words.append(word)


def _command(words: list[str]) -> Iterator[list[str]]:
    """Yield the command itself, without bash's own words and assignments before it."""
    while words and (words[0] in RESERVED or re.match(r"\w+=", words[0])):
        words = words[1:]
    if not words or words[0] == "for" or words[0] in {"[", "[["} or words[0].startswith("$"):
        return
    if words[0] == "xargs":
        yield words[:2]
        yield from _command([word for word in words[1:] if word != "-0"])
        return
    yield words


def look(words: list[str]) -> Iterator[str]:
    """Yield what is wrong with one command."""
    if words[:2] == ["uv", "run"]:
        rest = words[2:]
        while rest and rest[0].startswith("--"):
            if rest[0] not in ("--group", "--extra"):
                yield f"uv run has no option {rest[0]} that is used here"
            rest = rest[2:]
        yield from look(rest) if rest else ["uv run nothing"]
        return
    if words[0] == "tdsp":
        yield from _tdsp(words[1:])
        return
    if words[0] == "git":
        while len(words) > 2 and words[1] == "-c":
            words = [words[0], *words[3:]]
    names = [name for name in KNOWN if words[: len(name.split())] == name.split()]
    if not names:
        yield f"what is `{' '.join(words[:3])}`?"
        return
    name = max(names, key=len)
    if name in FREE:
        return
    for option in sorted(NEEDED.get(name, set()) - set(words)):
        yield f"{name} without {option}"
    for option in (word.split("=")[0] for word in words[len(name.split()) :]):
        number = option.lstrip("-").isdigit()
        if option.startswith("-") and len(option) > 1 and not number and option not in KNOWN[name]:
            yield f"{name} has no option {option} that is used here"


def _tdsp(words: list[str]) -> Iterator[str]:
    """Yield what the real command line says against a line."""
    command, path = _cli(), ["tdsp"]
    context = click.Context(command, info_name="tdsp")
    words = list(words)
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not words:
            yield f"{' '.join(path)} what?"
            return
        found = command.get_command(context, words[0])
        if found is None:
            yield f"{' '.join(path)} has no command {words[0]}"
            return
        path.append(words.pop(0))
        command = found
    for place, word in enumerate(words[:-1]):
        if word == "--env" and words[place + 1] not in ENVIRONMENTS:
            yield f"{' '.join(path)}: there is no environment {words[place + 1]}"
    filled = [re.sub(r"\$\{?\w+\}?", "1", word) for word in words]
    try:
        command.make_context(" ".join(path), filled, resilient_parsing=False)
    except Exception as error:  # the command line has its own copy of click's exceptions
        yield f"{' '.join(path)}: {getattr(error, 'message', error)}"
    takes = {option for parameter in command.params for option in parameter.opts}
    if "--env" in takes and "--env" not in words:
        yield f"{' '.join(path)}: say which environment"


@cache
def _cli() -> click.Command:
    from tdsp.cli import app

    return typer.main.get_command(app)


RULES = (known,)
