"""Which ordinals a reader of outcomes has seen, so that an outcome written twice counts once.

The joiner numbers the decisions of a partition 0, 1, 2, ... (a function of the decisions log alone), every number gets
an outcome, and after a crash some outcomes are written again.  Outcomes end in any order, so the numbers seen are kept
as bits in pages; a page that is full is forgotten and everything below the first page that is not counts as seen.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.errors import CroupierError

from .bandits.kernel import kernel
from .runtime.stage import State

PAGE_BITS = 4096
_PAGE_BYTES = PAGE_BITS // 8
_NUMBER_BYTES = 8  # of a page, in its key
_FULL = b"\xff" * _PAGE_BYTES
_PREFIX = b"\x01ordinals/"
_FLOOR = b"\x01ordinals-floor"


@kernel("b1(u1[::1], i8[::1], i8, b1[::1])")
def _mark(bits: NDArray[np.uint8], ordinals: NDArray[np.int64], begin: int, fresh: NDArray[np.bool_]) -> bool:
    """Set the bits of the page that begins there, and fresh where they were not; whether there were any."""
    some = False
    for i in range(ordinals.shape[0]):
        bit = ordinals[i] - begin
        if 0 <= bit < PAGE_BITS:
            mask = np.uint8(1 << (bit & 7))
            if not bits[bit >> 3] & mask:
                bits[bit >> 3] |= mask
                fresh[i] = some = True
    return some


class Ordinals:
    """The numbers seen in one partition.  State: one key per unfinished page, 512 bytes each, and the floor."""

    def __init__(self, state: State) -> None:
        self._state = state
        floor = state.get(_FLOOR)
        self._floor = int.from_bytes(floor, "big") if floor else 0  # pages below are complete
        self._pages = {_number(key, value): bytearray(value) for key, value in state.scan(_PREFIX)}
        self._dirty: set[int] = set()

    def first(self, ordinal: int) -> bool:
        """True the first time a number is shown, False ever after."""
        page, bit = divmod(ordinal, PAGE_BITS)
        if page < self._floor:
            return False
        bits = self._pages.get(page)
        if bits is None:
            bits = self._pages[page] = bytearray(_PAGE_BYTES)
        byte, mask = bit >> 3, 1 << (bit & 7)
        if bits[byte] & mask:
            return False
        bits[byte] |= mask
        self._dirty.add(page)
        return True

    def first_of(self, ordinals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """`first` of each, in order: (n,)."""
        pages = ordinals // PAGE_BITS
        fresh = np.zeros(len(ordinals), np.bool_)
        for page in np.unique(pages).tolist():
            if page < self._floor:
                continue
            bits = self._pages.get(page)
            if bits is None:
                bits = self._pages[page] = bytearray(_PAGE_BYTES)
            if _mark(np.frombuffer(bits, np.uint8), ordinals, page * PAGE_BITS, fresh):
                self._dirty.add(page)
        return fresh

    def seen(self, ordinals: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each was shown: (n,).  Changes nothing."""
        found = np.zeros(len(ordinals), np.bool_)
        for i, ordinal in enumerate(ordinals.tolist()):
            page, bit = divmod(ordinal, PAGE_BITS)
            bits = self._pages.get(page)
            found[i] = page < self._floor or (bits is not None and bool(bits[bit >> 3] & 1 << (bit & 7)))
        return found

    def flush(self) -> None:
        """Write the pages touched since the last call.  What is kept is a function of the numbers seen alone."""
        state = self._state
        floor = self._floor
        while floor in self._pages and self._pages[floor] == _FULL:
            del self._pages[floor]
            self._dirty.discard(floor)
            state.delete(_key(floor))
            floor += 1
        if floor != self._floor:
            self._floor = floor
            state.put(_FLOOR, floor.to_bytes(8, "big"))
        for page in self._dirty:
            state.put(_key(page), bytes(self._pages[page]))
        self._dirty.clear()


def _number(key: bytes, value: bytes) -> int:
    """The page's number.  CroupierError if this is no page: compiled code writes into it, by its size unseen."""
    number = key.removeprefix(_PREFIX)
    if len(number) != _NUMBER_BYTES or len(value) != _PAGE_BYTES:
        raise CroupierError(
            f"the state has {len(value)} bytes under {key!r} where a page of ordinals has {_PAGE_BYTES}: it is damaged "
            "and can be made anew from outcomes (docs/operating.md, under Backup)"
        )
    return int.from_bytes(number, "big")


def _key(page: int) -> bytes:
    return _PREFIX + page.to_bytes(_NUMBER_BYTES, "big")
