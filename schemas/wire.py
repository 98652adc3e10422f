"""Bytes to events and back, with validation while decoding."""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from .errors import BadRecordError, Reason
from .events import (
    MAX_EVENT_BYTES,
    Audit,
    Clock,
    Context,
    DeadLetter,
    Decision,
    FleetStatistics,
    HourlyKpi,
    Kpi,
    Outcome,
    Reward,
    SpecChange,
)
from .observations import COST, ERROR, LATENCY_MS, SUCCESS

#: Which records a topic may hold.  A breaking change adds a struct to the union.
TYPES: Final[Mapping[str, Any]] = {
    "contexts": Context,
    "decisions": Decision | Clock,
    "rewards": Reward | Clock,
    "outcomes": Outcome | SpecChange,
    "kpis": Kpi | HourlyKpi,
    "specs": SpecChange,
    "fleet": FleetStatistics,
    "dead-letters": DeadLetter,
    "audit": Audit,
}

DECODERS: Final[Mapping[str, msgspec.msgpack.Decoder[Any]]] = {
    name: msgspec.msgpack.Decoder(type_) for name, type_ in TYPES.items()
}

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode

#: Components whose values are not free: reason to refuse a reward rather than learn from it.
_NOT_NEGATIVE = (COST, LATENCY_MS)
_SHARES = (SUCCESS, ERROR)

_TAGS: Final[Mapping[str, frozenset[str]]] = {
    "contexts": frozenset({"context.1"}),
    "decisions": frozenset({"decision.1", "clock.1"}),
    "rewards": frozenset({"reward.1", "clock.1"}),
    "outcomes": frozenset({"outcome.1", "spec.1"}),
    "kpis": frozenset({"kpi.1", "kpi.2"}),
    "specs": frozenset({"spec.1"}),
    "fleet": frozenset({"fleet.1"}),
    "dead-letters": frozenset({"dead_letter.1"}),
    "audit": frozenset({"audit.1"}),
}
_LIMITED = frozenset({"contexts", "decisions", "rewards"})


def decode(topic: str, value: bytes | None) -> Any:
    """The event in a record of `topic` (its name in the table); BadRecordError says what is wrong with it."""
    if value is None:
        raise BadRecordError(Reason.INVALID, f"a record of {topic} has no value")
    if topic in _LIMITED and len(value) > MAX_EVENT_BYTES:
        raise BadRecordError(Reason.TOO_LARGE, f"{len(value)} bytes; at most {MAX_EVENT_BYTES} are accepted")
    try:
        event = DECODERS[topic].decode(value)
    except msgspec.ValidationError as error:
        raise _explain(topic, value, error) from None
    except msgspec.DecodeError as error:
        raise BadRecordError(Reason.NOT_MESSAGEPACK, f"{error} ({len(value)} bytes)") from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise BadRecordError(Reason.NOT_MESSAGEPACK, str(error)) from None
    if type(event) is Reward:
        check_reward(event)
    return event


def check_reward(reward: Reward) -> None:
    """Values that MessagePack can carry and nobody should learn from."""
    if not reward.observations:
        raise BadRecordError(Reason.INVALID, "a reward without observations")
    for name, value in reward.observations.items():
        if not math.isfinite(value):
            raise BadRecordError(Reason.INVALID, f"{name} is {value}; a finite number is expected")
        if name in _NOT_NEGATIVE and value < 0:
            raise BadRecordError(Reason.INVALID, f"{name} is {value}; it must not be negative")
        if name in _SHARES and not 0 <= value <= 1:
            raise BadRecordError(Reason.INVALID, f"{name} is {value}; it must be from 0 to 1")


def _explain(topic: str, value: bytes, error: msgspec.ValidationError) -> BadRecordError:
    """Tell an unknown type and an unknown version from a field that is wrong."""
    try:
        head = msgspec.msgpack.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BadRecordError(Reason.NOT_MESSAGEPACK, str(error))
    if not isinstance(head, list) or not head or not isinstance(head[0], str):
        return BadRecordError(
            Reason.UNKNOWN_TYPE,
            f"a record of {topic} is an array that begins with its type, e.g. {min(_TAGS[topic])!r}",
        )
    tag = head[0]
    if tag in _TAGS[topic]:
        return BadRecordError(Reason.INVALID, str(error))
    kind = tag.rpartition(".")[0]
    known = sorted(_TAGS[topic])
    if any(each.rpartition(".")[0] == kind for each in known):
        return BadRecordError(Reason.UNKNOWN_VERSION, f"{tag[:80]!r}; this reader knows {', '.join(known)}")
    return BadRecordError(Reason.UNKNOWN_TYPE, f"{tag[:80]!r} in {topic}; expected {', '.join(known)}")
