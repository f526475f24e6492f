"""Autoscale settings of Azure Monitor, for the slots of endpoints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.forms import form
from emulator.routing import Call, Routes
from emulator.wire import Response, bad_request, not_found

if TYPE_CHECKING:
    from emulator.cloud import Cloud

routes = Routes(r"management\.azure\.com")
VERSIONS = ("2022-10-01",)
BASE = "{group}/providers/Microsoft.Insights/autoscaleSettings/{name}"
TYPE = "Microsoft.Insights/autoscaleSettings"
MINUTES, COUNT = re.compile(r"PT\d+M"), re.compile(r"\d+")
METRICS = {  # of managed online deployments, as the service publishes them
    "CpuUtilizationPercentage",
    "CpuMemoryUtilizationPercentage",
    "DiskUtilization",
    "GpuUtilizationPercentage",
    "GpuMemoryUtilizationPercentage",
    "DeploymentCapacity",
}
RULE = {
    "metricTrigger": {
        "metricName": METRICS,
        "metricNamespace?": str,
        "metricResourceUri": str,
        "timeGrain": MINUTES,
        "statistic": {"Average", "Min", "Max", "Sum", "Count"},
        "timeWindow": MINUTES,
        "timeAggregation": {"Average", "Minimum", "Maximum", "Total", "Count", "Last"},
        "operator": {"Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"},
        "threshold": float,
    },
    "scaleAction": {
        "direction": {"None", "Increase", "Decrease"},
        "type": {"ChangeCount", "PercentChangeCount", "ExactCount"},
        "value?": COUNT,
        "cooldown": MINUTES,
    },
}
SETTING = form(
    {
        "location": str,
        "tags?": {"*?": str},
        "properties": {
            "enabled?": bool,
            "name?": str,
            "targetResourceUri": str,
            "targetResourceLocation?": str,
            "profiles": [
                {"name": str, "capacity": {"minimum": COUNT, "maximum": COUNT, "default": COUNT}, "rules": [RULE]}
            ],
        },
    }
)


@routes("GET", BASE, *VERSIONS)
def show(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Show a setting."""
    found = cloud.resources.get(call.id)
    if found is None:
        raise not_found(call["name"])
    return found


@routes("PUT", BASE, *VERSIONS, shape=SETTING)
def put(cloud: Cloud, call: Call) -> Response:
    """Create or change a setting.

    Raises:
        ServiceError: 400 for a target that does not exist or has a setting already, or numbers that do not agree.
    """
    properties = call.body["properties"]
    target = properties["targetResourceUri"]
    if target not in cloud.resources:
        raise bad_request(f"The target resource {target} was not found.")
    for other in cloud.resources.of_type(TYPE):
        if (
            other["properties"]["targetResourceUri"].lower() == target.lower()
            and other["id"].lower() != call.id.lower()
        ):
            raise bad_request(f"The resource {target} has an autoscale setting already: {other['name']}.")
    for profile in properties["profiles"]:
        least, most, default = (int(profile["capacity"][key]) for key in ("minimum", "maximum", "default"))
        if not least <= default <= most:
            raise bad_request("The default capacity must lie between minimum and maximum.")
        for rule in profile["rules"]:
            if not 5 <= int(rule["metricTrigger"]["timeWindow"][2:-1]) <= 12 * 60:
                raise bad_request("The time window must be between 5 minutes and 12 hours.")
            if rule["metricTrigger"]["metricResourceUri"] not in cloud.resources:
                raise bad_request("The metric's resource was not found.")
    created = call.id not in cloud.resources
    return Response(201 if created else 200, cloud.resources.put(call.id, call.body))


@routes("DELETE", BASE, *VERSIONS)
def delete(cloud: Cloud, call: Call) -> Response:
    """Delete a setting."""
    return Response(200 if cloud.resources.delete(call.id) else 204)
