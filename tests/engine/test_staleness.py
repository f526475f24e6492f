"""Random pipelines and edits: nothing is stale, and nothing reruns needlessly, cold and warm."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tdsp.engine import local

from tests.engine.conftest import Bench


@st.composite
def graphs(draw):
    """(needs of each step, edits); an edit is (what, which): a step's constant or a raw file gets a new value."""
    count = draw(st.integers(1, 5))
    needs = [sorted(draw(st.sets(st.integers(0, number - 1), max_size=2))) if number else [] for number in range(count)]
    edits = draw(
        st.lists(
            st.tuples(st.sampled_from(["constant", "raw", "none"]), st.integers(0, 4), st.integers(0, 2)),
            max_size=4,
        )
    )
    return needs, edits


SHELL = "cat {files} > ${{{{outputs.o}}}} && echo ${{{{inputs.c}}}} >> ${{{{outputs.o}}}}"
PYTHON = "python s.py ${{{{outputs.o}}}} ${{{{inputs.c}}}} {files}"
SCRIPT = """
import sys
with open(sys.argv[1], "w") as out:
    out.writelines([*(open(name).read() for name in sys.argv[3:]), sys.argv[2] + "\\n"])
"""


def random_pipeline(bench, needs: list[list[int]], constants: list[int], command: str) -> None:
    """Each step writes what it reads, and its constant below that."""
    files = {n: f"${{{{inputs.i{n}}}}}" for n in (*range(len(needs)), "raw")}
    bench.pipeline(
        {
            f"s{number}": {
                "command": command.format(files=" ".join(files[n] for n in [*above, "raw"])),
                "code": "./src",
                "inputs": {
                    "c": constants[number],
                    "iraw": {"type": "uri_file", "path": "./raw.txt"},
                    **{f"i{n}": {"type": "uri_file", "path": f"${{{{parent.jobs.s{n}.outputs.o}}}}"} for n in above},
                },
                "outputs": {"o": {"type": "uri_file"}},
            }
            for number, above in enumerate(needs)
        }
    )


@pytest.mark.parametrize(("warm", "examples"), [(False, 25), *([(True, 15)] if local.forks_safely() else [])])
def test_nothing_is_stale_and_nothing_reruns_needlessly(request, warm: bool, examples: int):
    """Beside a model of the cache: a step runs exactly if its constant and inputs were never seen together."""
    forked = request.getfixturevalue("forked") if warm else []
    quiet = [HealthCheck.too_slow]

    @settings(max_examples=examples, deadline=None, suppress_health_check=quiet, derandomize=True)
    @given(graphs())
    def every(case) -> None:
        beside_a_model(warm, *case)

    every()
    assert bool(forked) is warm


def beside_a_model(warm: bool, needs: list[list[int]], edits: list[tuple[str, int, int]]) -> None:
    bench = Bench(Path(tempfile.mkdtemp()))
    bench.write({"src/s.py": SCRIPT})
    constants, raw, seen = [0] * len(needs), 0, set()
    for what, which, value in [("none", 0, 0), *edits]:
        if what == "constant" and which < len(needs):
            constants[which] = value
        elif what == "raw":
            raw = value
        bench.write({"raw.txt": f"{raw}\n"})
        random_pipeline(bench, needs, constants, PYTHON if warm else SHELL)
        result = bench.run(warm=warm)
        expected: list[str] = []
        fresh: set[tuple] = set()
        for number, above in enumerate(needs):
            expected.append("".join(expected[n] for n in above) + f"{raw}\n{constants[number]}\n")
            key = (tuple(above), constants[number], raw, tuple(expected[n] for n in above))
            fresh |= {key} - seen
            step = result.steps[f"s{number}"]
            assert Path(step.outputs["o"]).read_text() == expected[number]
            assert step.state == "cached" or key not in seen
        assert sum(step.state == "ok" for step in result.steps.values()) == len(fresh)
        seen |= fresh
