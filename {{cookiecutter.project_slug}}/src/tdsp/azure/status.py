"""What is registered and what is live, with where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tdsp import registry_azure
from tdsp.azure import batch, client, slots

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

_SHOWN = 5  # versions; the rest is in the workspace


def lines(ml: MLClient, where: client.Target) -> list[str]:
    """Return the state of a workspace's endpoint and models, for people."""
    now = slots.look(ml, where, slots.endpoint_name(where))
    with client.speaking("models"):
        versions = registry_azure.versions(ml, where.slug)
        champion = registry_azure.champion(ml, where.slug)
    return [f"{where}", *_endpoint(now), *_batch(batch.look(ml, where)), *_models(versions, champion)]


def _endpoint(now: slots.Slots) -> list[str]:
    if now.endpoint is None:
        return [f"endpoint {now.name}: none yet"]
    found = [f"endpoint {now.name}: {now.endpoint.provisioning_state}, {now.endpoint.scoring_uri}"]
    for slot, deployment in sorted(now.deployments.items()):
        role = "live" if slot == now.live else "kept for rollback" if slot == now.previous else "no role"
        until = f" until {now.tag(slots.UNTIL)}" if slot == now.previous else ""
        mirrored = f", mirrors {now.mirror[slot]} %" if slot in now.mirror else ""
        found.append(
            f"  {slot}: v{now.version(slot)}, {now.traffic.get(slot, 0)} %{mirrored}, {role}{until}, "
            f"{deployment.provisioning_state}, {deployment.instance_count} x {deployment.instance_type}"
        )
    return found


def _batch(now: slots.Batch) -> list[str]:
    if now.endpoint is None:
        return [f"batch endpoint {now.name}: none yet"]
    found = [f"batch endpoint {now.name}: {now.endpoint.provisioning_state}"]
    for slot, deployment in sorted(now.deployments.items()):
        role = "default" if slot == now.live else "kept for rollback" if slot == now.previous else "no role"
        where = f"{deployment.instance_count or 1} x {str(deployment.compute).rsplit('/', 1)[-1]}"
        found.append(f"  {slot}: v{now.version(slot)}, {role}, {deployment.provisioning_state}, {where}")
    return found


def _models(versions: list[Any], champion: Any) -> list[str]:
    if not versions:
        return ["models: none registered yet"]
    found = ["models:"]
    for model in versions[:_SHOWN]:
        tags = model.tags or {}
        crown = ", champion" if champion is not None and model.version == champion.version else ""
        dirty = " with changes" if tags.get("tdsp.dirty") == "True" else ""
        code = f"commit {tags.get('tdsp.commit', '')[:8] or 'unknown'}{dirty}"
        data = f"data {tags.get('tdsp.data_sha256', '')[:8] or 'unknown'}"
        by = f", by {tags['tdsp.started_by']}" if tags.get("tdsp.started_by") else ""
        found.append(f"  v{model.version}{crown}: {code}, {data}, job {tags.get(registry_azure.JOB, 'unknown')}{by}")
    return found
