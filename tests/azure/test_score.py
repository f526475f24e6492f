"""`tdsp score --env` asks the live endpoint as whoever is signed in."""

import json

import bench
import pytest
from emulator.directory import Principal


def score(*words):
    return bench.tdsp("score", *map(str, words), "--env", "dev")


def test_rows_are_answered_with_the_callers_own_sign_in(azure, registered, tmp_path):
    early = score("scoring/sample-request.json")
    assert early.exit_code == 1
    assert "run `tdsp deploy --env dev`" in early.stderr
    assert bench.tdsp("deploy", "--soak", "0").exit_code == 0
    answer = score("scoring/sample-request.json")
    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.output)["predictions"] == pytest.approx([4.0])
    rows = tmp_path / "rows.csv"
    rows.write_text("x,z,y\n1,2,?\n3,4.5,?\n")
    answer = score(rows)
    header, *predicted = answer.stdout.splitlines()
    assert (header, [float(line) for line in predicted]) == ("prediction", pytest.approx([4.0, 10.5]))

    stranger = azure.cloud.directory.add(Principal("eve@example.com"))
    azure.cloud.access.grant(stranger, "Reader", f"/subscriptions/{azure.cloud.subscription}")
    azure.sign_in(stranger)
    refused = score("scoring/sample-request.json")
    assert refused.exit_code == 1
    assert "status 403" in refused.stderr
    azure.sign_out()
    assert "az login" in score("scoring/sample-request.json").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scoring"], "is a folder: add --batch"),
        (["rows.parquet"], "or add --batch"),
        (["nothing.csv"], "does not exist"),
        (["nothing.csv", "--batch"], "does not exist"),
        (["scoring/sample-request.json", "--url", "http://127.0.0.1:1"], "--url is for a single server"),
    ],
)
def test_what_cannot_be_scored_is_told_before_anything_is_asked(azure, registered, words, said):
    (registered / "rows.parquet").write_bytes(b"")
    azure.calls.clear()
    result = score(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert azure.calls == []
