"""How many instances a slot has: rules of `scoring/autoscale.yml`, applied by Azure Monitor.

Azure ML does not scale managed deployments itself. An autoscale setting of Azure Monitor does, one for each slot; it
lies beside the workspace and must follow the slots as they come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tdsp.azure import client, rest, slots
from tdsp.errors import TdspError, WrongInput

FILE = "autoscale.yml"  # in scoring/
VERSION = "2022-10-01"
Metric = Literal["CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(_Strict):
    """When an instance is added."""

    metric: Metric
    above: float = Field(gt=0, lt=100)
    minutes: int = Field(ge=5, le=720)  # what Azure Monitor takes


class In(_Strict):
    """When an instance is taken away."""

    metric: Metric
    below: float = Field(gt=0, lt=100)
    minutes: int = Field(ge=5, le=720)  # what Azure Monitor takes


class Rules(_Strict):
    """The whole file."""

    min_instances: int = Field(ge=1)
    max_instances: int = Field(le=50)
    scale_out: Out
    scale_in: In

    @model_validator(mode="after")
    def _agree(self) -> Rules:
        if self.min_instances > self.max_instances:
            raise ValueError("min_instances is above max_instances")
        # What one instance fewer makes of the load must not add it again at once.
        if self.scale_out.metric == self.scale_in.metric and self.scale_in.below * 2 > self.scale_out.above:
            raise ValueError(
                "scale_in.below is above half of scale_out.above: instances would come and go all the time"
            )
        return self


def rules(scoring: Path) -> Rules | None:
    """Return the project's rules, None when there is no file: slots then keep their `instance_count`.

    Raises:
        WrongInput: the file cannot be used; the message has the first mistake.
    """
    file = scoring / FILE
    if not file.is_file():
        return None
    try:
        return Rules.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise WrongInput(
            f"{FILE}: {place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}"
        ) from None
    except yaml.YAMLError as error:
        raise WrongInput(f"{FILE}: {' '.join(str(error).split())}") from None


def follow(where: client.Target, now: slots.Slots, wanted: Rules | None, say: Callable[[str], None]) -> None:
    """Give the live slot its rules, and take away those of slots that are gone; the former slot keeps its own.

    Where Azure Monitor fails or may not be changed, that is told, no more: the slots serve all the same.

    Args:
        where: the workspace.
        now: the endpoint.
        wanted: the rules; None for none.
        say: gets a line when something was done, or could not be.
    """
    try:
        for slot in slots.SLOTS:
            has = _ask("GET", where, now.name, slot)
            if wanted and slot == now.live:
                body = _body(where, now.deployments[slot].id, wanted)
                if not has or _essence(has["properties"]) != _essence(body["properties"]):
                    _ask("PUT", where, now.name, slot, body)
                    say(f"{slot}: {wanted.min_instances} to {wanted.max_instances} instances, by load")
            elif has and (slot == now.live or slot not in now.deployments):
                _ask("DELETE", where, now.name, slot)
    except TdspError as error:
        count = now.deployments[now.live].instance_count
        why = f"Azure Monitor did not take its rules: {error}"
        if isinstance(error, client.RefusedError) and error.status == client.FORBIDDEN:
            why = "who deploys here may not change Azure Monitor"
        say(f"{now.live}: stays at {count} instances, as {why}")


def ruled(where: client.Target, name: str) -> list[str]:
    """Return the slots of an endpoint that have rules, also when there is no such slot any more."""
    try:
        return [slot for slot in slots.SLOTS if _ask("GET", where, name, slot)]
    except client.RefusedError as error:
        if error.status == client.FORBIDDEN:  # who may not read them cannot delete them either
            return []
        raise


def remove(where: client.Target, name: str, slot: str) -> None:
    """Delete the rules of a slot."""
    _ask("DELETE", where, name, slot)


def _ask(method: str, where: client.Target, name: str, slot: str, body: Any = None) -> Any:
    path = f"{where.group_id}/providers/Microsoft.Insights/autoscaleSettings/{name}-{slot}"
    return rest.management()(method, path, body, **{"api-version": VERSION})


def _body(where: client.Target, deployment: str, wanted: Rules) -> dict[str, Any]:
    least, most = str(wanted.min_instances), str(wanted.max_instances)
    return {
        "location": where.place.region,
        "tags": {"tdsp.project": where.slug},
        "properties": {
            "enabled": True,
            "targetResourceUri": deployment,
            "profiles": [
                {
                    "name": FILE,
                    "capacity": {"minimum": least, "maximum": most, "default": least},
                    "rules": [
                        _rule(deployment, wanted.scale_out, "GreaterThan", wanted.scale_out.above, "Increase"),
                        _rule(deployment, wanted.scale_in, "LessThan", wanted.scale_in.below, "Decrease"),
                    ],
                }
            ],
        },
    }


def _rule(deployment: str, when: Out | In, operator: str, threshold: float, direction: str) -> dict[str, Any]:
    return {
        "metricTrigger": {
            "metricName": when.metric,
            "metricResourceUri": deployment,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": f"PT{when.minutes}M",
            "timeAggregation": "Average",
            "operator": operator,
            "threshold": threshold,
        },
        "scaleAction": {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": "PT5M"},
    }


def _essence(properties: dict[str, Any]) -> list[Any]:
    """Return what the rules say, without the fields that the service adds."""
    profile = properties["profiles"][0]
    return [
        properties["targetResourceUri"].lower(),
        properties.get("enabled"),
        profile["capacity"],
        [
            [rule["metricTrigger"][key] for key in ("metricName", "timeWindow", "operator", "threshold")]
            for rule in profile["rules"]
        ],
    ]
