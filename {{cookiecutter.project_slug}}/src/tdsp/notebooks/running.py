"""Run notebooks from top to bottom, and find those that a branch changed."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tdsp import shell
from tdsp.errors import TdspError
from tdsp.notebooks.findings import Finding
from tdsp.notebooks.reading import Notebook

SECONDS = 600  # for one cell
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r"^Cell In\[\d+\], line (\d+)", re.MULTILINE)


def execute(notebook: Notebook, seconds: int = SECONDS) -> list[Finding]:
    """Run a notebook in its folder, on the Python of this environment; the file stays as it is.

    Args:
        notebook: what to run.
        seconds: after which a cell counts as stuck.

    Returns:
        The cell that failed, if one did.
    """
    import nbclient.exceptions
    from nbclient import NotebookClient

    node, where = copy.deepcopy(notebook.node), {"metadata": {"path": str(notebook.path.parent)}}
    client = NotebookClient(node, timeout=seconds, kernel_name="python3", resources=where)
    begun = [0]
    client.on_cell_start = lambda cell_index, **_: begun.append(cell_index + 1)
    line = 1
    try:
        client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log; what cells print is output of the notebook
    except nbclient.exceptions.CellExecutionError as error:
        said = f"{error.ename}: {error.evalue}"
        lines = _LINE.findall(_COLOR.sub("", error.traceback))
        line = int(lines[0]) if lines else 1
    except nbclient.exceptions.CellTimeoutError:
        said = f"the cell took longer than {seconds} seconds"
    except (nbclient.exceptions.DeadKernelError, RuntimeError) as error:
        said = f"the kernel died: {error}"
    else:
        return []
    return [Finding(notebook.path, begun[-1], line, 1, "execution", said.splitlines()[0])]


def changed(notebooks: list[Notebook], since: str | None = None) -> list[Notebook]:
    """Return the notebooks that differ from where this branch left the one it will go back to, in the repository here.

    Args:
        notebooks: those to choose from.
        since: the other branch; when not given, the target of the pull request, or the repository's default branch.

    Raises:
        TdspError: there is no repository, or no commit in common.
    """
    other = since or target()
    try:
        base = shell.run("git", "merge-base", "HEAD", other).strip()
    except shell.CommandError:
        raise TdspError(
            f"no commit in common with {other}: fetch its history (in CI the whole of it), name another branch with"
            " --since, or run all with --execute all"
        ) from None
    top = Path(shell.run("git", "rev-parse", "--show-toplevel").strip())
    names = shell.run("git", "diff", "--name-only", "-z", base, cwd=top)
    names += shell.run("git", "ls-files", "--others", "--exclude-standard", "-z", cwd=top)
    touched = {(top / name).resolve() for name in names.split("\0") if name}
    return [notebook for notebook in notebooks if notebook.path.resolve() in touched]


def target(environment: Mapping[str, str] = os.environ) -> str:
    """Return the branch that this one will go back to."""
    named = environment.get("GITHUB_BASE_REF") or environment.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "")
    if named:
        return f"origin/{named.removeprefix('refs/heads/')}"
    for name in ("origin/HEAD", "main"):
        try:
            shell.run("git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except TdspError:
            continue
        return name
    raise TdspError("there is no main branch to compare with: name one with --since, or run all with --execute all")
