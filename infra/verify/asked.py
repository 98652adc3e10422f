"""The contexts of one partition, by tenant and id: an id that is asked for again is the same request."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from schemas.events import Context

from .record import LogRecord
from .table import Table


class Asked(Struct, array_like=True, gc=False):
    """A well-formed context: its first record."""

    domain: str
    offset: int
    timestamp: int
    decided: bool = False
    refused: bool = False


_encode = Encoder().encode
_decode = Decoder(Asked).decode
_decode_key = Decoder(tuple[str, str]).decode


class Contexts:
    """What was asked for, in `table`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._count = 0

    def __len__(self) -> int:
        """Distinct requests."""
        return self._count

    def take(self, record: LogRecord, context: Context, refused: bool) -> None:
        """Take the next context record."""
        key = _encode((context.tenant, context.id))
        value = self._table.get(key)
        if value is None:
            self._count += 1
            asked = Asked(context.domain, record.offset, record.timestamp, refused=refused)
        elif refused:
            asked = _decode(value)
            asked.refused = True
        else:
            return
        self._table.put(key, _encode(asked))

    def decide(self, tenant: str, context_id: str) -> Asked | None:
        """Note a decision; the context as it was before, or None when nobody asked."""
        key = _encode((tenant, context_id))
        value = self._table.get(key)
        if value is None:
            return None
        asked = _decode(value)
        if not asked.decided:
            self._table.put(key, _encode(Asked(asked.domain, asked.offset, asked.timestamp, True, asked.refused)))
        return asked

    def all(self) -> Iterator[tuple[str, str, Asked]]:
        """Tenant, id and context."""
        for key, value in self._table.scan():
            tenant, context_id = _decode_key(key)
            yield tenant, context_id, _decode(value)
