"""How long generating takes: this template with its hooks, against bare cookiecutter on the same tree.

    uv run python benchmarks/render.py [--rounds N] [--ccds CLONE]

The contestants take turns, so that a busy machine slows them alike. The ratio is that of their fastest rounds, which
other work on the machine disturbed least (the rule of `timeit`); the medians stand beside it.
`--ccds` adds cookiecutter-data-science: a clone of its repository (its package does not hold the template),
generated with its own `ccds` command, which must be on PATH.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from make import copy_template

TARGET = 1.3


def seconds(command: list[str], into: Path) -> float:
    """Return the wall time of one generation into the empty folder `into`, which is removed again."""
    into.mkdir()
    environment = os.environ | {"HOME": str(into.parent), "USERPROFILE": str(into.parent)}
    start = time.perf_counter()
    subprocess.run(command, cwd=into, env=environment, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    shutil.rmtree(into, ignore_errors=True)
    return taken


def contestants(folder: Path, ccds: Path | None) -> dict[str, list[str]]:
    """Return the command of each contestant; the first one is the measure of the others."""
    cookiecutter = [sys.executable, "-m", "cookiecutter"]
    template = copy_template(folder / "template")
    bare = copy_template(folder / "bare")
    shutil.rmtree(bare / "hooks")
    commands = {
        "bare cookiecutter, no hooks": [*cookiecutter, str(bare), "--no-input"],
        "this template": [*cookiecutter, str(template), "--no-input"],
    }
    if ccds:
        commands["cookiecutter-data-science"] = ["ccds", str(ccds.resolve()), "--no-input"]
    return commands


def main() -> int:
    """Print the table; return 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--ccds", type=Path, help="a clone of cookiecutter-data-science")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / ".gitconfig").write_text("[user]\nname = Bench\nemail = bench@example.com\n", encoding="utf-8")
        commands = contestants(Path(name), options.ccds)
        times: dict[str, list[float]] = {contestant: [] for contestant in commands}
        for _ in range(options.rounds):
            for contestant, command in commands.items():
                times[contestant].append(seconds(command, Path(name) / "out"))
    fastest = {contestant: min(taken) for contestant, taken in times.items()}
    median = {contestant: statistics.median(taken) for contestant, taken in times.items()}
    measure = next(iter(times))
    print(f"{'':30} {'fastest':>9} {'ratio':>7} {'median':>9} {'ratio':>7}")
    for contestant in times:
        figures = (f"{s[contestant] * 1000:6.0f} ms {s[contestant] / s[measure]:6.2f}x" for s in (fastest, median))
        print(f"{contestant:30}", *figures)
    print(f"target for this template: at most {TARGET}x of the fastest")
    return int(fastest["this template"] > TARGET * fastest[measure])


if __name__ == "__main__":
    raise SystemExit(main())
