"""Every script of the pipelines, looked at by shellcheck."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pipelines import known, scripts
from pipelines.expansion import Expander
from pipelines.jobs import steps_of


def look(folder, at):
    """What shellcheck says of all scripts of a folder of pipelines."""
    found = set()
    for path in sorted(folder.glob("*.yml")):
        for branch in known.BRANCHES:
            document = Expander(folder).pipeline(path.name, {}, {"Build.SourceBranch": branch})
            jobs = [job for stage in document["stages"] for job in stage["jobs"]]
            found |= {scripts.text(step) for job in jobs for step in steps_of(job)} - {""}
    assert len(found) > 20
    files = [at / f"{number}.sh" for number in range(len(found))]
    for file, script in zip(files, sorted(found), strict=True):
        file.write_text(script, encoding="utf-8")
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = ["shellcheck", "--norc", "--shell=bash", "--format=gcc", *map(str, files)]
    return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True)


def test_shellcheck_finds_nothing(folder, tmp_path):
    result = look(folder, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("rollback.yml", '"$TDSP_ENV"', "$TDSP_ENV", "SC2086"),  # words in it would be options
        ("infra.yml", '"infra/$TDSP_ENV.bicepparam"', "'infra/$TDSP_ENV.bicepparam'", "SC2016"),  # not filled in
        ("templates/steps-notify.yml", '"$STATE" = ended', '"$STATE" == ended -a 1', "SC2166"),
    ],
)
def test_shellcheck_would_notice(broken, tmp_path, name, old, new, said):
    scratch = tmp_path / "scripts"
    scratch.mkdir()
    assert said in look(broken(name, old, new), scratch).stdout
