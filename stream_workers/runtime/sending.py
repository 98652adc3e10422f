"""aiokafka's sender, whose requests are put together once instead of once per level of nesting.

aiokafka joins the bytes of a request at every level: a record batch is copied eight times on its way to the socket.
Here the pieces are collected and joined once; the bytes are the same.  And a batch before which none waits is handed
over without a task of its own.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer import sender as upstream
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.types import Array, Bytes, Int32, Schema

from .upstream import seeing


def encoded(struct: Any) -> bytes:
    """What `struct.encode()` gives."""
    pieces: list[Any] = []
    _collect(struct.SCHEMA, [getattr(struct, name) for name in struct.SCHEMA.names], pieces)
    return b"".join(pieces)


def _collect(kind: Any, value: Any, pieces: list[Any]) -> None:
    if isinstance(kind, Schema):
        for field, part in zip(kind.fields, value, strict=True):
            _collect(field, part, pieces)
    elif isinstance(kind, Array) and value is not None:
        pieces.append(Int32.encode(len(value)))
        for item in value:
            _collect(kind.array_of, item, pieces)
    elif kind is Bytes and value is not None:
        pieces += (Int32.encode(len(value)), value)
    else:
        pieces.append(kind.encode(value))


_encoding_once: dict[type[Any], type[Any]] = {}


def _let_encode_once(struct: Any) -> None:
    """Give the request a class with our `encode`.

    An attribute of the request itself would be a circle, in which the records stay until the garbage collector comes.
    """
    kind = type(struct)
    if kind not in _encoding_once:
        _encoding_once[kind] = type(kind.__name__, (kind,), {"encode": encoded})
    struct.__class__ = _encoding_once[kind]


class OncePutTogether(ProduceRequest):
    """A produce request of whatever version the broker takes."""

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """The request in the broker's version."""
        struct = super().prepare(versions)
        _let_encode_once(struct)
        return struct


class Handler(upstream.SendProduceReqHandler):
    """Sends batches."""

    create_request = seeing(upstream.SendProduceReqHandler.create_request, ProduceRequest=OncePutTogether)


class Sender(upstream.Sender):
    """aiokafka's sender with `Handler`."""

    _send_produce_req = seeing(upstream.Sender._send_produce_req, SendProduceReqHandler=Handler)


def put_together_once(producer: Any) -> None:
    """Let a producer that was not started yet send that way."""
    assert type(producer._sender) is upstream.Sender
    producer._sender.__class__ = Sender


def handed_over(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> "asyncio.Future[Any] | None":
    """What `send_batch` returns, where it would wait for nothing; None where it would, and the batch is not taken."""
    accumulator, tp = producer._message_accumulator, TopicPartition(topic, partition)
    if accumulator._closed or accumulator._exception is not None or accumulator._batches.get(tp):
        return None
    if partition not in (producer.client.cluster.partitions_for_topic(topic) or ()):
        return None
    return asyncio.shield(accumulator._append_batch(batch, tp).future)
