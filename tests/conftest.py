"""Fixtures for every test: the clean template, and projects made from it, one for each set of answers."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from baking import COMBINATIONS, BakedProject, Kitchen

from make import copy_template

HERE = Path(__file__).parent

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # it asks its makers' server once it is imported
# Ctrl-C reaches what the tests start, also where a shell runs them in the background and has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

if os.name == "nt":  # the local run needs bash, and refuses to start without it: what remains is the generator
    collect_ignore_glob = ["test_*.py", *(f"{room.name}/*" for room in HERE.iterdir() if room.name != "generator")]


@pytest.fixture(scope="session")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Kitchen:
    """A clean copy of the template and an empty home."""
    return Kitchen(copy_template(tmp_path_factory.mktemp("template") / "it"), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def baked(kitchen: Kitchen, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], BakedProject]:
    """`baked("a classification")` is the project of that name in `COMBINATIONS`, made once."""

    @functools.cache
    def bake(name: str) -> BakedProject:
        return kitchen.bake(tmp_path_factory.mktemp("baked"), **COMBINATIONS[name])

    return bake


@pytest.fixture(params=COMBINATIONS)
def project(request: pytest.FixtureRequest, baked: Callable[[str], BakedProject]) -> BakedProject:
    """Each project of `COMBINATIONS` in turn."""
    return baked(request.param)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of this repository."""
    return Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the lists of expected files")
