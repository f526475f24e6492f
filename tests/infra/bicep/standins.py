"""What stands in for Azure: a place to deploy to, and Bicep's functions in Python."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from typing import Any

from tdsp.azure import names

GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")  # documented with Bicep's guid()
SUFFIXES = {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net", "acrLoginServer": ".azurecr.io"}


class UndoableError(Exception):
    """Why an expression has no value."""


class Runtime(str):
    """A value that only Azure knows; the text says where it comes from."""

    __slots__ = ()


@dataclass(frozen=True)
class Place:
    """Where something is deployed."""

    subscription: str = "11111111-2222-3333-4444-555555555555"
    group: str = "rg-churn-dev"
    location: str = "westeurope"
    tenant: str = "99999999-8888-7777-6666-555555555555"

    @property
    def subscription_id(self) -> str:
        return f"/subscriptions/{self.subscription}"

    @property
    def group_id(self) -> str:
        return f"{self.subscription_id}/resourceGroups/{self.group}"

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        """What the functions about the place return."""
        return {
            "resourceGroup": {"id": self.group_id, "name": self.group, "location": self.location, "tags": {}},
            "subscription": {
                "id": self.subscription_id,
                "subscriptionId": self.subscription,
                "tenantId": self.tenant,
                "displayName": "ours",
            },
            "tenant": {"tenantId": self.tenant},
            "environment": {"name": "AzureCloud", "suffixes": SUFFIXES},
        }


PLACE = Place()


def guid(*parts: str) -> str:
    """As Azure does it: a UUID of version 5 over the parts joined by hyphens."""
    return str(uuid.uuid5(GUIDS, "-".join(map(str, parts))))


def resource_id(*parts: str) -> str:
    """Return `{group}/providers/{type}/{names}`, each name behind its part of the type."""
    at = next(i for i, part in enumerate(parts) if "/" in part)
    provider, *kinds = parts[at].split("/")
    names = parts[at + 1 :]
    if len(kinds) != len(names):
        raise ValueError(f"{parts[at]} needs {len(kinds)} names")
    pairs = "/".join(f"{kind}/{name}" for kind, name in zip(kinds, names, strict=True))
    return f"{PLACE.group_id}/providers/{provider}/{pairs}"


def subscription_resource_id(*parts: str) -> str:
    """Return the id of something in the subscription itself."""
    return resource_id(*parts).replace(PLACE.group_id, PLACE.subscription_id)


def merged(*parts: Any) -> Any:
    """Join objects, the last one wins, or lists without doubles."""
    if isinstance(parts[0], dict):
        return reduce(lambda a, b: {**a, **b}, parts)
    return list(dict.fromkeys(json.dumps(item) for part in parts for item in part))


CALLS: dict[str, Any] = {
    "any": lambda x: x,
    "array": lambda x: x if isinstance(x, list) else [x],
    "bool": lambda x: x in (True, "true", "True", 1),
    "coalesce": lambda *given: next((x for x in given if x is not None), None),
    "concat": lambda *given: list(chain(*given)) if isinstance(given[0], list) else "".join(given),
    "contains": lambda where, what: what.lower() in map(str.lower, where) if isinstance(where, dict) else what in where,
    "empty": lambda x: x is None or len(x) == 0,
    "endsWith": lambda text, end: text.lower().endswith(end.lower()),
    "filter": lambda items, keep: [x for x in items if keep(x)],
    "first": lambda x: x[0] if x else None,
    "flatten": lambda x: list(chain(*x)),
    "format": lambda form, *given: form.format(*given),
    "guid": guid,
    "indexOf": lambda text, what: text.lower().find(what.lower()),
    "int": int,
    "items": lambda x: [{"key": key, "value": x[key]} for key in sorted(x)],
    "join": lambda items, glue: glue.join(map(str, items)),
    "json": json.loads,
    "last": lambda x: x[-1] if x else None,
    "length": len,
    "map": lambda items, change: [change(x) for x in items],
    "max": max,
    "min": min,
    "newGuid": lambda: str(uuid.UUID(int=0)),
    "objectKeys": sorted,
    "padLeft": lambda text, size, fill=" ": str(text).rjust(size, fill),
    "range": lambda start, count: list(range(start, start + count)),
    "readEnvironmentVariable": lambda _, default: default,
    "replace": lambda text, old, new: text.replace(old, new),
    "resourceId": resource_id,
    "skip": lambda x, count: x[count:],
    "split": lambda text, sign: text.split(sign),
    "startsWith": lambda text, start: text.lower().startswith(start.lower()),
    "string": lambda x: x if isinstance(x, str) else json.dumps(x),
    "subscriptionResourceId": subscription_resource_id,
    "substring": lambda text, start, size=None: text[start:] if size is None else text[start : start + size],
    "take": lambda x, count: x[:count],
    "toLower": str.lower,
    "toObject": lambda items, key, value=lambda x: x: {key(x): value(x) for x in items},
    "toUpper": str.upper,
    "trim": str.strip,
    "union": merged,
    "uniqueString": names.unique_string,
    "utcNow": lambda form="yyyyMMddTHHmmssZ": form.replace("yyyy", "2026").replace("MM", "11").replace("dd", "21"),
}
