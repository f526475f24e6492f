"""All resources of the emulated tenant, by id; ids differ in case only by accident, as in Azure."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]


def now() -> str:
    """Return the time as Azure writes it."""
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")


class Resources:
    """A table of resources: id -> JSON document."""

    def __init__(self):
        self.table: dict[str, Resource] = {}
        self.lock = threading.RLock()

    def __contains__(self, resource_id: str) -> bool:
        return resource_id.lower() in self.table

    def __getitem__(self, resource_id: str) -> Resource:
        return self.table[resource_id.lower()]

    def __iter__(self) -> Iterator[Resource]:
        with self.lock:
            return iter(list(self.table.values()))

    def get(self, resource_id: str) -> Resource | None:
        """Return the resource, or None."""
        return self.table.get(resource_id.lower())

    def lacks(self, reference: str | None) -> bool:
        """Say whether a reference is an id that leads nowhere."""
        resource_id = as_id(reference)
        return resource_id is not None and resource_id not in self

    def put(self, resource_id: str, body: Resource) -> Resource:
        """Store `body` under an id; name, type and system data are the service's."""
        with self.lock:
            old = self.get(resource_id)
            resource_id = old["id"] if old else resource_id
            created = old["systemData"]["createdAt"] if old else now()
            resource = {
                **body,
                "id": resource_id,
                "name": resource_id.rsplit("/", 1)[-1],
                "type": type_of(resource_id),
                "systemData": {"createdAt": created, "createdByType": "User", "lastModifiedAt": now()},
            }
            self.table[resource_id.lower()] = resource
            return resource

    def children(self, collection_id: str) -> list[Resource]:
        """Return the resources that lie directly in a collection, oldest first."""
        start = collection_id.lower() + "/"
        with self.lock:
            return [item for key, item in self.table.items() if key.startswith(start) and "/" not in key[len(start) :]]

    def of_type(self, kind: str) -> list[Resource]:
        """Return all resources of a type, such as `Microsoft.ManagedIdentity/userAssignedIdentities`."""
        return [item for item in self if item["type"].lower() == kind.lower()]

    def delete(self, resource_id: str) -> Resource | None:
        """Remove a resource with everything under it; return it, or None if it was not there."""
        with self.lock:
            gone = self.get(resource_id)
            prefix = resource_id.lower() + "/"
            for key in [key for key in self.table if key == resource_id.lower() or key.startswith(prefix)]:
                del self.table[key]
            return gone


def type_of(resource_id: str) -> str:
    """Return the resource type that an id spells: the last provider and every second segment after it."""
    _, provider, rest = resource_id.rpartition("/providers/")
    if not provider:
        return "Microsoft.Resources/resourceGroups"
    namespace, *segments = rest.split("/")
    return "/".join([namespace, *segments[::2]])


def as_id(reference: str | None) -> str | None:
    """Return the resource id in a reference such as `azureml:/subscriptions/...`; None where it is no id."""
    text = str(reference or "").removeprefix("azureml:")
    return text if text.startswith("/subscriptions/") else None


def scopes(resource_id: str) -> list[str]:
    """Return a resource id and the scopes above it, from the nearest to the subscription, then the root."""
    match = re.match(r"(/subscriptions/[^/]+)(/resourceGroups/[^/]+)?(/providers/.+)?", resource_id, re.IGNORECASE)
    if not match:
        return [resource_id, "/"]
    subscription, group, provider = match.groups()
    found = ["/", subscription]
    if group:
        found.append(subscription + group)
    if provider:
        segments = provider.removeprefix("/providers/").split("/")
        found += [
            (subscription + (group or "")) + "/providers/" + "/".join(segments[: end + 1])
            for end in range(2, len(segments), 2)
        ]
    return found[::-1]
