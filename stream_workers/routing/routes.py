"""The domains that the router knows: found by the bytes of their names, with what their decisions have in common.

Each has a slot, a small number.  What all its decisions say alike is encoded once, into `templates`:

    head: tenant, domain, arms    middle: policy, specification's version    tail: horizon, awaited components
"""

from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from schemas import wire
from schemas.domains import DomainSpec

from ..bandits.kernel import kernel
from ..bandits.randomness import seed_of_names
from ..columnar.memory import Bytes, equal, load64
from ..learning.terms import Terms

Places = NDArray[np.int64]

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_FREE, _LEFT = -1, -2  # in the hash table: never used; used and given up

#: Columns of Lookup.places and Templates.places.
NAME_AT, TENANT_SIZE, DOMAIN_SIZE, MISSING = 0, 1, 2, 3
HEAD_AT, HEAD_SIZE, MIDDLE_SIZE, TAIL_SIZE = 0, 1, 2, 3


@kernel()
def _mix(h: np.uint64, data: Bytes, at: int, size: int) -> np.uint64:
    whole = at + size - size % 8
    for i in range(at, whole, 8):
        h = (h ^ load64(data, i)) * _MULTIPLIER
        h ^= h >> np.uint64(29)
    rest = np.uint64(size)
    for i in range(whole, at + size):
        rest = (rest << np.uint64(8)) | np.uint64(data[i])
    h = (h ^ rest) * _MULTIPLIER
    return h ^ (h >> np.uint64(32))


@kernel("u8(u1[::1], i8, i8, i8, i8)")
def hash_names(data: Bytes, tenant_at: int, tenant_size: int, domain_at: int, domain_size: int) -> np.uint64:
    """Where the search in the table begins.  Only names that an operator declared are in it: nobody can crowd it."""
    return _mix(_mix(np.uint64(0), data, tenant_at, tenant_size), data, domain_at, domain_size)


@kernel()
def find(
    data: Bytes,
    tenant_at: int,
    tenant_size: int,
    domain_at: int,
    domain_size: int,
    hashes: NDArray[np.uint64],
    slots: Places,
    names: Bytes,
    places: Places,
) -> int:
    """The slot of a domain, or -1.  The table: hashes and slots (a power of two), open addressing."""
    mask = np.uint64(hashes.shape[0] - 1)
    h = hash_names(data, tenant_at, tenant_size, domain_at, domain_size)
    i = h & mask
    while slots[i] != _FREE:
        slot = slots[i]
        if slot >= 0 and hashes[i] == h:
            at = places[slot, NAME_AT]
            if (
                places[slot, TENANT_SIZE] == tenant_size
                and places[slot, DOMAIN_SIZE] == domain_size
                and equal(data, tenant_at, names, at, tenant_size)
                and equal(data, domain_at, names, at + tenant_size, domain_size)
            ):
                return int(slot)
        i = (i + np.uint64(1)) & mask
    return -1


@kernel("i8(i8[::1], u8[::1], i8[::1], u1[::1], i8[:,::1], u8[::1])")
def _insert(
    slots: Places, hashes: NDArray[np.uint64], table: Places, names: Bytes, places: Places, seeds: NDArray[np.uint64]
) -> int:
    """Enter slots into the table, and write what hashes of ids begin with there; how many free places that took."""
    mask, taken = np.uint64(table.shape[0] - 1), 0
    for slot in slots:
        at, tenant, domain = places[slot, NAME_AT], places[slot, TENANT_SIZE], places[slot, DOMAIN_SIZE]
        h = hash_names(names, at, tenant, at + tenant, domain)
        i = h & mask
        while table[i] >= 0:
            i = (i + np.uint64(1)) & mask
        taken += table[i] == _FREE
        table[i], hashes[i] = slot, h
        seeds[slot] = seed_of_names(names, at, tenant, domain)
    return taken


@kernel("void(i8, u8[::1], i8[::1], u1[::1], i8[:,::1])")
def _remove(slot: int, hashes: NDArray[np.uint64], table: Places, names: Bytes, places: Places) -> None:
    """Give up the place of a slot that is in the table."""
    mask = np.uint64(hashes.shape[0] - 1)
    at, tenant = places[slot, NAME_AT], places[slot, TENANT_SIZE]
    i = hash_names(names, at, tenant, at + tenant, places[slot, DOMAIN_SIZE]) & mask
    while table[i] != slot:
        i = (i + np.uint64(1)) & mask
    table[i] = _LEFT


class _Pile:
    """Bytes of many owners in one array, which grows, and is packed anew when half of it is nobody's any more."""

    def __init__(self) -> None:
        self.data = np.zeros(1024, np.uint8)
        self.used = 0
        self.waste = 0

    def add(self, piece: bytes) -> int:
        """Append; where it begins."""
        begin, self.used = self.used, self.used + len(piece)
        if self.used > len(self.data):
            larger = np.zeros(max(self.used, 2 * len(self.data)), np.uint8)
            larger[:begin] = self.data[:begin]
            self.data = larger
        self.data[begin : self.used] = np.frombuffer(piece, np.uint8)
        return begin


