"""Each live slot has the rules of `scoring/autoscale.yml`, and no slot that is gone has any."""

import bench
import pytest
import yaml
from emulator.autoscale import TYPE
from tdsp.azure import scaling
from tdsp.errors import WrongInput

ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
SCORING = bench.TEMPLATE / "scoring"


def deploy(*more):
    return bench.tdsp("deploy", "--soak", "0", "--requests", "2", *more)


def settings(azure):
    return {item["name"].rsplit("-", 1)[1]: item["properties"] for item in azure.cloud.resources.of_type(TYPE)}


def test_the_rules_follow_the_slots(azure, registered, client, tmp_path):
    first = deploy()
    assert first.exit_code == 0, first.output + first.stderr
    assert "blue: 1 to 3 instances, by load" in first.output
    blue = settings(azure)["blue"]
    assert blue["targetResourceUri"].endswith("/deployments/blue")
    assert blue["profiles"][0]["capacity"] == {"minimum": "1", "maximum": "3", "default": "1"}
    slots = azure.cloud.resources.of_type(f"{ENDPOINTS}/deployments")
    slots[0]["sku"]["capacity"] = 3  # Azure Monitor has scaled it out

    bench.register(client, bench.model(tmp_path / "m2", 3.0))
    assert deploy().exit_code == 0
    assert set(settings(azure)) == {"blue", "green"}
    slots = azure.cloud.resources.of_type(f"{ENDPOINTS}/deployments")
    assert [item["sku"]["capacity"] for item in slots] == [3, 3], "the new slot is smaller than the one it replaces"
    file = registered / "scoring" / "autoscale.yml"
    file.write_text(file.read_text().replace("max_instances: 3", "max_instances: 5"))
    azure.cloud.resources.of_type(ENDPOINTS)[0]["tags"]["tdsp.previous_until"] = "2026-01-01T00:00:00+00:00"
    assert deploy().exit_code == 0
    assert [found["profiles"][0]["capacity"]["maximum"] for found in settings(azure).values()] == ["5"]

    file.unlink()
    assert deploy().exit_code == 0
    assert settings(azure) == {}


def test_who_may_deploy_but_not_scale_is_told_so(azure, registered):
    azure.fail("GET *autoscaleSettings*", "403")
    result = deploy()
    assert result.exit_code == 0, result.stderr
    assert "blue: stays at 1 instances, as who deploys here may not change Azure Monitor" in result.output
    assert settings(azure) == {}


def test_a_failure_of_azure_monitor_is_a_note_as_the_slot_serves(azure, registered):
    azure.fail("PUT *autoscaleSettings*", "409", count=20)
    result = deploy()
    assert result.exit_code == 0, result.stderr
    assert "blue: stays at 1 instances, as Azure Monitor did not take its rules" in result.output


def test_a_provider_that_scaling_needs_is_looked_at(azure, registered):
    azure.cloud.providers["Microsoft.Insights"] = "NotRegistered"
    assert "az provider register --namespace Microsoft.Insights" in bench.tdsp("doctor").output


def test_the_rules_of_the_template_can_be_used():
    assert scaling.rules(SCORING).max_instances == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_instances": 4}, "min_instances is above max_instances"),
        ({"min_instances": 0}, "min_instances: Input should be greater than or equal to 1"),
        (
            {"scale_out": {"metric": "CpuUtilizationPercentage", "above": 70, "minutes": 4}},
            r"scale_out\.minutes: Input should be greater than or equal to 5",
        ),
        ({"instances": 2}, "instances: Extra inputs are not permitted"),
        ({"scale_out": {"metric": "Cpu", "above": 70, "minutes": 5}}, r"scale_out\.metric: Input should be 'CpuUtil"),
        (
            {"scale_in": {"metric": "CpuUtilizationPercentage", "below": 60, "minutes": 5}},
            "instances would come and go",
        ),
    ],
)
def test_broken_rules_are_refused_before_anything_is_done(tmp_path, change, said):
    rules = yaml.safe_load((SCORING / scaling.FILE).read_text())
    (tmp_path / scaling.FILE).write_text(yaml.safe_dump(rules | change))
    with pytest.raises(WrongInput, match=said):
        scaling.rules(tmp_path)
