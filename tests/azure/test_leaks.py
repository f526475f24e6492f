"""The search for secrets finds them, wherever they are."""

import subprocess

import bench
import leaks
import pytest
from tdsp.azure.client import redact, target

PLANTED = {
    "a key of the emulator": "gh said emulated-github-token",
    "a token": "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.emulated",
    "a header with a token": "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
    "a signature": "https://store.blob.core.windows.net/box?se=2026&sig=abc%2Fdef",
    "an account key": "DefaultEndpointsProtocol=https;AccountKey=abc==;",
    "a password": "client_secret=hunter2",
}


@pytest.mark.parametrize(("name", "text"), PLANTED.items())
def test_each_kind_is_found_in_what_is_printed(name, text):
    assert name in leaks.of_text(text, public=False)


@pytest.mark.parametrize("text", PLANTED.values())
@pytest.mark.parametrize("place", [".tdsp/runs/x/run.json", "docs/reports/train.md", ".tdsp/azure/answers.json"])
def test_each_kind_is_found_in_what_is_written(tmp_path, place, text):
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert any(found.startswith(f"{place}: ") for found in leaks.of_project(tmp_path))


def test_a_subscription_is_found_where_others_read_and_left_where_it_belongs(tmp_path):
    text = f"/subscriptions/{leaks.SUBSCRIPTION}/resourceGroups/rg"
    assert leaks.of_text(text, public=True) == ["a subscription id"]
    assert leaks.of_text(text, public=False) == []
    (tmp_path / "project.yml").write_text(text)
    assert leaks.of_project(tmp_path) == []
    (tmp_path / "report.html").write_text(text)
    assert leaks.of_project(tmp_path) == ["report.html: a subscription id"]


def test_a_secret_that_was_committed_and_taken_back_is_found(tmp_path):
    def git(*words):
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "notes.md").write_text(PLANTED["an account key"])
    git("add", "-A")
    git("commit", "-m", "One")
    (tmp_path / "notes.md").write_text("nothing")
    git("commit", "-a", "-m", "Two")
    assert leaks.of_project(tmp_path) == ["commits: an account key"]


def test_what_was_made_unreadable_is_no_secret():
    assert leaks.of_text("https://store/box?sig=*** Bearer *** AccountKey=***", public=True) == []


@pytest.mark.parametrize("words", ["subscription with id '", "subscription id: ", "subscriptionId=", "/subscriptions/"])
def test_messages_lose_a_subscription_in_every_form_in_which_the_service_names_it(words):
    assert leaks.SUBSCRIPTION not in redact(f"The {words}{leaks.SUBSCRIPTION}' was not found.")


@pytest.mark.parametrize("kind", ["a token", "a header with a token", "a signature", "an account key"])
def test_messages_lose_what_the_search_looks_for(kind):
    assert leaks.of_text(redact(f"The service said: {PLANTED[kind]} (403)"), public=True) == []


def test_messages_lose_the_subscription_of_the_project_wherever_it_stands(tmp_path):
    assert target(bench.project(tmp_path / "project"), "dev").place.subscription_id == leaks.SUBSCRIPTION
    assert redact(f"scope={leaks.SUBSCRIPTION.upper()} is bad") == "scope=*** is bad"
