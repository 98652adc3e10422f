"""How many of what each tenant had, kept in the state: replay counts nothing twice."""

from msgspec.msgpack import Decoder

from stream_workers.runtime.stage import State

from .entries import encode

_PREFIX = b"t"
_decode = Decoder(dict[str, int]).decode

#: What is counted.  `rewards_early` are among `rewards_joined`; `bad` are dead letters other than orphans.
COUNTED = (
    "decisions",
    "duplicate_decisions",
    "outcomes_complete",
    "outcomes_horizon",
    "rewards_joined",
    "rewards_duplicate",
    "rewards_surplus",
    "rewards_late",
    "rewards_orphan",
    "rewards_early",
    "bad",
)


class Tallies:
    """Counts by tenant in one partition.  A record whose key is no tenant is counted under ""."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._counts: dict[str, dict[str, int]] = {}
        for key, value in state.scan(_PREFIX):
            self._counts[key[len(_PREFIX) :].decode()] = dict.fromkeys(COUNTED, 0) | _decode(value)
        self._changed: set[str] = set()

    def add(self, tenant: str, counted: str) -> None:
        """Count one more."""
        counts = self._counts.get(tenant)
        if counts is None:
            counts = self._counts[tenant] = dict.fromkeys(COUNTED, 0)
        counts[counted] += 1
        self._changed.add(tenant)

    def copy(self) -> dict[str, dict[str, int]]:
        """All counts by tenant and what is counted."""
        return {tenant: dict(counts) for tenant, counts in self._counts.items()}

    def flush(self) -> None:
        """Put the counts that changed into the state."""
        for tenant in sorted(self._changed):
            self._state.put(_PREFIX + tenant.encode(), encode(self._counts[tenant]))
        self._changed.clear()
