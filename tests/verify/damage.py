"""Ways to damage a good deployment, each with the finding that it must lead to: its kind, and its place."""

import random
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from infra.verify.findings import Fault, Place
from infra.verify.record import LogRecord
from schemas import wire
from schemas.events import Clock, Context, Decision, Kpi, Outcome
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.sums import SUMS
from stream_workers.runtime.changelog import Replay, is_control, stamp_of

from .logs import DOMAIN, FEATURES
from .offline import AWAY, CHANGELOGS, HOME, STRANGER, Offline


class Expected(NamedTuple):
    """What must be found."""

    fault: Fault
    place: Place


#: Damages in place; None when there is nothing in it to damage.  The name says what is done.
Damage = Callable[[Offline, random.Random], Expected | None]
DAMAGES: dict[str, Damage] = {}


def damage(function: Damage) -> Damage:
    DAMAGES[function.__name__] = function
    return function


def events(found: Offline, topic: str, kind: type) -> list[tuple[LogRecord, object]]:
    """Sound records of a kind."""
    return [
        (record, event)
        for record in found.logs[topic][HOME]
        if record.value != b"\xc1" and isinstance(event := wire.decode(topic, record.value), kind)
    ]


def first_outcomes(found: Offline) -> list[tuple[LogRecord, Outcome]]:
    """The first record with each ordinal."""
    first: dict[int, tuple[LogRecord, Outcome]] = {}
    for record, event in events(found, "outcomes", Outcome):
        assert isinstance(event, Outcome)
        first.setdefault(event.ordinal, (record, event))
    return list(first.values())


@damage
def a_dropped_decision(found: Offline, rng: random.Random) -> Expected | None:
    """All records of a decision become ones that say nothing."""
    made = events(found, "decisions", Decision)
    if not made:
        return None
    chosen = rng.choice(made)[1]
    assert isinstance(chosen, Decision)
    for record, event in made:
        if (event.tenant, event.id) == (chosen.tenant, chosen.id):  # type: ignore[attr-defined]
            found.alter("decisions", record, wire.encode(Clock()))
    asked = next(
        record.offset
        for record, event in events(found, "contexts", Context)
        if (event.tenant, event.id) == (chosen.tenant, chosen.id)  # type: ignore[attr-defined]
    )
    return Expected(Fault.DECISION_LOST, Place("contexts", HOME, asked))


@damage
def a_doubled_outcome(found: Offline, rng: random.Random) -> Expected | None:
    """One more, with the next ordinal."""
    made = first_outcomes(found)
    if not made:
        return None
    record, event = rng.choice(made)
    again = found.append("outcomes", record._replace(value=wire.encode(replace(event, ordinal=len(made)))))
    return Expected(Fault.OUTCOME_DOUBLED, Place("outcomes", HOME, again.offset))


@damage
def an_altered_outcome(found: Offline, rng: random.Random) -> Expected | None:
    """Another ending."""
    made = first_outcomes(found)
    if not made:
        return None
    record, event = rng.choice(made)
    found.alter("outcomes", record, wire.encode(replace(event, ended_at_ms=event.ended_at_ms + 1)))
    return Expected(Fault.OUTCOME_WRONG, Place("outcomes", HOME, record.offset))


@damage
def a_dropped_dead_letter(found: Offline, rng: random.Random) -> Expected | None:
    """The last of a record that was refused is gone, and no other names it."""
    letters = found.logs["dead-letters"][HOME]
    if not letters:
        return None
    last = wire.decode("dead-letters", letters[-1].value)
    found.logs["dead-letters"][HOME] = [
        record for record in letters
        if (other := wire.decode("dead-letters", record.value)).topic != last.topic or other.offset != last.offset
    ]  # fmt: skip
    if last.topic == "outcomes":
        return None  # of a domain that is not declared: learner and analytics have refused it, which nobody counts
    lost = last.topic == "contexts"
    return Expected(Fault.DECISION_LOST if lost else Fault.RECORD_VANISHED, Place(last.topic, HOME, last.offset))


def newest(found: Offline, topic: str) -> dict[bytes, LogRecord]:
    """The record that counts of each key of a changelog."""
    replay, last, counting = Replay(), {}, {}
    for record in found.logs[topic][HOME]:
        assert record.key is not None
        stamp = stamp_of(record.headers)
        if stamp.rank >= replay.rank and not is_control(record.key):
            last[record.key] = record
        applied = replay.feed(record.offset, record.key, record.value, stamp)
        for key, value in applied.entries if applied else ():
            counting[key] = last[key]
            if value is None:
                del counting[key]
    return counting


def _one_bit(stage: str, fault: Fault) -> Damage:
    def alter(found: Offline, rng: random.Random) -> Expected | None:
        topic = CHANGELOGS[stage]
        counting = newest(found, topic)
        if not counting:
            return None
        record = counting[rng.choice(sorted(counting))]
        value = bytearray(record.value or b"")
        value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
        found.alter(topic, record, bytes(value))
        return Expected(fault, Place(topic, HOME, record.offset))

    alter.__name__ = f"a_bit_of_{stage}_state"
    return damage(alter)


