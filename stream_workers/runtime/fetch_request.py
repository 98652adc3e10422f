"""Kafka's fetch request and response (version 11), written and read without a call per field.

A worker asks for dozens of partitions at once and most have nothing: field by field, as aiokafka does it, that costs
more than all that is done with the records of a quiet moment.  A record batch is passed on as a view of the response.
"""

import struct
from io import BytesIO
from typing import Any, ClassVar, Final, Self

from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11, FetchResponse_v11

_VERSION: Final = 11

_REQUEST: Final = struct.Struct(">iiiibiii")  # replica, wait, least and most bytes, isolation, session, epoch, topics
_ASKED: Final = struct.Struct(">iiqqi")  # partition, leader epoch, fetch offset, log start offset, most bytes
_ANSWER: Final = struct.Struct(">ihii")  # throttled ms, error, session, topics
_FOUND: Final = struct.Struct(">ihqqqi")  # partition, error, high water, last stable, log start, aborted transactions
_ABORTED: Final = struct.Struct(">qq")  # producer, first offset
_RECORDS: Final = struct.Struct(">ii")  # preferred replica, bytes
_COUNT: Final = struct.Struct(">i")
_SIZE: Final = struct.Struct(">h")
_CONSUMER, _NO_EPOCH, _NO_OFFSET, _NO_SESSION, _LAST_EPOCH = -1, -1, -1, 0, -1


class Answer:
    """Takes the place of aiokafka's `FetchResponse_v11`; topics as there, its message sets views of the response."""

    API_VERSION: ClassVar = _VERSION

    def __init__(self, error_code: int, topics: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
        self.error_code = error_code
        self.topics = topics

    @classmethod
    def decode(cls, response: BytesIO) -> Self:
        """Read a response from where its header ends.  struct.error: it ends too soon."""
        data = response.getbuffer()
        at = response.tell()
        _, error_code, _, count = _ANSWER.unpack_from(data, at)
        at += _ANSWER.size
        topics = []
        for _ in range(count):
            (size,) = _SIZE.unpack_from(data, at)
            at += _SIZE.size + size
            name = str(data[at - size : at], "utf-8")
            (parts,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            found: list[tuple[Any, ...]] = []
            for _ in range(parts):
                partition, error, high_water, stable, begin, aborted = _FOUND.unpack_from(data, at)
                at += _FOUND.size
                transactions = None
                if aborted >= 0:
                    transactions = [_ABORTED.unpack_from(data, at + _ABORTED.size * each) for each in range(aborted)]
                    at += _ABORTED.size * aborted
                replica, size = _RECORDS.unpack_from(data, at)
                at += _RECORDS.size
                records = None if size < 0 else data[at : at + size]
                at += max(size, 0)
                if at > len(data):
                    raise struct.error(f"a fetch response of {len(data)} bytes goes on until {at}")
                found.append((partition, error, high_water, stable, begin, transactions, replica, records))
            topics.append((name, found))
        return cls(error_code, topics)

    def __repr__(self) -> str:
        return f"fetch response, {len(self.topics)} topics"


class _Asked(FetchRequest_v11):
    """The request in version 11."""

    RESPONSE_TYPE = Answer

    def __init__(self, request: "ColumnFetchRequest") -> None:
        self._request = request

    def encode(self) -> bytes:
        """The bytes that `FetchRequest_v11` gives."""
        asked = self._request
        pieces = [
            _REQUEST.pack(
                _CONSUMER, asked._max_wait_ms, asked._min_bytes, asked._max_bytes, asked._isolation_level,
                _NO_SESSION, _LAST_EPOCH, len(asked._topics),
            )
        ]  # fmt: skip
        for topic, partitions in asked._topics:
            name = topic.encode()
            pieces += (_SIZE.pack(len(name)), name, _COUNT.pack(len(partitions)))
            pieces += [_ASKED.pack(part, _NO_EPOCH, at, _NO_OFFSET, most) for part, at, most in partitions]
        rack = asked._rack_id.encode()
        pieces += (_COUNT.pack(0), _SIZE.pack(len(rack)), rack)
        return b"".join(pieces)

    def __repr__(self) -> str:
        return f"fetch request, {len(self._request._topics)} topics"


class ColumnFetchRequest(FetchRequest):
    """Takes the place of aiokafka's `FetchRequest`."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """The request in the broker's version: ours, if it is 11."""
        least, most = versions.get(self.API_KEY, (0, 0))
        return _Asked(self) if least <= _VERSION <= most else super().prepare(versions)


assert FetchRequest_v11.API_VERSION == FetchResponse_v11.API_VERSION == _VERSION
