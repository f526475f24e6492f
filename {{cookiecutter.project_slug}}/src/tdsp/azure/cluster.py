"""The cluster that batch jobs run on: no node runs, and none costs, between two jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tdsp.azure import client, slots
from tdsp.errors import TdspError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

FILE = "batch-cluster.yml"  # in scoring/
MAKER = "tdsp.made_by"


def definition(scoring: Path) -> Any:
    """Return the cluster as the project describes it.

    Raises:
        WrongInput: the file is wrong.
    """
    from azure.ai.ml import load_compute

    with client.speaking(FILE):
        return load_compute(scoring / FILE)


def get(ml: MLClient, name: str) -> Any:
    """Return the workspace's cluster of this name, None when there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    with client.speaking(f"cluster {name}"):
        try:
            return ml.compute.get(name)
        except ResourceNotFoundError:
            return None


def provide(ml: MLClient, where: client.Target, scoring: Path) -> None:
    """Create the cluster unless the workspace has one of its name; projects may share it.

    Raises:
        TdspError: it cannot be created; roles that deploy may not, so the message says who does it once.
    """
    from azure.core.exceptions import HttpResponseError

    wanted = definition(scoring)
    found = get(ml, wanted.name)
    if found and found.provisioning_state != "Failed":
        return
    wanted.tags = {slots.OWNER: where.slug, MAKER: "tdsp deploy"}
    with client.speaking(f"cluster {wanted.name}"):
        try:
            ml.compute.begin_create_or_update(wanted).result()
        except HttpResponseError as error:
            if error.status_code != 403:
                raise
            raise TdspError(
                f"cluster {wanted.name} is missing, and you may not create it: somebody with Contributor on "
                f"{where.place.resource_group} runs `tdsp deploy --batch --env {where.env}` once"
            ) from None


def own(ml: MLClient, where: client.Target) -> list[Any]:
    """Return the clusters of the workspace that `provide` made for this project; those of infra/ stay with it."""
    with client.speaking("clusters"):
        tagged = [(item, item.tags or {}) for item in ml.compute.list()]
    return [item for item, tags in tagged if tags.get(slots.OWNER) == where.slug and MAKER in tags]


def remove(ml: MLClient, name: str) -> None:
    """Delete a cluster."""
    with client.speaking(f"cluster {name}"):
        ml.compute.begin_delete(name).result()