_one_bit("learner", Fault.LEARNER_STATE)
_one_bit("analytics", Fault.ANALYTICS_STATE)
_one_bit("joiner", Fault.JOINER_STATE)


@damage
def another_tenant_s_context(found: Offline, rng: random.Random) -> Expected | None:
    """It is in a partition that is not its tenant's."""
    value = wire.encode(Context("moved", STRANGER, DOMAIN, FEATURES))
    record = found.append("contexts", LogRecord(0, 10_000_000, STRANGER.encode(), value))
    return Expected(Fault.TENANT_MISPLACED, Place("contexts", HOME, record.offset))


@damage
def another_tenant_s_state(found: Offline, rng: random.Random) -> Expected | None:
    """A whole checkpoint of a partition is in another's changelog."""
    topic = rng.choice(sorted(CHANGELOGS.values()))
    moved = [
        (key, found.append(topic, record, AWAY))
        for record in found.logs[topic][HOME]
        if (key := record.key) is not None
    ]
    owned = [record for key, record in moved if key.startswith((b"domain/", b"bucket/", b"d\0")) and record.value]
    counting = newest(found, topic)
    for record in owned:
        if record.key in counting and counting[record.key].value == record.value:
            last = max(each.offset for each in owned if each.key == record.key)
            return Expected(Fault.TENANT_MISPLACED, Place(topic, AWAY, last))
    return None


@damage
def another_tenant_s_open_decision(found: Offline, rng: random.Random) -> Expected | None:
    """The joiner keeps a decision under the name of a tenant who lives elsewhere."""
    topic = CHANGELOGS["joiner"]
    named = [record for key, record in newest(found, topic).items() if key.startswith(b"d") and record.value]
    named = [record for record in named if b"\x04acme" in (record.value or b"")]
    if not named:
        return None
    record = rng.choice(named)
    assert record.value is not None
    found.alter(topic, record, record.value.replace(b"\x04acme", b"\x04" + STRANGER.encode(), 1))
    return Expected(Fault.TENANT_MISPLACED, Place(topic, HOME, record.offset))


def _kpis(found: Offline) -> dict[BucketId, tuple[LogRecord, Kpi]]:
    """The value of each bucket: the first record with its highest `applied`."""
    values: dict[BucketId, tuple[LogRecord, Kpi]] = {}
    for record, event in events(found, "kpis", Kpi):
        assert isinstance(event, Kpi)
        bucket = BucketId.of(event)
        if bucket not in values or values[bucket][1].applied < event.applied:
            values[bucket] = (record, event)
    return values


@damage
def an_altered_kpi(found: Offline, rng: random.Random) -> Expected | None:
    """Any of its figures is another."""
    values = _kpis(found)
    if not values:
        return None
    record, kpi = rng.choice(list(values.values()))
    altered: dict[str, object] = {name: getattr(kpi, name) + 1 for name in (*SUMS, "price")}
    altered |= {"baseline": not kpi.baseline, "latency_ms": (*kpi.latency_ms, (900, 1)), "feedback_ms": ((1, 1),)}
    name = rng.choice(list(altered))
    found.alter("kpis", record, wire.encode(replace(kpi, **{name: altered[name]})))
    return Expected(Fault.KPI_WRONG, Place("kpis", HOME, record.offset))


@damage
def a_kpi_beyond_the_log(found: Offline, rng: random.Random) -> Expected | None:
    """It says that it reflects an outcome that does not change its bucket."""
    values = _kpis(found)
    if not values:
        return None
    record, kpi = rng.choice(list(values.values()))
    later = found.append("kpis", record._replace(value=wire.encode(replace(kpi, applied=kpi.applied + 10_000))))
    return Expected(Fault.KPI_WRONG, Place("kpis", HOME, later.offset))


@damage
def a_kpi_dropped_too_early(found: Offline, rng: random.Random) -> Expected | None:
    """Its records are told to go, and its time has not come."""
    values = _kpis(found)
    if not values:
        return None
    record, _ = rng.choice(list(values.values()))
    later = found.append("kpis", record._replace(value=None))
    return Expected(Fault.KPI_WRONG, Place("kpis", HOME, later.offset))


@damage
def a_kpi_under_another_key(found: Offline, rng: random.Random) -> Expected | None:
    """Compaction would let it take another bucket's place."""
    values = _kpis(found)
    if not values:
        return None
    record, kpi = rng.choice(list(values.values()))
    found.logs["kpis"][HOME] = [
        each._replace(key=kpi.tenant.encode()) if each.offset == record.offset else each
        for each in found.logs["kpis"][HOME]
    ]
    return Expected(Fault.KPI_WRONG, Place("kpis", HOME, record.offset))


@damage
def a_dropped_kpi(found: Offline, rng: random.Random) -> Expected | None:
    """No record of a bucket is left."""
    values = _kpis(found)
    if not values:
        return None
    bucket = rng.choice(list(values))
    found.logs["kpis"][HOME] = [
        record for record, event in events(found, "kpis", Kpi)
        if BucketId.of(event) != bucket  # type: ignore[arg-type]
    ]  # fmt: skip
    return Expected(Fault.KPI_WRONG, Place("kpis", HOME))
