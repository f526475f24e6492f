"""The descriptions of types are those that `take_types.py` asks for; `nightly.yml` asks again and compares."""

from infra import take_types


def test_what_is_asked_is_what_is_there():
    names = {path.stem for path in take_types.FOLDER.glob("*.json")}
    wanted = [*take_types.ASKED, *(name for _, name in take_types.CLONED)]
    assert names == {name.replace("/", "_") for name in wanted}
