"""`tdsp promote` by copy and through a shared registry; training again is part of the lifecycle's test."""

from __future__ import annotations

import bench
import pytest
import yaml
from emulator import model_registry
from emulator.directory import Principal
from tdsp.azure import batch

SHELF = "mlr-shared"


@pytest.fixture
def promote(azure, registered):
    """Let `promote` bring the champion of dev to prod in the way that project.yml says."""
    azure.workspace("rg-prod", "ws-prod", account="prodstore")
    model_registry.create(azure.cloud, SHELF)

    def promote(*more, **facts):
        written = yaml.safe_load((registered / "project.yml").read_text()) | {"azure": facts}
        (registered / "project.yml").write_text(yaml.safe_dump(written))
        return bench.tdsp("promote", *more)

    return promote


def of_kind(azure, kind):
    return azure.cloud.resources.of_type(f"Microsoft.MachineLearningServices/{kind}/models/versions")


def in_prod(azure):
    return [item for item in of_kind(azure, "workspaces") if "/ws-prod/" in item["id"]]


@pytest.mark.parametrize("way", ["copy", "registry"])
def test_the_champion_arrives_once_with_its_lineage(azure, promote, way):
    for _ in range(2):
        result = promote(promotion=way, registry=SHELF)
        assert result.exit_code == 0, result.output + result.stderr
    (arrived,) = in_prod(azure)
    tags = arrived["properties"]["tags"]
    assert tags["tdsp.promoted_from"] == "dev v1"
    assert tags["tdsp.commit"] == "c0ffee00" * 5
    assert tags["tdsp.champion"]
    shared = of_kind(azure, "registries")
    assert [item["name"] for item in shared] == ([tags["tdsp.model_sha256"][:16]] if way == "registry" else [])


def test_a_model_that_is_in_the_registry_already_is_not_shared_again(azure, promote):
    assert promote(promotion="registry", registry=SHELF).exit_code == 0
    azure.cloud.resources.delete(in_prod(azure)[0]["id"])
    before = len(azure.calls)
    assert promote(promotion="registry", registry=SHELF).exit_code == 0
    assert not [call for call in azure.calls[before:] if call.path.endswith("/import")]
    assert len(in_prod(azure)) == 1


def test_other_files_under_the_same_version_are_refused(azure, promote):
    assert promote(promotion="registry", registry=SHELF).exit_code == 0
    azure.cloud.resources.delete(in_prod(azure)[0]["id"])
    (shared,) = of_kind(azure, "registries")
    own = model_registry.container("demo", shared["name"])
    shelf = azure.cloud.blobs.container(model_registry.ACCOUNT, own)
    name = next(name for name in shelf if name.endswith("contract.json"))
    shelf[name] = type(shelf[name])(b"{}")
    result = promote(promotion="registry", registry=SHELF)
    assert result.exit_code == 1
    assert "are not those that were registered in dev" in result.stderr
    assert in_prod(azure) == []


def test_a_dry_run_shares_nothing(azure, promote):
    result = promote("--dry-run", promotion="registry", registry=SHELF)
    assert result.exit_code == 0
    assert f"registry {SHELF}" in result.output
    assert of_kind(azure, "registries") == in_prod(azure) == []


def test_a_registry_that_is_not_there_or_not_yours_is_one_line(azure, promote):
    result = promote(promotion="registry", registry="nowhere")
    assert (result.exit_code, "nowhere" in result.stderr) == (1, True)
    assert promote(promotion="registry").exit_code == 2
    guest = azure.cloud.directory.add(Principal("guest@example.com"))
    for group in ("rg", "rg-prod"):
        azure.cloud.access.grant(guest, "Owner", f"/subscriptions/{bench.SUBSCRIPTION}/resourceGroups/{group}")
    azure.sign_in(guest)
    result = promote(promotion="registry", registry=SHELF)
    assert result.exit_code == 1
    assert "you lack a role for this" in result.stderr
    assert in_prod(azure) == []


def test_without_a_champion_there_is_nothing_to_promote(azure, project):
    azure.workspace("rg-prod", "ws-prod", account="prodstore")
    result = bench.tdsp("promote")
    assert result.exit_code == 1
    assert "has no champion to promote" in result.stderr


@pytest.mark.parametrize("way", ["copy", "retrain"])
@pytest.mark.parametrize("kind", [(), ("--batch",)], ids=["online", "batch"])
def test_a_version_that_was_rolled_back_is_not_promoted(promote, client, tmp_path, way, kind, monkeypatch):
    monkeypatch.setattr(batch, "_try", lambda *_words, **_options: None)  # its own tests run the job
    bench.register(client, bench.model(tmp_path / "m2", 3.0))
    for version in ("1", "2"):
        assert bench.deploy(*kind, "--version", version).exit_code == 0
    assert bench.tdsp("rollback", *kind).exit_code == 0
    refused = promote("--dry-run", promotion=way)
    assert refused.exit_code == 1
    assert "demo v2 was rolled back on" in refused.stderr
    assert bench.deploy(*kind, "--version", "2").exit_code == 0
    assert promote("--dry-run", promotion="copy").exit_code == 0


def test_training_again_wants_the_code_that_made_the_champion(azure, promote):
    result = promote(promotion="retrain")
    assert result.exit_code == 1
    assert "was made from commit c0ffee00" in result.stderr
