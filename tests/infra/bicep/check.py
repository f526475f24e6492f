"""Check a template: its files, the modules they name, and their parameter files."""

from __future__ import annotations

from pathlib import Path

from .bodies import check_bodies
from .files import BicepFile, Finding, Template
from .judge import Judge
from .lint import check_lint
from .order import check_order
from .parameters import check_parameters
from .statements import check_statements, check_use
from .types import Library


def check(root: Path, library: Library) -> list[Finding]:
    """Return what is wrong with every Bicep file below `root`."""
    template = Template(root, library)
    for path in sorted([*root.rglob("*.bicep"), *root.rglob("*.bicepparam")]):
        template.open(path)
    for file in [file for file in template.files.values() if file]:
        check_file(file)
    found = {finding for file in template.files.values() if file for finding in file.findings}
    named = {(file.module(item) or file).path for file in template.files.values() if file for item in file.of("module")}
    for path in root.rglob("modules/*.bicep"):
        if path.resolve() not in named:
            found.add(Finding(path.relative_to(root).as_posix(), 1, "no file uses this module"))
    return sorted(found)


def check_file(file: BicepFile) -> None:
    if not file.readable:
        return
    judge = Judge(file)
    if file.is_parameters:
        check_parameters(file, judge)
    check_statements(file, judge)
    check_bodies(file, judge)
    check_order(file)
    check_lint(file)
    check_use(file)
