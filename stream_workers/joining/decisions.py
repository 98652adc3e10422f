"""The decisions a partition knows: found by name or by time in memory, their content in the state.

In memory is an index only (names, ordinals, times: a few hundred bytes a decision) and the entries touched of late.
The state has one key per decision, its ordinal, so that new ones are written, and old ones deleted, in order.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import islice

from schemas.errors import CroupierError
from stream_workers.runtime.stage import State

from .entries import Done, Entry, Open, decode_entry, encode

_PREFIX = b"d"
_ORDINAL_BITS = 64
_ORDINAL_MASK = (1 << _ORDINAL_BITS) - 1


class Decisions:
    """Open and remembered decisions of one partition.  cached: entries kept in memory from checkpoint to checkpoint."""

    def __init__(self, state: State, cached: int) -> None:
        self._state = state
        self._cached = cached
        self._entries: dict[int, Entry] = {}  # what changed since the last flush, and what was touched of late
        self._changed: set[int] = set()
        self._unstored: set[int] = set()  # came after the last flush
        self._stale: list[bytes] = []  # keys to delete at the next flush
        self._open: set[int] = set()
        self._latest: dict[str, int] = {}
        self._older: dict[str, list[int]] = {}  # names used again while rewards of the first use may still come: rare
        # Moment and ordinal in one integer: a third of the memory of pairs, and quicker to compare.
        self._deadlines: list[int] = []  # heap; ends that came early leave theirs behind until it is on top
        self._forgettable: list[tuple[int, str]] = []  # heap
        for key, value in state.scan(_PREFIX):
            ordinal = int.from_bytes(key[len(_PREFIX) :], "big")
            entry = decode_entry(value)
            moment = _at(entry.decided_at + entry.horizon_ms, ordinal)
            if type(entry) is Open:
                self._open.add(ordinal)
                self._deadlines.append(moment)
            else:
                self._forgettable.append((moment, entry.name))
            self._know(entry.name, ordinal)
        heapify(self._deadlines)
        heapify(self._forgettable)

    @property
    def open(self) -> int:
        """How many outcomes have not ended."""
        return len(self._open)

    def add(self, ordinal: int, entry: Open) -> None:
        """Know a decision; ordinals are ascending."""
        self._entries[ordinal] = entry
        self._changed.add(ordinal)
        self._unstored.add(ordinal)
        self._open.add(ordinal)
        self._know(entry.name, ordinal)
        heappush(self._deadlines, _at(entry.deadline, ordinal))

    def latest(self, name: str) -> Entry | None:
        """The last decision of that name that counts, if it is known."""
        ordinal = self._latest.get(name)
        return None if ordinal is None else self.entry(ordinal)

    def ordinals(self, name: str) -> tuple[int, ...]:
        """The known decisions of that name, ascending: none or one, rarely more."""
        ordinal = self._latest.get(name)
        if ordinal is None:
            return ()
        if self._older and name in self._older:
            return (*self._older[name], ordinal)
        return (ordinal,)

    def entry(self, ordinal: int) -> Entry:
        """What is kept of a known decision."""
        entry = self._entries.get(ordinal)
        if entry is None:
            value = self._state.get(_key(ordinal))
            if value is None:
                raise CroupierError(
                    f"the joiner's state has no decision with ordinal {ordinal}, which its index holds: the state was "
                    "changed by somebody else; restart the worker, which reads it anew"
                )
            entry = self._entries[ordinal] = decode_entry(value)
        return entry

    def touch(self, ordinal: int) -> None:
        """Note that the entry was changed in place."""
        self._changed.add(ordinal)

    def end(self, ordinal: int, entry: Open) -> None:
        """Keep only what must be remembered of a decision whose outcome ended."""
        self._open.remove(ordinal)
        self._entries[ordinal] = Done(entry.name, entry.decided_at, entry.horizon_ms, tuple(entry.observations))
        self._changed.add(ordinal)
        heappush(self._forgettable, (_at(entry.deadline, ordinal), entry.name))

    def earliest_deadline(self) -> int | None:
        """The first deadline of an outcome that has not ended."""
        deadlines = self._deadlines
        while deadlines:
            if deadlines[0] & _ORDINAL_MASK in self._open:
                return deadlines[0] >> _ORDINAL_BITS
            heappop(deadlines)
        return None

    def due(self, before: int) -> Iterator[tuple[int, Open]]:
        """Decisions whose deadline is less than `before`; each must be ended before the next is asked for."""
        deadlines, limit = self._deadlines, _at(before, 0)
        while deadlines and deadlines[0] < limit:
            ordinal = heappop(deadlines) & _ORDINAL_MASK
            if ordinal in self._open:
                entry = self.entry(ordinal)
                assert type(entry) is Open
                yield ordinal, entry

    def forget(self, before: int) -> None:
        """Forget the ended decisions whose deadline is less than `before`."""
        forgettable, limit = self._forgettable, _at(before, 0)
        while forgettable and forgettable[0][0] < limit:
            moment, name = heappop(forgettable)
            ordinal = moment & _ORDINAL_MASK
            if self._latest[name] == ordinal:
                del self._latest[name]
            else:
                self._older[name].remove(ordinal)
                if not self._older[name]:
                    del self._older[name]
            self._entries.pop(ordinal, None)
            self._changed.discard(ordinal)
            if ordinal in self._unstored:
                self._unstored.remove(ordinal)
            else:
                self._stale.append(_key(ordinal))

    def flush(self) -> None:
        """Put what changed into the state, and keep in memory no more than was asked for."""
        state, entries = self._state, self._entries
        for ordinal in sorted(self._changed):
            state.put(_key(ordinal), encode(entries[ordinal]))
        for key in self._stale:
            state.delete(key)
        self._changed.clear()
        self._unstored.clear()
        self._stale.clear()
        for ordinal in list(islice(entries, max(0, len(entries) - self._cached))):
            del entries[ordinal]

    def _know(self, name: str, ordinal: int) -> None:
        before = self._latest.get(name)
        if before is not None:
            self._older.setdefault(name, []).append(before)
        self._latest[name] = ordinal


def _key(ordinal: int) -> bytes:
    return _PREFIX + ordinal.to_bytes(8, "big")


def _at(moment: int, ordinal: int) -> int:
    return moment << _ORDINAL_BITS | ordinal
