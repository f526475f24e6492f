"""The workflows that reach Azure, executed with the real `tdsp` and the real SDK against an emulated tenant."""

import pytest
from workflows.conftest import ids_of
from workflows.quick import Steps, client

pytestmark = pytest.mark.slow


@pytest.fixture
def dev(connected):
    """Signed up as environment dev, with the variables that `tdsp connect` gave it."""
    connected.host.variables = ids_of(connected, "dev")
    return connected


@pytest.fixture
def prod(connected, tmp_path):
    """Likewise for prod, where version 1 is live."""
    connected.host.variables = ids_of(connected, "prod")
    bench, cloud = connected.azure.bench, connected.azure.cloud
    cloud.server = connected.azure.model_server()
    bench.register(client(cloud, "rg-prod", "ws-prod"), bench.model(tmp_path / "m1", 2.0))
    connected.azure.sign_in(cloud.user)
    assert bench.tdsp("deploy", "--env", "prod", "--soak", "0", "--requests", "2").exit_code == 0
    connected.azure.sign_out()
    return connected


def trains(stage, monkeypatch, outcome="registered"):
    """Let jobs end at once, with a model of their own."""
    from emulator import execution
    from emulator.runner import LocalRunner

    cloud = stage.azure.cloud
    monkeypatch.setattr(execution, "execute", Steps(stage.azure.bench, 3.0, outcome))
    cloud.runner = LocalRunner()
    cloud.server = cloud.server or stage.azure.model_server()


def endpoint(stage, group):
    found = stage.azure.cloud.resources.of_type("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")
    return [item for item in found if f"/resourceGroups/{group}/" in item["id"]]


def traffic(stage, group):
    (one,) = endpoint(stage, group)
    return {slot: share for slot, share in one["properties"]["traffic"].items() if share}


def test_a_merge_to_dev_trains_and_deploys(dev, monkeypatch):
    trains(dev, monkeypatch)
    done = dev.push("train", "dev")
    assert done.code == 0, done.printed[-4000:]
    assert set(done.jobs.values()) == {"success"}
    assert set(done.jobs) == {"look", "train", "deploy", "notify"}
    order = ["uv run tdsp connected", "login", "uv run tdsp submit --env dev --wait", "uv run tdsp report",
             "login", "uv run tdsp deploy --env dev", "uv run tdsp status --env dev"]  # fmt: skip
    left = iter(done.commands)
    assert all(any(command.startswith(start) for command in left) for start in order), done.commands
    assert traffic(dev, "rg") == {"blue": 100}
    assert endpoint(dev, "rg-prod") == []
    who = {call.principal for call in dev.azure.cloud.calls if "/jobs/" in call.path and call.method == "PUT"}
    assert who == {"id-demo-dev"}, "the job was not started by the identity of the environment"
    assert not done.ran("uv run tdsp notify"), "no webhook, no message"


def test_a_model_that_the_gate_refuses_stops_before_the_deployment(dev, monkeypatch):
    trains(dev, monkeypatch, "refused")
    done = dev.push("train", "dev")
    assert done.code == 0, done.printed[-4000:]
    assert "**Refused:**" in done.summary
    assert done.ran("uv run tdsp submit")
    assert not done.ran("uv run tdsp deploy")
    assert endpoint(dev, "rg") == []


def test_a_merge_to_main_deploys_to_prod_and_goes_back_when_the_smoke_test_fails(prod, monkeypatch):
    trains(prod, monkeypatch)
    prod.azure.cloud.server.wrong.add("green")
    done = prod.push("train", "main")
    assert done.code != 0
    waits = prod.azure.repository.environments["prod"]  # the environment that both jobs name: `rules` sees to that
    assert waits["reviewers"]
    assert list(waits["policies"].values()) == ["main"]
    assert done.jobs["train"] == "success"
    assert done.jobs["deploy"] == "failure"
    assert done.ran("uv run tdsp submit --env prod")
    assert done.ran("uv run tdsp deploy --env prod")
    assert "still has all traffic" in done.printed
    assert done.ran("uv run tdsp status --env prod"), "what is live is not shown after a failure"
    assert traffic(prod, "rg-prod") == {"blue": 100}
    assert endpoint(prod, "rg") == []


def test_a_rollback_by_hand_gives_all_requests_back(prod, tmp_path):
    bench, cloud = prod.azure.bench, prod.azure.cloud
    bench.register(client(cloud, "rg-prod", "ws-prod"), bench.model(tmp_path / "m2", 3.0))
    deployed = prod.dispatch("deploy", "main", version="2")
    assert deployed.code == 0, deployed.printed[-4000:]
    assert deployed.ran("uv run tdsp deploy --env prod --version 2")
    assert traffic(prod, "rg-prod") == {"green": 100}
    done = prod.dispatch("rollback", "main")
    assert done.code == 0, done.printed[-4000:]
    assert traffic(prod, "rg-prod") == {"blue": 100}
    assert "rolled back: v1" in done.printed


@pytest.mark.parametrize("missing", ["AZURE_CLIENT_ID", "AZURE_TENANT_ID"])
def test_a_missing_variable_is_one_sentence_and_no_sign_in(dev, missing):
    del dev.host.variables[missing]
    done = dev.push("train", "dev")
    assert done.code != 0
    assert f"environment dev has no variable {missing}: run `uv run tdsp connect --env dev`" in done.printed
    assert not done.ran("login")
    assert not done.ran("uv run tdsp submit")


def test_an_identity_of_another_environment_gets_nothing(connected):
    connected.host.variables = ids_of(connected, "dev")
    done = connected.dispatch("rollback", "main")
    assert done.code != 0
    assert "you lack a role for this" in done.printed or "nothing is deployed" in done.printed


def test_infrastructure_is_previewed_in_a_pull_request_and_deployed_by_the_merge(dev):
    (dev.repository / "infra").mkdir(exist_ok=True)
    ids = dev.host.variables
    plan = {"AZURE_PLAN_CLIENT_ID": ids["AZURE_CLIENT_ID"], "AZURE_PLAN_TENANT_ID": ids["AZURE_TENANT_ID"]}
    dev.host.variables = plan
    preview = dev.pull_request("infra", base="dev")
    assert preview.code == 0, preview.printed[-4000:]
    for command in ("az bicep build --file infra/main.bicep", "az bicep lint", "az bicep build-params"):
        assert preview.ran(command)
    (what_if,) = preview.ran("az deployment group what-if")
    assert "--resource-group rg " in what_if
    assert "--parameters infra/dev.bicepparam" in what_if
    assert "Resource changes: 1 to modify." in preview.comments
    assert not preview.ran("az deployment group create")

    dev.host.variables = ids | plan
    without = dev.push("infra", "dev")
    assert without.jobs == {"build": "success"}, "the identity that deploys models must not be tried"
    assert "No identity may deploy infra/ to dev yet" in without.printed

    dev.host.variables = plan | {"AZURE_INFRA_CLIENT_ID_DEV": ids["AZURE_CLIENT_ID"]}
    done = dev.push("infra", "dev")
    assert done.code == 0, done.printed[-4000:]
    assert "No identity may deploy" not in done.printed
    (create,) = done.ran("az deployment group create")
    assert "--resource-group rg " in create
    assert "--parameters infra/dev.bicepparam" in create
