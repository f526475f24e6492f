"""What a killed process left beside a file or folder is swept up a day later, and nothing else is."""

import os
from pathlib import Path

import pytest
from tdsp import files

SCRAPS = [".kept.yml.0123456789ab", ".made.x1y2z3w4"]
OTHERS = [".kept.yml.swp", ".kept.yml.0123456789AB", ".other.yml.0123456789ab", "kept.yml.bak"]


def write_both(folder: Path) -> None:
    files.write_text(folder / "kept.yml", "new")
    with files.replace_folder(folder / "made") as aside:
        (aside / "in").touch()


@pytest.mark.parametrize(("days", "left"), [(2, OTHERS), (0, SCRAPS + OTHERS)])
def test_scraps_are_swept_up_when_nobody_can_be_writing_them(tmp_path, days, left):
    for name in (SCRAPS[0], *OTHERS):
        (tmp_path / name).write_text("old")
    (tmp_path / SCRAPS[1] / "deep").mkdir(parents=True)
    for path in tmp_path.iterdir():
        then = path.stat().st_mtime - days * 86_400
        os.utime(path, (then, then))
    write_both(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"kept.yml", "made", *left}
