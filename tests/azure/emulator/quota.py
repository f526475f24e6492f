"""Virtual machine sizes and how many cores of each family the subscription may use."""

from __future__ import annotations

from emulator.wire import bad_request

# Size -> (family, cores). A few that people use; another name is refused like a size that the region lacks.
SIZES = {
    "Standard_DS1_v2": ("standardDSv2Family", 1),
    "Standard_DS2_v2": ("standardDSv2Family", 2),
    "Standard_DS3_v2": ("standardDSv2Family", 4),
    "Standard_DS4_v2": ("standardDSv2Family", 8),
    "Standard_D2as_v4": ("standardDASv4Family", 2),
    "Standard_D4as_v4": ("standardDASv4Family", 4),
    "Standard_D2s_v3": ("standardDSv3Family", 2),
    "Standard_D4s_v3": ("standardDSv3Family", 4),
    "Standard_E2s_v3": ("standardESv3Family", 2),
    "Standard_E4s_v3": ("standardESv3Family", 4),
    "Standard_F2s_v2": ("standardFSv2Family", 2),
    "Standard_F4s_v2": ("standardFSv2Family", 4),
}
FAMILIES = sorted({family for family, _ in SIZES.values()})
DEFAULT_LIMIT = 100


class ShortageError(Exception):
    """The subscription has no cores left for this."""


class Quota:
    """Counts the cores in use.

    Attributes:
        limits: family -> cores that the subscription may use.
    """

    def __init__(self):
        self.limits = dict.fromkeys(FAMILIES, DEFAULT_LIMIT)
        self._taken: dict[str, tuple[str, int]] = {}

    def cores(self, size: str) -> tuple[str, int]:
        """Return family and cores of a size, or raise the service's 400."""
        known = {name.lower(): entry for name, entry in SIZES.items()}
        if size.lower() not in known:
            raise bad_request(f"The VM size '{size}' is not supported in this region.", "InvalidVMSize")
        return known[size.lower()]

    def used(self, family: str) -> int:
        """Return the cores of a family that are in use."""
        return sum(cores for kind, cores in self._taken.values() if kind == family)

    def take(self, resource_id: str, size: str, instances: int) -> None:
        """Take the cores that a resource needs, in place of those that it has.

        Raises:
            ShortageError: with the numbers that Azure prints.
        """
        family, cores = self.cores(size)
        self.give_back(resource_id)
        needed, used, limit = cores * instances, self.used(family), self.limits[family]
        if used + needed > limit:
            raise ShortageError(
                f"Not enough quota available for {size} in SubscriptionId. "
                f"Current usage/limit: {used}/{limit}. Additional needed: {needed}"
            )
        self._taken[resource_id.lower()] = (family, needed)

    def give_back(self, resource_id: str) -> None:
        """Return the cores of a resource."""
        self._taken.pop(resource_id.lower(), None)
