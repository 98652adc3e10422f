"""Which partition a tenant lives in, remembered for the busy ones."""

from functools import lru_cache

from schemas.partitioning import partition

_REMEMBERED = 65_536


class Homes:
    """partitions: of the deployment's keyed topics."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._home = lru_cache(_REMEMBERED)(self._compute)

    def elsewhere(self, tenant: str, number: int) -> int | None:
        """The tenant's partition when it is not `number`."""
        home = self._home(tenant)
        return None if home == number else home

    def _compute(self, tenant: str) -> int:
        return partition(tenant, self._partitions)
