"""What is to be deployed, and what deploying it would do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp import files, registry_azure
from tdsp.azure import client, images, scaling, slots
from tdsp.azure.plan import Line
from tdsp.errors import TdspError, WrongInput

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

MIRROR = 10  # percent of the requests that a new version gets copies of
STEPS = (10, 50, 100)  # percent of the requests that it then answers


@dataclass(frozen=True)
class Release:
    """A model version with the code and the environment that serve it.

    Attributes:
        where: the workspace.
        model: the registered version.
        scoring: the project's `scoring/`.
        image: environment of the deployment.
        content: digest of all this; two slots with the same content answer alike.
    """

    where: client.Target
    model: Any
    scoring: Path
    image: images.Image
    content: str

    @property
    def label(self) -> str:
        """How it is called in messages."""
        return f"{self.model.name} v{self.model.version}"

    def overrides(self, endpoint: str, slot: str) -> list[dict[str, Any]]:
        """Return what a deployment has beside its YAML, in the SDK's form."""
        return [
            {"name": slot},
            {"endpoint_name": endpoint},
            {"model": f"azureml:{self.model.name}:{self.model.version}"},
            {"environment": self.image.reference},
            {"tags": {slots.CONTENT: self.content, slots.VERSION: str(self.model.version)}},
        ]


def release(root: Path, ml: MLClient, where: client.Target, version: str | None, batch: bool = False) -> Release:
    """Return what is to be deployed: a version, the champion when none is given; for files in batches, or online.

    Raises:
        WrongInput: there is no such version, or no champion yet.
    """
    with client.speaking("models"):
        known = registry_azure.versions(ml, where.slug)
        champion = registry_azure.champion(ml, where.slug)
    model = next((item for item in known if str(item.version) == version), None) if version else champion
    if model is None:
        what = f"no version {version} of" if version else "no champion among the versions of"
        raise WrongInput(f"{where} has {what} model {where.slug}: run `tdsp submit --env {where.env} --wait` first")
    scoring = root / "scoring"
    image = (images.batch if batch else images.serving)(root, where.slug)
    sources = sorted([*scoring.glob("*.py"), scoring / (images.BATCH if batch else images.ONLINE)])
    parts = [str(model.version), image.version, *(files.sha256_of(source) for source in sources)]
    content = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Release(where, model, scoring, image, content)


def refuse_rolled_back(new: Release, now: slots.Slots, again: bool) -> None:
    """Stop at a version that was rolled back here, unless somebody asks for it by number.

    Raises:
        TdspError: with what to do.
    """
    if not again and new.content == now.tag(slots.ROLLED_BACK) and now.live:
        raise TdspError(
            f"{new.label} was rolled back on {now.name}, which still serves v{now.version(now.live)}; "
            f"`--version {new.model.version}` deploys it all the same"
        )


def deletions(new: Release, now: slots.Slots) -> dict[str, str]:
    """Return slot -> why, for what deploying would delete."""
    goal = None if now.content(now.live) == new.content else now.candidate
    doomed = [slot for slot in now.leftovers if slot != goal]
    if goal in now.deployments and now.content(goal) != new.content:
        doomed.append(goal)
    return {slot: _reason(now, slot) for slot in doomed}


def _reason(now: slots.Slots, slot: str) -> str:
    deployment = now.deployments[slot]
    if slot == now.previous:
        until = now.tag(slots.UNTIL)
        return "kept long enough" if now.expired else f"kept for rollback until {until}, but its slot is needed"
    if slots.CONTENT not in (deployment.tags or {}):
        return "not made by `tdsp deploy`, but its slot is needed"
    return "nobody goes back to it" if deployment.provisioning_state == "Succeeded" else "it never ran"


def plan(new: Release, now: slots.Slots, again: bool, keep_hours: float = 24) -> list[Line]:
    """Return what deploying would do.

    Args:
        new: what is to be live.
        now: what is there.
        again: whether somebody asked for it by number.
        keep_hours: how long the former slot will be kept.

    Raises:
        TdspError: the version was rolled back here, and nobody asked for it by number.
    """
    refuse_rolled_back(new, now, again)
    endpoint = "exists" if now.endpoint else "missing"
    lines = [
        Line(
            f"endpoint {now.name}",
            endpoint,
            "" if now.endpoint else "create",
            "callers sign in; it has no key",
        )
    ]
    if now.live and sum(now.traffic.values()) == 100 and now.traffic.get(now.live) != 100:
        lines.append(Line(f"traffic {now.traffic}", "an interrupted rollout", f"all to {now.live}, then go on"))
    if now.content(now.live) == new.content:
        lines.append(Line(f"slot {now.live}", f"{new.label}, live", "", "it is what would be deployed"))
    else:
        built = now.content(now.candidate) == new.content
        kept = f"stays {keep_hours:g} hours for rollback" if keep_hours > 0 else "is deleted afterwards"
        old = f"v{now.version(now.live)} in {now.live} {kept}" if now.live else "first version"
        free = "in use" if now.candidate in now.deployments else "free"
        lines.append(
            Line(
                f"slot {now.candidate}",
                f"{new.label}, built" if built else free,
                "" if built else f"build {new.label}",
                old,
            )
        )
        steps = (
            f"smoke test, mirror {MIRROR} %, then {' / '.join(map(str, STEPS))} %"
            if now.live
            else "smoke test, then 100 %"
        )
        lines.append(Line("traffic", _shares(now), steps, "goes back, and deletes the new slot, if a guard fails"))
    if rules := scaling.rules(new.scoring):
        count = now.deployments[now.live].instance_count if now.live else 0
        wanted = f"{rules.min_instances} to {rules.max_instances} by load"
        lines.append(Line("instances", f"{count}", "", wanted))
    lines += [
        Line(f"slot {slot}", f"v{now.version(slot)}", "delete", reason) for slot, reason in deletions(new, now).items()
    ]
    return lines


def _shares(now: slots.Slots) -> str:
    return ", ".join(f"{slot} {share} %" for slot, share in now.traffic.items()) or "none"
