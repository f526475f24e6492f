"""The descriptions of types are Microsoft's, as the package holds them that this repository pins."""

import json
import sys

import pytest
from infra import take_types

needs_the_package = pytest.mark.skipif(sys.platform != "linux", reason="the package's program is for Linux")


def test_what_is_asked_is_what_is_there():
    names = {path.stem for path in take_types.FOLDER.glob("*.json")}
    wanted = [*take_types.ASKED, *(name for _, name in take_types.CLONED)]
    assert names == {name.replace("/", "_") for name in wanted}


@pytest.mark.slow
@needs_the_package
@pytest.mark.parametrize("name", take_types.ASKED)
def test_a_description_is_still_the_same(name):
    path = take_types.FOLDER / (name.replace("/", "_") + ".json")
    assert take_types.ask(name) == json.loads(path.read_text(encoding="utf-8"))
