"""What Azure ML would upload for a step.

The files of `code` and `additional_includes`, ignore files respected.
"""

from __future__ import annotations

import os
from pathlib import Path

from tdsp.engine.executor.ignore import IgnoreFile
from tdsp.engine.plan import Code

_ZIPPED = "//"  # between an archive and what is in it: no name on a disk has it
_ALWAYS_LEFT_OUT = ("__pycache__", ".git", ".tdsp", ".amlignore.amltmp")


def files_of(code: Code) -> dict[str, Path]:
    """Return relative name in the snapshot -> file on this machine, sorted by name."""
    found: dict[str, Path] = {}
    if code.folder:
        folder = Path(code.folder)
        if folder.is_file():
            found[folder.name] = folder
        else:
            found.update(_walk(folder, ""))
    for include in map(Path, code.includes):
        if include.is_dir():
            found.update(_walk(include, f"{include.name}/"))
        elif include.exists():
            found[include.name] = include
        else:  # x.zip stands for the folder x, zipped
            found.update(_walk(include.with_suffix(""), f"{include.name}{_ZIPPED}{include.stem}/"))
    return dict(sorted(found.items()))


def _walk(folder: Path, prefix: str) -> dict[str, Path]:
    ignored = IgnoreFile.of(folder)
    found: dict[str, Path] = {}
    stack: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(str(folder), "", frozenset())]
    while stack:
        place, inside, above = stack.pop()
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in above:  # a link to a folder around it
            continue
        above |= {(status.st_dev, status.st_ino)}
        with os.scandir(place) as entries:
            for entry in entries:
                relative = inside + entry.name
                if entry.name in _ALWAYS_LEFT_OUT:
                    continue
                is_folder = entry.is_dir()  # links are followed, as the upload does
                if ignored and ignored.excludes(relative, is_folder):
                    continue
                if is_folder:
                    stack.append((entry.path, f"{relative}/", above))
                elif entry.is_file():
                    found[prefix + relative] = Path(entry.path)
    return found


def copy(files: dict[str, Path], target: Path) -> None:
    """Lay the snapshot out in the existing folder `target`.

    The copies can be written to, the sources are safe.
    """
    import shutil  # slow to import, and only needed where a step runs

    made: set[str] = set()
    zipped: dict[str, list[tuple[str, Path]]] = {}
    for name, source in files.items():
        archive, mark, inner = name.partition(_ZIPPED)
        if mark:
            zipped.setdefault(archive, []).append((inner, source))
            continue
        place = target / name
        parent = name.rpartition("/")[0]
        if parent and parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(parent)
        shutil.copyfile(source, place)
        mode = source.stat().st_mode
        if mode & 0o111:
            place.chmod(0o755)
    for archive, members in zipped.items():
        _zip(target / archive, members)


def _zip(path: Path, members: list[tuple[str, Path]]) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as bundle:
        for inner, source in members:
            bundle.write(source, inner)
