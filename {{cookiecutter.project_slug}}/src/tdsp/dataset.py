"""Bring the user's own data: the file, its schema and dictionary, and the facts in project.yml.

`science.infer` looks at the data and writes what it finds into a folder aside; nothing of the project is
touched until all of it, the new `project.yml` included, is known to be right. A failure puts back what was replaced;
after a kill the same command finishes what it began.
"""

from __future__ import annotations

import difflib
import functools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tdsp import files, shell, tables
from tdsp.editing import edit
from tdsp.errors import TdspError, WrongInput
from tdsp.project import FILE, METRICS, Project, load, parse

RAW = Path("data", "raw")
INFER_SECONDS = 3600
# Option of `science.infer` -> the file of the project that it writes.
INFERRED = {
    "schema": Path("data", "schema.yml"),
    "dictionary": Path("data", "dictionary.csv"),
    "request": Path("scoring", "sample-request.json"),
}
SUSPECT = ("copy", "leak", "sum", "identifier", "constant")  # kinds of findings that an --exclude settles
METRIC = {"regression": "mae", "classification": "roc_auc"}


@dataclass(frozen=True)
class Roles:
    """What the user said about the columns."""

    target: str
    task: str | None = None
    exclude: list[str] = field(default_factory=list)
    time: str | None = None
    group: str | None = None
    sensitive: list[str] = field(default_factory=list)
    metric: str | None = None

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield each (option, column) that was given."""
        for option in ("target", "time", "group"):
            if column := getattr(self, option):
                yield f"--{option}", column
        for option in ("exclude", "sensitive"):
            for column in getattr(self, option):
                yield f"--{option}", column


@dataclass(frozen=True)
class Added:
    """What was done, or would be: files written, facts that changed, what was found, and all facts afterwards."""

    written: list[Path]
    facts: dict[str, Any]
    findings: dict[str, Any]
    project: Project

    @property
    def suspects(self) -> list[str]:
        """The columns that a finding advises to exclude."""
        names = [name for item in self.findings["findings"] if item["kind"] in SUSPECT for name in item["columns"]]
        return list(dict.fromkeys(names))


def add(root: Path, file: Path, roles: Roles, dry_run: bool = False) -> Added:
    """Make `file` the project's data.

    Args:
        root: the project.
        file: CSV or Parquet; it is copied into data/raw unless it lies there.
        roles: the columns' roles.
        dry_run: find out everything, change nothing.

    Raises:
        WrongInput: the file, a column or a combination cannot be used. Nothing has changed.
        TdspError: the data could not be read or the files not written. Nothing has changed.
    """
    before = load(root / FILE)
    _check_columns(tables.columns(file), roles)
    raw = root / RAW / file.name
    copy = _needs_copy(file, raw)
    with tempfile.TemporaryDirectory(prefix="tdsp-data-") as scratch:
        findings = _infer(root, file, roles, Path(scratch))
        facts = _facts(file, roles, findings)
        facts["data.positive"] = _positive(before, roles, findings["positive"], Path(scratch) / "schema")
        facts = _changed(before, facts)
        new = {root / place: (Path(scratch) / name).read_bytes() for name, place in INFERRED.items()}
    text = edit((root / FILE).read_text(encoding="utf-8"), facts)
    project = parse(text, root / FILE)
    new[root / FILE] = text.encode()  # last: the others mean nothing until it names them
    new = {path: content for path, content in new.items() if not path.is_file() or path.read_bytes() != content}
    if not dry_run:
        _write(new, file, raw if copy else None)
    return Added([*([raw] if copy else []), *new], facts, findings, project)


def _check_columns(columns: list[str], roles: Roles) -> None:
    """Raise, with all mistakes at once, if a column does not exist or the target has another role."""
    problems = []
    for option, column in roles.named():
        if column not in columns:
            near = _near(column, columns)
            more = f" and {len(columns) - 8} more" if len(columns) > 8 else ""
            what = f"did you mean {near}?" if near else f"it has {', '.join(columns[:8])}{more}"
            problems.append(f"{option} {column!r}: the file has no such column; {what}")
        elif column == roles.target and option != "--target":
            problems.append(f"{option} {column!r}: this is the target")
    fitting = [name for name, (task, _) in METRICS.items() if roles.task in (None, task)]
    if roles.metric and roles.metric not in fitting:
        problems.append(f"--metric {roles.metric!r}: use one of {', '.join(fitting)}")
    if problems:
        raise WrongInput("\n".join(problems))


def _near(column: str, columns: list[str]) -> str:
    """Return the names most like `column`, or that it is a word of, whatever their case."""
    folded, wanted = {name.casefold(): name for name in columns}, column.casefold()
    near = difflib.get_close_matches(wanted, folded, n=3) or [name for name in folded if wanted in name.split()][:3]
    return ", ".join(repr(folded[name]) for name in near)


def _needs_copy(file: Path, raw: Path) -> bool:
    """Tell whether `file` has to be copied to `raw`.

    Raises:
        WrongInput: another file of that name is there.
    """
    if not raw.exists() or file.samefile(raw):
        return not raw.exists()
    if file.stat().st_size != raw.stat().st_size or files.sha256_of(file) != files.sha256_of(raw):
        raise WrongInput(f"{raw} exists and is another file; rename one of the two, or delete that one first")
    return False


def _infer(root: Path, file: Path, roles: Roles, output: Path) -> dict[str, Any]:
    """Let `science.infer` read the data and write what it finds into `output`; return its findings."""
    options = {"file": str(file.resolve()), "target": roles.target, "findings": str(output / "findings")}
    options |= {name: str(output / name) for name in INFERRED}
    options |= {key: value for key in ("task", "time", "group") if (value := getattr(roles, key)) is not None}
    options |= {key: json.dumps(getattr(roles, key)) for key in ("exclude", "sensitive")}
    words = [f"--{key}={value}" for key, value in options.items()]  # one word each: a column may be called "-x"
    try:
        shell.run(sys.executable, "-m", "science.infer", *words, cwd=root, timeout=INFER_SECONDS)
    except shell.CommandError as failed:
        kind = WrongInput if failed.status == 2 else TdspError
        raise kind(failed.said.removeprefix("error: ")) from None
    return json.loads((output / "findings").read_text(encoding="utf-8"))


def _facts(file: Path, roles: Roles, findings: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of project.yml that follow from the data, by dotted key."""
    return {
        "task": findings["task"],
        "data.file": file.name,
        "data.sample": None,
        "data.target": roles.target,
        "data.exclude": roles.exclude,
        "data.time": roles.time,
        "data.group": roles.group,
        "data.sensitive": roles.sensitive,
        "split.strategy": findings["strategy"],
        "metric": roles.metric or METRIC[findings["task"]],
    }


