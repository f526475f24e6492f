"""The commands of this repository: `make.py bench`, `make.py demo` and `make.py test`.

The Makefile calls this file. It needs Python 3.11 with its `venv`, and nothing else: uv is fetched into `build/` when
missing.
"""

import argparse
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
TEMPLATE_PARTS = ("cookiecutter.json", "hooks", "templates", "{{cookiecutter.project_slug}}")
CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", ".tdsp", "uv.lock")
DEMO = BUILD / "disease-progression"
BENCHMARKS = ("render.py", "lifecycle.py", "engine/compare.py", "notebooks.py")
LIFECYCLE = (("sync",), ("run", "tdsp", "run"), ("run", "tdsp", "serve", "--check"))


def environment() -> dict[str, str]:
    """Return this process's variables, with uv told to use the Python that runs this file, where it may."""
    left_out = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}  # without bytecode, imports take longer than the work
    variables = {key: value for key, value in os.environ.items() if key not in left_out}
    if (3, 11) <= sys.version_info < (3, 14):
        variables.setdefault("UV_PYTHON", sys.executable)
    return variables


def find_uv() -> str:
    """Return the installed uv, or one of our own in `build/uv`."""
    if found := shutil.which("uv"):
        return found
    folder = BUILD / "uv" / ("Scripts" if os.name == "nt" else "bin")
    uv = shutil.which("uv", path=str(folder))
    if uv is None:
        print("uv is not installed: fetching it into build/uv", flush=True)
        make_venv(BUILD / "uv")
        run(str(folder / "python"), "-m", "pip", "install", "--quiet", "uv>=0.9,<1")
        uv = shutil.which("uv", path=str(folder))
    return str(uv)


def make_venv(folder: Path) -> None:
    """Make a virtual environment with pip, or end with one line where Python came without the means."""
    try:
        import venv

        venv.create(folder, with_pip=True, clear=True)
    except (ImportError, OSError, subprocess.CalledProcessError):
        remove(folder)
        raise SystemExit(
            "make.py: this Python cannot make a virtual environment: install uv, or on Debian and Ubuntu python3-venv"
        ) from None


def run(*command: str, cwd: Path = ROOT) -> None:
    """Run a command; end this one with its exit code when it fails."""
    code = subprocess.run(command, cwd=cwd, env=environment()).returncode
    if code:
        raise SystemExit(code)


def remove(folder: Path) -> None:
    """Remove `folder` if it is there; Git's files in it are read-only, which stops Windows."""

    def unlock(again, path, _):
        Path(path).chmod(stat.S_IWRITE)
        again(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=unlock)


def copy_template(target: Path) -> Path:
    """Copy what makes the template and nothing else: cookiecutter copies all it is given, caches too."""
    remove(target)
    target.mkdir(parents=True)
    for part in TEMPLATE_PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=CACHES)
        else:
            shutil.copy(source, target / part)
    return target


def demo(options: list[str]) -> None:
    """Generate a project with the default answers, run its lifecycle, and say where the report is.

    Options go to cookiecutter, but the folder stays the same, whatever the project or the user's own defaults say.
    """
    for option in options:
        if option.startswith(("project_slug=", "-o", "--output-dir")):
            raise SystemExit(f"make.py: demo takes no {option}: it is always {DEMO.relative_to(ROOT)}")
    uv = find_uv()
    template = copy_template(BUILD / "template")
    remove(DEMO)
    run(
        uv,
        "run",
        "--only-group=generate",
        "cookiecutter",
        str(template),
        "--no-input",
        f"--output-dir={BUILD}",
        f"project_slug={DEMO.name}",
        *options,
    )
    for step in LIFECYCLE:
        print("\n$", "uv", *step, flush=True)
        run(uv, *step, cwd=DEMO)
    print(f"\nThe project:  {DEMO}\nIts report:   {DEMO / 'docs' / 'reports' / 'train.html'}")
    print('Next:         your own project; "Start your own project" in README.md has the two commands')
    if not shutil.which("uv"):
        print(f"              They need uv on your PATH. This one is in {Path(uv).parent};")
        print("              https://docs.astral.sh/uv tells how to install your own.")


def test(options: list[str]) -> None:
    """Run the tests, the fast ones first; with options, run what they select.

    Three processes keep two cores busy: tests wait for servers, locks and disks now and then.
    """
    uv = find_uv()
    three = "--numprocesses=3"
    fast, slow = "not slow and not nightly", "slow and not nightly"
    both = (["-m", fast, three, "--dist=worksteal"], ["-m", slow, three, "--dist=loadfile"])
    for selection in [options] if options else both:
        run(uv, "run", "pytest", *selection)


def bench(options: list[str]) -> None:
    """Run every benchmark; end with 1 when one fails or misses its target."""
    if options:
        raise SystemExit(f"make.py: bench takes no options; the script that has {options[0]} is in benchmarks/")
    uv = find_uv()
    missed = []
    for name in BENCHMARKS:
        print(f"\n{name}", flush=True)
        command = [uv, "run", "--group=bench", "python", str(ROOT / "benchmarks" / name)]
        if subprocess.run(command, cwd=ROOT, env=environment()).returncode:
            missed.append(name)
    if missed:
        raise SystemExit(f"make.py: failed, or missed the target: {', '.join(missed)}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("bench", "demo", "test"))
    arguments, options = parser.parse_known_args()
    {"bench": bench, "demo": demo, "test": test}[arguments.command](options)


if __name__ == "__main__":
    main()