class Lookup:
    """Finds domains by the bytes of their names."""

    def __init__(self) -> None:
        self.widest = 0
        self._hashes = np.zeros(16, np.uint64)
        self._slots = np.full(16, _FREE, np.int64)
        self._occupied = 0  # of the table: in use, or given up
        self._names = _Pile()
        self._places = np.zeros((8, 4), np.int64)  # MISSING: whether a feature may be
        self._seeds = np.zeros(8, np.uint64)
        self._widths = np.zeros(8, np.int64)

    def arrays(self) -> tuple[Any, ...]:
        """For `contexts.read_contexts`: hashes, slots, names, places, seeds, widths."""
        return self._hashes, self._slots, self._names.data, self._places, self._seeds, self._widths

    def put(self, slot: int, tenant: bytes, domain: bytes, width: int, *, missing: bool) -> None:
        """Let a domain be found under a slot that is free.  width: features; missing: whether they may be."""
        if slot >= len(self._places):
            self._places, self._seeds, self._widths = (
                grown(each, slot + 1) for each in (self._places, self._seeds, self._widths)
            )
        self._places[slot] = (self._names.add(tenant + domain), len(tenant), len(domain), missing)
        self._widths[slot] = width
        self.widest = max(self.widest, width)
        if 2 * (self._occupied + 1) > len(self._slots):
            self._rehash()
        self._enter(np.array([slot]))

    def drop(self, slot: int) -> None:
        """A domain is not to be found any more."""
        _remove(slot, self._hashes, self._slots, self._names.data, self._places)
        self._names.waste += int(self._places[slot, TENANT_SIZE : DOMAIN_SIZE + 1].sum())

    def _enter(self, slots: Places) -> None:
        self._occupied += _insert(slots, self._hashes, self._slots, self._names.data, self._places, self._seeds)

    def _rehash(self) -> None:
        """A table with room, and names without those given up."""
        kept = self._slots[self._slots >= 0]
        size = 16
        while size < 4 * (len(kept) + 1):
            size *= 2
        self._hashes, self._slots = np.zeros(size, np.uint64), np.full(size, _FREE, np.int64)
        self._occupied = 0
        if 2 * self._names.waste > self._names.used:
            old, self._names = self._names, _Pile()
            for slot in kept.tolist():
                at, tenant, domain, _ = self._places[slot].tolist()
                self._places[slot, NAME_AT] = self._names.add(old.data[at : at + tenant + domain].tobytes())
        self._enter(kept)


class Common(NamedTuple):
    """What all decisions of a domain say alike under one version of its specification, encoded."""

    head: bytes
    middle: bytes
    tail: bytes


_same: Final[WeakKeyDictionary[Terms, tuple[bytes, bytes, bytes]]] = WeakKeyDictionary()


def common(spec: DomainSpec, version: int, terms: Terms) -> Common:
    """See `Common`.  terms: the specification's."""
    encode, same = wire.encode, _same.get(terms)
    if same is None:
        enabled = tuple(arm.name for arm in spec.arms if arm.enabled)
        tail = encode(spec.horizon_ms) + encode(awaited(spec))
        same = _same[terms] = (encode(enabled), encode(spec.champion.name), tail)
    arms, policy, tail = same
    return Common(encode(spec.tenant) + encode(spec.domain) + arms, policy + encode(version), tail)


def awaited(spec: DomainSpec) -> tuple[str, ...]:
    """The components whose presence ends an outcome before its horizon."""
    return tuple(name for name, part in spec.reward.items() if spec.ends == "all" or part.required)


class Templates:
    """The common parts by slot."""

    def __init__(self) -> None:
        self._pile = _Pile()
        self.places = np.zeros((8, 4), np.int64)  # HEAD_AT, and the sizes of the three parts

    @property
    def data(self) -> Bytes:
        """The bytes that `places` points into."""
        return self._pile.data

    def put(self, slot: int, parts: Common) -> None:
        """Take a domain's parts; those it had before are forgotten."""
        if slot >= len(self.places):
            self.places = grown(self.places, slot + 1)
        self._pile.waste += int(self.places[slot, 1:].sum())
        if 2 * self._pile.waste > self._pile.used > 1 << 16:
            self._pack(slot)
        self.places[slot] = (self._pile.add(b"".join(parts)), *(len(part) for part in parts))

    def drop(self, slot: int) -> None:
        """Forget a domain's parts."""
        self._pile.waste += int(self.places[slot, 1:].sum())
        self.places[slot] = 0

    def _pack(self, without: int) -> None:
        old, self._pile = self._pile, _Pile()
        for slot in np.flatnonzero(self.places[:, HEAD_SIZE]).tolist():
            if slot != without:
                at, *sizes = self.places[slot].tolist()
                self.places[slot, HEAD_AT] = self._pile.add(old.data[at : at + sum(sizes)].tobytes())


def grown(array: NDArray[Any], least: int) -> NDArray[Any]:
    """With room for at least that many rows."""
    larger = np.zeros((max(least, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
