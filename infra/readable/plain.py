"""Events as plain data that JSON can carry, for programs.

Packed float32 become lists of numbers, other bytes base64, and numbers that JSON does not have (NaN, infinities) null.
"""

import base64
import math
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Context, DeadLetter, Decision

from .characters import key_text

#: Byte strings that hold little-endian float32, by event.
_PACKED: Final[dict[type, tuple[str, ...]]] = {
    Context: ("features",),
    Decision: ("propensities", "scores", "features"),
}


def plain_record(topic: str, record: Any) -> dict[str, Any]:
    """A record of a topic (its name in `schemas.topics`): where and when it is, and its event or what is wrong."""
    found: dict[str, Any] = {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "time": iso(record.timestamp),
        "timestamp_ms": record.timestamp,
        "key": key_text(record.key),
    }
    try:
        event = wire.decode(topic, record.value)
    except BadRecordError as error:
        value = None if record.value is None else _base64(record.value)
        return {**found, "error": {"reason": error.reason.value, "detail": error.detail}, "value": value}
    return {**found, "type": tag(event), "event": plain(event)}


def plain(event: Any) -> dict[str, Any]:
    """An event's fields."""
    packed = _PACKED.get(type(event), ())
    fields: dict[str, Any] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        fields[name] = floats(value) if name in packed else _plain(value)
    if isinstance(event, Decision):
        fields["arm"] = arm_of(event)
    if isinstance(event, DeadLetter):
        fields["key"] = key_text(event.key)
    return fields


def tag(event: Any) -> str:
    """Type and version as on the wire, e.g. "decision.1"."""
    return str(event.__struct_config__.tag)


def arm_of(decision: Decision) -> str | None:
    """The chosen arm; None when the record's choice is no index into its arms."""
    return decision.arm if decision.choice < len(decision.arms) else None


def floats(packed: bytes) -> list[float | None] | str:
    """Little-endian float32 as the shortest numbers that are them; base64 of bytes that are no whole number of them."""
    if len(packed) % 4:
        return _base64(packed)
    return [float(str(value)) if math.isfinite(value) else None for value in np.frombuffer(packed, "<f4")]


def iso(timestamp_ms: int) -> str:
    """Milliseconds since 1970 as UTC, e.g. "2026-03-01T12:00:00.123Z"."""
    try:
        moment = datetime.fromtimestamp(timestamp_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a year that the calendar does not have
        return f"{timestamp_ms} ms"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return _base64(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, msgspec.Struct):
        return plain(value)
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
