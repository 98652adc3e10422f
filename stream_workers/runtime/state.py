"""A processor's view of its state: what it wrote since the last checkpoint, over what the checkpoint holds."""

import heapq
from collections.abc import Iterable, Iterator

from .changelog import Entry
from .store import PartitionStore


class CheckpointedState:
    """`stage.State` over a `PartitionStore`.  Writes stay in memory until a checkpoint has made them durable."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._dirty: dict[bytes, bytes | None] = {}
        self._leaving: dict[bytes, bytes | None] = {}  # taken by a checkpoint under way

    def get(self, key: bytes) -> bytes | None:
        """The last value put, or None."""
        for layer in (self._dirty, self._leaving):
            if key in layer:
                return layer[key]
        return self._store.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep `value` under `key`."""
        self._dirty[key] = value

    def delete(self, key: bytes) -> None:
        """Forget `key`."""
        self._dirty[key] = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Every key that starts with `prefix`, in order of key."""
        written = {k: v for k, v in {**self._leaving, **self._dirty}.items() if k.startswith(prefix)}
        if not written:  # as after a recovery, when all there is may be read: merging would take as long as reading
            yield from self._store.scan(prefix)
            return
        stored = ((k, v) for k, v in self._store.scan(prefix) if k not in written)
        fresh = ((k, v) for k, v in sorted(written.items(), key=lambda item: item[0]) if v is not None)
        yield from heapq.merge(stored, fresh)

    def take(self) -> list[Entry]:
        """What a checkpoint that begins now must write.  Ends with `taken` or, when it failed, with the process."""
        self._leaving, self._dirty = self._dirty, {}
        return [Entry(key, value) for key, value in self._leaving.items()]

    def taken(self) -> None:
        """The checkpoint is durable and in the store."""
        self._leaving = {}

    def write_again(self, keys: Iterable[bytes]) -> None:
        """Put keys into the next checkpoint as they are, over records in the changelog that do not count."""
        for key in keys:
            if key not in self._dirty:
                self._dirty[key] = self.get(key)
