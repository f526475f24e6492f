"""After the last file: bind this machine to the workspace, make the Git repository, say what comes next.

Nothing is removed here. What was not chosen was never written: one file holds the chosen licence, and a file
whose name renders empty is skipped. So a project that is generated again keeps every file of its owner.
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
# A commit made by a machine: no signature to ask a person for, no hooks of theirs, no tidying up afterwards.
COMMIT = (
    "commit",
    "--quiet",
    "--no-gpg-sign",
    "--no-verify",
    "--message",
    "Start from cookiecutter-tdsp-azureml",
)
STAND_IN = ("-c", "user.name=cookiecutter", "-c", "user.email=cookiecutter@localhost")
GET_UV = {
    "nt": 'powershell -ExecutionPolicy ByPass -c "irm https://astral.sh/uv/install.ps1 | iex"',
    "posix": "curl -LsSf https://astral.sh/uv/install.sh | sh",
}


class FailedError(Exception):
    """Why a command did not do its work, in one line."""


def run(*command: str) -> None:
    """Run `command` in the new project, quietly; raise `FailedError` when it is missing, fails or hangs."""
    environment = {key: value for key, value in os.environ.items() if key not in GIT_VARIABLES}
    try:
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS
        )
    except FileNotFoundError:
        raise FailedError(f"{command[0]} is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailedError(str(error)) from None
    if result.returncode:
        lines = result.stderr.decode(errors="replace").split("\n")
        raise FailedError(next(filter(None, reversed(lines)), f"exit code {result.returncode}"))


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
    """Return the paths of all files below `folder`, relative to it."""
    return {
        os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
    }


def had_files_before() -> bool:
    """Whether this folder holds files that the template has not (`-f` into a folder that was there)."""
    template_root = next(
        entry.path for entry in os.scandir(CONTEXT["_repo_dir"]) if "cookiecutter.project_slug" in entry.name
    )
    return bool(files_in(".") - files_in(template_root) - {"config.json"})


def start_repository() -> None:
    """Make the Git repository, with one commit: the project as generated, which updates are compared with."""
    folder = os.getcwd()
    if os.path.exists(".git"):
        return
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        if os.path.exists(os.path.join(folder, ".git")):
            print(f"Git: left to you, because the project lies in the repository {folder}")
            return
    if had_files_before():
        print("Git: left to you, because the folder held files before")
        return
    try:
        run("git", "-c", "init.defaultBranch=main", "init", "--quiet")
        run("git", "add", "--all")
        try:
            run("git", "-c", "maintenance.auto=false", *COMMIT)
        except FailedError:  # most often: nobody told Git who commits
            run("git", "-c", "maintenance.auto=false", *STAND_IN, *COMMIT)
    except FailedError as reason:
        print(f"Git: left to you ({reason})")


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
    write_config()
    if not UNDER_CRUFT:
        start_repository()
        say_what_is_next()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
