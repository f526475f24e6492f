"""After the last file: drop what was not chosen, bind this machine to the workspace, make the Git repository.

What comes next is printed last. Only the folder of the other CI system is removed, and only as this run wrote it:
what its owner had there was set aside before the first file and comes back. So a project that is generated again
keeps every file that the template does not have; those that it has are written anew, which is what `-f` asks for.
"""

import json
import os
import subprocess
import sys

CONTEXT = json.loads(r"""{{ cookiecutter | tojson }}""")
UNDER_CRUFT = "_commit" in CONTEXT  # cruft renders into temporary folders, twice for an update

TIMEOUT_SECONDS = 60
# Git sets these around its own hooks; they would lead our commands into the repository that runs the hook.
GIT_VARIABLES = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")
STAND_IN = ("-c", "user.name=cookiecutter", "-c", "user.email=cookiecutter@localhost")
MESSAGE = "Start from cookiecutter-tdsp-azureml"
GET_UV = {
    "nt": 'powershell -ExecutionPolicy ByPass -c "irm https://astral.sh/uv/install.ps1 | iex"',
    "posix": "curl -LsSf https://astral.sh/uv/install.sh | sh",
}


class FailedError(Exception):
    """Why a command did not do its work, in one line."""


def run(*command: str, stdin: bytes = b"") -> str:
    """Run `command` in the new project; return what it prints, or raise `FailedError` in one line."""
    environment = {key: value for key, value in os.environ.items() if key not in GIT_VARIABLES}
    try:
        result = subprocess.run(command, env=environment, input=stdin, capture_output=True, timeout=TIMEOUT_SECONDS)
    except FileNotFoundError:
        raise FailedError(f"{command[0]} is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailedError(str(error)) from None
    if result.returncode:
        lines = result.stderr.decode(errors="replace").split("\n")
        raise FailedError(next(filter(None, reversed(lines)), f"exit code {result.returncode}"))
    return result.stdout.decode(errors="replace").strip()


def drop_other_ci() -> None:
    """Remove the folder of the CI system that was not chosen; bring back what `pre_gen_project.py` set aside."""
    folder = CONTEXT["__other_ci"]
    for at, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.remove(os.path.join(at, name))
        os.rmdir(at)
    if os.path.lexists(f"{folder}.yours"):
        os.rename(f"{folder}.yours", folder)
        print(f"{folder} was there before and is left as it is: remove it if nothing there is yours.")


def write_config() -> None:
    """Write the file by which Azure ML's SDK and command line find the workspace. Git ignores it."""
    if not CONTEXT["__workspace"]:
        return
    config = {
        "subscription_id": CONTEXT["__subscription_id"],
        "resource_group": CONTEXT["__resource_group"],
        "workspace_name": CONTEXT["__workspace"],
    }
    try:
        with open("config.json", "x", encoding="utf-8") as file:
            file.write(json.dumps(config, indent=2) + "\n")
    except FileExistsError:  # `-f` into a project: Git could not bring the old one back
        print("config.json was there before and is left as it is.")


def files_in(folder: str) -> set[str]:
    """Return the paths of all files below `folder`, relative to it, with `/` on every system."""
    found = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return {path[len(folder) + 1 :].replace(os.sep, "/") for path in found}


def files_of_template() -> set[str]:
    """Return the paths that this run wrote: no file name of the template holds a variable."""
    entries = os.scandir(CONTEXT["_repo_dir"])
    return files_in(next(entry.path for entry in entries if "cookiecutter.project_slug" in entry.name))


def repository_above() -> str | None:
    """Return the nearest folder above this one that is a Git repository."""
    folder = os.getcwd()
    while folder != (folder := os.path.dirname(folder)):
        if os.path.exists(os.path.join(folder, ".git")):
            return folder
    return None


def is_ignored_by(repository: str) -> bool:
    """Whether the project lies where that repository does not look, such as a folder of build results."""
    try:
        run("git", "-C", repository, "check-ignore", "--quiet", os.getcwd())
    except FailedError:
        return False
    return True


def who_commits() -> str:
    """Return name, address and time as Git writes them; a name of ours when nobody told Git one."""
    try:
        return run("git", "var", "GIT_COMMITTER_IDENT")
    except FailedError:
        return run("git", *STAND_IN, "var", "GIT_COMMITTER_IDENT")


def describe_commit(paths: set[str], committer: str) -> bytes:
    """Return a commit of `paths` on `main`, in the words of `git fast-import`."""
    parts = [f"commit refs/heads/main\ncommitter {committer}\ndata {len(MESSAGE)}\n{MESSAGE}\n".encode()]
    for path in sorted(paths):
        mode = "100755" if os.name == "posix" and os.access(path, os.X_OK) else "100644"
        with open(path, "rb") as file:
            content = file.read()
        parts += [f"M {mode} inline {path}\ndata {len(content)}\n".encode(), content, b"\n"]
    return b"".join(parts)


def start_repository() -> None:
    """Make the Git repository, with one commit: the project as generated, which updates are compared with.

    `git fast-import` writes a single pack, much faster than `git add` writes as many files again; it is told neither
    to look for likeness between files, nor to compress, nor to wait for the disk (`git add` does not wait either). It
    asks for no signature and runs no hooks, which is right for a commit that no person made. The first `git status`
    completes the index with the times of the files.
    """
    if os.path.exists(".git"):
        return
    above = repository_above()
    if above and not is_ignored_by(above):
        print(f"Git: left to you, because the project lies in the repository {above}")
        return
    paths = files_in(".") - {"config.json"}
    if paths - files_of_template():
        print("Git: left to you, because the folder held files before")
        return
    run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
    commit = describe_commit(paths, who_commits())
    one_pack = ("-c", "fastimport.unpackLimit=0", "-c", "pack.compression=0", "-c", "core.fsync=none")
    run("git", *one_pack, "fast-import", "--quiet", "--depth=0", stdin=commit)
    run("git", "read-tree", "HEAD")


def is_on_path(program: str) -> bool:
    """Whether a shell would find `program`."""
    suffix = ".exe" if os.name == "nt" else ""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return any(os.access(os.path.join(folder, program + suffix), os.X_OK) for folder in folders)


def say_what_is_next() -> None:
    """Print the three commands from here to a trained model."""
    path, start = os.getcwd(), os.environ.get("PWD", "")  # where the user's shell is
    if start and path.startswith(start + os.sep):
        path = path[len(start) + 1 :]
    quoted = f'"{path}"' if " " in path else path
    print(f"\nYour project is ready. Next:\n\n    cd {quoted}\n    uv sync\n    uv run tdsp run\n")
    if not is_on_path("uv"):
        print(f"uv is not installed yet. Get it with:\n\n    {GET_UV[os.name]}\n")


def main() -> int:
    """Finish the project; nothing here may undo the generation, so it returns 0."""
    if sys.stdout.encoding.lower() != "utf-8":
        sys.stdout.reconfigure(errors="replace")  # a path may hold more than a Windows console can show
    drop_other_ci()
    write_config()
    if not UNDER_CRUFT:
        try:
            start_repository()
        except (FailedError, OSError) as reason:
            print(f"Git: left to you ({reason})")
        say_what_is_next()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
