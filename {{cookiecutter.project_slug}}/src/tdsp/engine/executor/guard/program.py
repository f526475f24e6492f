"""Says what an installer would have done, and does it only if it just looks.

Called as `program.py NAME …` for a program, as `program.py pip-runner FILE …` by pip itself (`PIP_PYTHON`), and as the
`__main__` of a package.
"""

# It stands in the way of every installer: it must import next to nothing.
# ruff: noqa: PTH100, PTH118, PTH120

import os
import runpy
import shutil
import sys

CHANGES = {
    "install", "uninstall", "download", "wheel", "sync", "create", "update", "upgrade", "remove", "add", "lock",
    "inject", "uninject", "reinstall", "ensurepath", "build", "clean", "rename", "venv", "config", "purge", "self",
}  # fmt: skip
RUNNERS = ("uv", "pipx", "poetry")


def main(name: str, words: list[str], as_module: bool) -> None:
    """Refuse, or become the real one."""
    runner = words.pop(0) if name == "pip-runner" else ""
    said = " ".join(["pip" if runner else name, *words])
    # Any word: an option's value may stand before the command.
    if CHANGES.intersection(words) or (name == "ensurepip" and words != ["--version"]):
        print(f"[tdsp] not run here: {said} (the project's environment stands for the step's)")
        sys.exit(0)
    if name == "uvx" or (name in RUNNERS and "run" in words):  # it would install first
        sys.exit(f"[tdsp] not run here: {said} (start `python` itself: it is the project's)")
    os.environ.pop("UV_CONFIG_FILE", None)
    if runner:
        os.execv(sys.executable, [sys.executable, runner, *words])  # noqa: S606 - no shell is wanted
    if not as_module and not name.startswith("pip3") and name != "pip":
        _become(name, words)
    guard = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != guard]
    module = name if as_module else "pip"
    for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == module]:
        del sys.modules[loaded]
    sys.argv[1:] = words
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except ImportError as error:
        sys.exit(str(error))


def _become(name: str, words: list[str]) -> None:
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin")
    places = [place for place in os.environ["PATH"].split(os.pathsep) if os.path.abspath(place) != own]
    real = shutil.which(name, path=os.pathsep.join(places))
    if real is None:
        print(f"{name}: command not found", file=sys.stderr)
        sys.exit(127)
    os.execv(real, [real, *words])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    if __package__:
        main(__package__, sys.argv[1:], as_module=True)
    else:
        main(sys.argv[1], sys.argv[2:], as_module=False)
