"""Records as rows: the columns of each exported topic."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from schemas import observations as names
from schemas import wire
from schemas.errors import BadRecordError
from schemas.events import Decision, Kpi, Outcome, SpecChange
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.sums import COUNTS, SUMS

Row = dict[str, Any]

_TIME: Final = pa.timestamp("ms", tz="UTC")
_FLOATS: Final = pa.list_(pa.float32())
_NAMES: Final = pa.list_(pa.string())
#: Observations with a column of their own; all of them are in `observations`.
OBSERVED: Final = (
    names.SUCCESS, names.QUALITY, names.COST, names.LATENCY_MS, names.ERROR, names.FALLBACK, names.UNFOLLOWED,
    names.THUMBS,
)  # fmt: skip

_DECISION: Final = (
    ("tenant", pa.string()), ("domain", pa.string()), ("decision", pa.string()), ("arm", pa.string()),
    ("propensity", pa.float32()), ("arms", _NAMES), ("propensities", _FLOATS), ("scores", _FLOATS),
    ("features", _FLOATS), ("policy", pa.string()), ("spec", pa.int64()), ("unit", pa.string()),
    ("after", pa.string()), ("chain", pa.float64()), ("horizon_ms", pa.int64()),
    ("restrictions", pa.map_(pa.string(), pa.string())),
)  # fmt: skip

SCHEMAS: Final[Mapping[str, pa.Schema]] = {
    "decisions": pa.schema([("offset", pa.int64()), ("time", _TIME), *_DECISION]),
    "outcomes": pa.schema(
        [
            ("offset", pa.int64()), ("time", _TIME), ("type", pa.string()), *_DECISION, ("ordinal", pa.int64()),
            ("ended", pa.string()), ("decided_at", _TIME), ("ended_at", _TIME),
            *((name, pa.float64()) for name in OBSERVED),
            ("observations", pa.map_(pa.string(), pa.float64())), ("version", pa.int64()), ("record", pa.binary()),
        ]
    ),
    "kpis": pa.schema(
        [
            ("offset", pa.int64()), ("time", _TIME), ("dropped", pa.bool_()), ("tenant", pa.string()),
            ("domain", pa.string()), ("arm", pa.string()), ("policy", pa.string()), ("spec", pa.int64()),
            ("granularity", pa.string()), ("start", _TIME), ("applied", pa.int64()),
            *((name, pa.int64() if name in COUNTS else pa.float64()) for name in SUMS),
            ("price", pa.float64()), ("baseline", pa.bool_()),
            *((name, pa.map_(pa.int32(), pa.int64())) for name in ("latency_ms", "feedback_ms")),
        ]
    ),
}  # fmt: skip
TOPICS: Final = tuple(SCHEMAS)


def row_of(topic: str, record: Any) -> Row | None:
    """A record's row; None: it says nothing (a clock), or is no record of this release."""
    found = _ROWS[topic](record)
    return None if found is None else {"offset": record.offset, "time": record.timestamp, **found}


def table_of(topic: str, rows: list[Row]) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_pylist(rows, SCHEMAS[topic])


def _decoded(topic: str, value: bytes | None) -> Any:
    try:
        return wire.decode(topic, value)
    except BadRecordError:
        return None


def _decision(record: Any) -> Row | None:
    event = _decoded("decisions", record.value)
    return _of_decision(event) if isinstance(event, Decision) else None


def _of_decision(decision: Decision) -> Row | None:
    if decision.choice >= len(decision.arms):
        return None
    propensities = _floats(decision.propensities)
    return {
        "tenant": decision.tenant,
        "domain": decision.domain,
        "decision": decision.id,
        "arm": decision.arm,
        "propensity": propensities[decision.choice] if decision.choice < len(propensities) else None,
        "arms": decision.arms,
        "propensities": propensities,
        "scores": _floats(decision.scores),
        "features": _floats(decision.features),
        "policy": decision.policy,
        "spec": decision.spec,
        "unit": decision.unit,
        "after": decision.after,
        "chain": decision.chain,
        "horizon_ms": decision.horizon_ms,
        "restrictions": list((decision.restrictions or {}).items()),
    }


def _outcome(record: Any) -> Row | None:
    event = _decoded("outcomes", record.value)
    if isinstance(event, SpecChange):
        return {
            "type": "specification", "tenant": event.tenant, "domain": event.domain, "version": event.version,
            "record": record.value,
        }  # fmt: skip
    if not isinstance(event, Outcome) or (found := _of_decision(event.decision)) is None:
        return None
    return {
        "type": "outcome",
        **found,
        "ordinal": event.ordinal,
        "ended": event.ended,
        "decided_at": event.decided_at_ms,
        "ended_at": event.ended_at_ms,
        **{name: event.observations.get(name) for name in OBSERVED},
        "observations": list(event.observations.items()),
        "record": record.value,
    }


def _kpi(record: Any) -> Row | None:
    if record.value is None:
        try:
            bucket = BucketId.of_record_key(record.key or b"")
        except ValueError:
            return None
        return {"dropped": True, **bucket._asdict(), "start": 1000 * bucket.start}
    event = _decoded("kpis", record.value)
    if not isinstance(event, Kpi):
        return None
    found = {name: getattr(event, name) for name in event.__struct_fields__}
    return {**found, "dropped": False, "start": 1000 * event.start}


def _floats(packed: bytes) -> list[float]:
    found: list[float] = np.frombuffer(packed[: len(packed) // 4 * 4], "<f4").tolist()
    return found


_ROWS: Final[Mapping[str, Callable[[Any], Row | None]]] = {
    "decisions": _decision,
    "outcomes": _outcome,
    "kpis": _kpi,
}