def _positive(before: Project, roles: Roles, inferred: Any, schema: Path) -> Any:
    """Return the class that counts as "yes": the one chosen before for the same two classes, else the inferred one."""
    column = yaml.safe_load(schema.read_text(encoding="utf-8"))["columns"][roles.target]
    classes = column.get("categories") or ([False, True] if column["type"] == "boolean" else [])
    if inferred is None:
        return None
    chosen = before.data.positive if before.data.target == roles.target else None
    return next((name for name in classes if type(name) is type(chosen) and name == chosen), inferred)


def _changed(before: Project, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that differ; thresholds go with the data, target or metric they were chosen for."""
    changed = {key: value for key, value in facts.items() if value != _fact(before, key)}
    if changed.keys() & {"task", "data.file", "data.target", "metric"}:
        thresholds = ("gate.threshold", "gate.group_threshold")
        changed |= {key: None for key in thresholds if _fact(before, key) is not None}
    return changed


def _fact(project: Project, key: str) -> Any:
    return functools.reduce(getattr, key.split("."), project)


def _write(new: dict[Path, bytes], file: Path, raw: Path | None) -> None:
    """Copy the data and replace the files; if one of them fails, put back those that were replaced."""
    old = {path: path.read_bytes() if path.is_file() else None for path in new}
    done = []
    try:
        if raw:
            done.append(raw)
            _copy(file, raw)
        for path, content in new.items():
            done.append(path)
            files.write_bytes(path, content)
    except BaseException as error:
        for path in reversed(done):
            if old.get(path) is None:
                path.unlink(missing_ok=True)
            else:
                files.write_bytes(path, old[path])
        if isinstance(error, OSError):
            raise TdspError(f"{error.filename}: {error.strerror}; nothing was changed") from None
        raise


def _copy(file: Path, raw: Path) -> None:
    """Copy in one rename. Never a hard link: to edit the original would be to edit the raw data."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    aside = raw.with_name(f".{raw.name}.new")
    try:
        shutil.copyfile(file, aside)
        aside.replace(raw)
    finally:
        aside.unlink(missing_ok=True)
