"""How many of what each tenant had, kept in the state: replay counts nothing twice."""

from typing import Final

import numpy as np
from msgspec.msgpack import Decoder
from numpy.typing import NDArray

from stream_workers.runtime.stage import State

from ..columnar.memory import Bytes
from .entries import encode
from .names import SECRET, Slots, Table, enter_tenants

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
(
    DECISIONS,
    DUPLICATE_DECISIONS,
    OUTCOMES_COMPLETE,
    OUTCOMES_HORIZON,
    REWARDS_JOINED,
    REWARDS_DUPLICATE,
    REWARDS_SURPLUS,
    REWARDS_LATE,
    REWARDS_ORPHAN,
    REWARDS_EARLY,
    BAD,
) = range(len(COUNTED))
_CHANGED: Final = len(COUNTED)


class Tallies:
    """The tenants of one partition, numbered as they come, and their counts.  What is no tenant is counted under "".

    counts: (tenants, what is counted and whether that changed); places: where a tenant's UTF-8 begins in `names`, its
    bytes; slots: where to find its number.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self.counts: NDArray[np.int64] = np.zeros((16, len(COUNTED) + 1), np.int64)
        self.places: Table = np.zeros((16, 2), np.int64)
        self.names: Bytes = np.zeros(1024, np.uint8)
        self.slots: Slots = np.full(32, -1, np.int32)
        self._texts: list[str] = []
        self._numbers: dict[bytes, int] = {}
        self._end = 0
        for key, value in state.scan(_PREFIX):
            counts = _decode(value)
            self.counts[self.number(key[len(_PREFIX) :]), : len(COUNTED)] = [counts.get(what, 0) for what in COUNTED]

    def number(self, tenant: bytes) -> int:
        """The number of a tenant (UTF-8), a new one if need be."""
        known = self._numbers.get(tenant)
        if known is not None:
            return known
        number = self._numbers[tenant] = len(self._texts)
        self._texts.append(tenant.decode())
        if number == len(self.counts):
            self.counts = np.concatenate((self.counts, np.zeros_like(self.counts)))
            self.places = np.concatenate((self.places, np.zeros_like(self.places)))
        while self._end + len(tenant) > len(self.names):
            self.names = np.concatenate((self.names, np.zeros_like(self.names)))
        self.places[number] = self._end, len(tenant)
        self.names[self._end : self._end + len(tenant)] = np.frombuffer(tenant, np.uint8)
        self._end += len(tenant)
        first = number
        if 2 * (number + 1) > len(self.slots):
            self.slots, first = np.full(2 * len(self.slots), -1, np.int32), 0
        enter_tenants(self.slots, self.places, self.names, SECRET, first, number + 1)
        return number

    def known(self, tenant: bytes) -> int | None:
        """The number of a tenant (UTF-8) that has one."""
        return self._numbers.get(tenant)

    def text(self, number: int) -> str:
        """The tenant of that number."""
        return self._texts[number]

    def add(self, tenant: int, counted: int) -> None:
        """Count one more."""
        self.counts[tenant, counted] += 1
        self.counts[tenant, _CHANGED] = 1

    def copy(self) -> dict[str, dict[str, int]]:
        """All counts by tenant and what is counted."""
        counts = self.counts[: len(self._texts), : len(COUNTED)].tolist()
        return {
            text: dict(zip(COUNTED, each, strict=True))
            for text, each in zip(self._texts, counts, strict=True)
            if any(each)
        }

    def flush(self) -> None:
        """Put the counts that changed into the state."""
        changed = np.flatnonzero(self.counts[: len(self._texts), _CHANGED])
        counts = self.counts[changed, : len(COUNTED)].tolist()
        by_text = sorted((self._texts[number], each) for number, each in zip(changed.tolist(), counts, strict=True))
        for text, each in by_text:
            self._state.put(_PREFIX + text.encode(), encode(dict(zip(COUNTED, each, strict=True))))
        self.counts[changed, _CHANGED] = 0
