"""The walk finds the commands that an interruption spoils, and passes those that it does not."""

import pytest
from emulator import snapshots
from forks import Forks
from walk import Walk

pytestmark = pytest.mark.slow
GROUP = "/subscriptions/0a0a0a0a-0000-4000-8000-000000000001/resourceGroups/rg/providers"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities"

# Three commands for one goal: an identity `demo` and a note `done.txt` about it.
COMMANDS = '''
import os, sys
from pathlib import Path
import requests
from azure.identity import AzureCliCredential

VERSION = {"api-version": "2024-11-30"}


def ask(method, name, body=None):
    token = AzureCliCredential().get_token("https://management.azure.com/.default").token
    headers = {"Authorization": f"Bearer {token}"}
    url = f"https://management.azure.com{os.environ['IDENTITY']}/{name}"
    try:
        answer = requests.request(method, url, params=VERSION, json=body, headers=headers, timeout=5)
    except requests.ConnectionError:
        sys.exit("error: the connection broke; run the same command again")
    if answer.status_code >= 400 and answer.status_code != 404:
        sys.exit(f"error: {answer.status_code}")
    return answer


def careful():
    if ask("GET", "demo").status_code == 404:
        ask("PUT", "demo", {"location": "westeurope"})
    Path("done.txt").write_text("done")


def careless():
    """Gives up where it finds its own work of an earlier run."""
    if ask("GET", "demo").status_code == 200 and not Path("done.txt").exists():
        sys.exit("error: somebody else made it")
    ask("PUT", "demo", {"location": "westeurope"})
    Path("done.txt").write_text("done")


def crude():
    """Lets a traceback through."""
    answer = ask("GET", "demo")
    try:
        ask("PUT", "demo", {"location": "westeurope"})
    except SystemExit as end:
        raise ValueError("what now?") from end
    Path("done.txt").write_text("done")


def main():
    {"careful": careful, "careless": careless, "crude": crude}[sys.argv[1]]()
'''


@pytest.fixture
def walk(azure, tmp_path):
    """A walk of the commands above."""
    package = tmp_path / "path" / "tdsp"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text(COMMANDS)
    project = tmp_path / "project"
    project.mkdir()
    (project / "note.txt").write_text("a project")
    forks = Forks({"PYTHONPATH": str(package.parent)}, preload=("requests", "azure.identity", "tdsp.cli"))
    environment = {**azure.env, "IDENTITY": IDENTITY, "HOME": str(tmp_path)}

    def reached(cloud, folder):
        assert [item["name"] for item in cloud.resources.of_type(IDENTITY.split("/providers/")[1])] == ["demo"]
        assert (folder / "done.txt").read_text() == "done"

    yield Walk(azure.cloud, project, environment, forks, reached, thorough=True)
    forks.stop()


def test_a_careful_command_reaches_its_goal_after_every_fault(walk):
    table = walk.run("careful")
    assert table.splitlines()[0] == "tdsp careful: 2 requests broken"
    assert walk.counts["trial", "kill", "reached by the second run"] == 2
    assert walk.counts["trial", "reset", "reached by the second run"] == 2
    assert sum(count for key, count in walk.counts.items() if key[0] == "trial") == 16


def test_a_command_that_trips_over_its_own_work_is_found(walk):
    with pytest.raises(AssertionError, match=r"kill at request 1, .*not reached in 2 more runs"):
        walk.run("careless")
    assert {failure.split(" at ")[0] for failure in walk.failures} == {"kill", "timeout"}


def test_a_traceback_is_found(walk):
    with pytest.raises(AssertionError, match=r"500 at request 1, .*a traceback instead of a message"):
        walk.run("crude")


def test_a_state_that_must_never_be_left_behind_is_found(walk):
    def always(cloud, folder):
        made = bool(cloud.resources.of_type(IDENTITY.split("/providers/")[1]))
        assert made == (folder / "done.txt").exists(), "an identity without its note"

    walk.always = always
    with pytest.raises(AssertionError, match="an identity without its note"):
        walk.run("careful")


def test_a_command_that_fails_without_a_fault_is_not_walked(walk):
    with pytest.raises(AssertionError, match="fails without any fault"):
        walk.run("unknown")


def test_a_trial_begins_where_the_first_one_began(walk, azure):
    start = snapshots.take(azure.cloud)
    walk.run("careful")
    assert azure.cloud.resources.table != start["resources"]
    snapshots.restore(azure.cloud, start)
    assert azure.cloud.resources.table == start["resources"]
    assert azure.calls == []
