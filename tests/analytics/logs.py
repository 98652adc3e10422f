"""Outcomes partitions for tests: records, runs of the processor over them, and the same computed naively."""

import itertools
import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from hypothesis import strategies as st

from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.errors import BadRecordError, Reason
from schemas.events import Decision, Kpi, Outcome, SpecChange
from schemas.wire import decode, encode
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.processor import AnalyticsProcessor
from stream_workers.runtime.stage import MemoryState, Record

HOUR_MS = 3_600_000
NOON_MS = 1_760_000_400_000 // HOUR_MS * HOUR_MS
ARMS = ("small", "large", "a/b")


@dataclass(frozen=True)
class LogRecord:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def specification(tenant="guild", domain="routing", default_reward=0.25, **components: Component) -> DomainSpec:
    components = components or {
        "success": Component(weight=2.0, required=True),
        "latency_ms": Component(weight=0.7, worst=3000.0, best=100.0),
        "cost": Component(weight=0.3, worst=0.02, best=0.0),
    }
    return DomainSpec(
        tenant=tenant,
        domain=domain,
        features=2,
        arms=tuple(Arm(name) for name in ARMS),
        reward=components,
        champion=LearnerSpec("first", "uniform"),
        default_reward=default_reward,
    )


def change(spec: DomainSpec, version=1, *, removed=False) -> SpecChange:
    return SpecChange(version, spec.tenant, spec.domain, None if removed else spec)


def outcome(ordinal, observations=None, *, tenant="guild", domain="routing", choice=0, decided_at_ms=NOON_MS):
    decision = Decision(
        id=f"decision-{ordinal}",
        tenant=tenant,
        domain=domain,
        arms=ARMS,
        choice=choice,
        propensities=np.full(len(ARMS), 1 / len(ARMS), "<f4").tobytes(),
        scores=np.zeros(len(ARMS), "<f4").tobytes(),
        features=np.zeros(2, "<f4").tobytes(),
        policy="first",
        spec=1,
        learned=0,
        horizon_ms=60_000,
        awaited=("success",),
        context_offset=ordinal,
    )
    return Outcome(ordinal, "horizon", decided_at_ms, decided_at_ms + 60_000, observations or {}, ordinal, decision)


def log(events: Sequence[Outcome | SpecChange], first_offset=0) -> list[LogRecord]:
    """The partition that holds `events`, keyed as they should be."""
    records = []
    for offset, event in enumerate(events, first_offset):
        tenant = event.tenant if isinstance(event, SpecChange) else event.decision.tenant
        records.append(LogRecord(offset, NOON_MS + offset, tenant.encode(), encode(event)))
    return records


class Run:
    """A processor on state in memory that can crash: what was put, emitted and dead-lettered, at each checkpoint."""

    def __init__(self, cached_buckets=4096) -> None:
        self.cached_buckets = cached_buckets
        self.durable: dict[bytes, bytes] = {}
        self.applied = 0
        self.kpis: list[Kpi] = []
        self.keys: list[bytes] = []
        self.dead: list[tuple[Record, BadRecordError]] = []
        self.start()

    def start(self) -> None:
        """Begin anew from the last checkpoint, as after a crash."""
        self.state = MemoryState()
        self.state.items = dict(self.durable)
        self.position = self.applied
        self.processor = AnalyticsProcessor(3, self.state, self._emit, self._dead, self.cached_buckets)

    def apply(self, records: Sequence[Record]) -> None:
        self.processor.apply("outcomes", records)
        self.position += len(records)

    def checkpoint(self) -> None:
        self.processor.flush()
        self.durable = dict(self.state.items)
        self.applied = self.position

    def whole(self, records: Sequence[Record]) -> "Run":
        self.apply(records)
        self.checkpoint()
        return self

    def last(self) -> dict[BucketId, Kpi]:
        """The last record of each bucket."""
        return {BucketId(kpi.hour, kpi.tenant, kpi.domain, kpi.arm): kpi for kpi in self.kpis}

    def reasons(self) -> list[Reason]:
        return [error.reason for _, error in self.dead]

    def _emit(self, topic: str, key: bytes, value: bytes) -> None:
        assert topic == "kpis"
        kpi = decode(topic, value)
        assert key == kpi.tenant.encode()
        self.keys.append(key)
        self.kpis.append(kpi)

    def _dead(self, topic: str, record: Record, error: BadRecordError) -> None:
        assert topic == "outcomes"
        self.dead.append((record, error))


def naive_reward(spec: DomainSpec, observations: dict[str, float]) -> tuple[float, bool]:
    """The reward's definition, one component after another."""
    if any(part.required and name not in observations for name, part in spec.reward.items()):
        return spec.default_reward, False
    weighted = weight = 0.0
    for name, part in spec.reward.items():
        share = spec.default_reward
        if name in observations:
            share = min(max((observations[name] - part.worst) / (part.best - part.worst), 0.0), 1.0)
        weighted += part.weight * share
        weight += part.weight
    return weighted / weight, True


def naive_arm(event: Outcome) -> str:
    """Whose interaction it is: what was not followed is of whoever answered, where that is known."""
    arms = dict(enumerate(event.decision.arms))
    if event.observations.get("unfollowed"):
        return arms.get(event.observations.get("answered_by"), event.decision.arm)
    return event.decision.arm


def naive_buckets(records: Sequence[LogRecord]) -> dict[BucketId, dict[str, object]]:
    """Every bucket's columns, computed with lists, from a partition without bad records."""
    specs, seen = {}, set()
    rows = defaultdict(list)
    for record in records:
        event = decode("outcomes", record.value)
        if isinstance(event, SpecChange):
            key = (event.tenant, event.domain)
            if key not in specs or event.version > specs[key][0]:
                specs[key] = (event.version, event.spec)
            continue
        _, spec = specs.get((event.decision.tenant, event.decision.domain), (None, None))
        if event.ordinal in seen:
            continue
        seen.add(event.ordinal)
        if spec is None:
            continue
        hour = event.decided_at_ms // 1000 - event.decided_at_ms // 1000 % 3600
        bucket = BucketId(hour, event.decision.tenant, event.decision.domain, naive_arm(event))
        rows[bucket].append((event.observations, *naive_reward(spec, event.observations), record.offset))
    return {bucket: _columns(members) for bucket, members in rows.items()}


def _columns(members):
    def values(name):
        return [observations[name] for observations, *_ in members if name in observations]

    columns = {
        "interactions": len(members),
        "with_feedback": sum(complete for _, _, complete, _ in members),
        "reward_sum": sum(reward for _, reward, _, _ in members),
        "unfollowed": sum(value > 0 for value in values("unfollowed")),
        "latency_ms": values("latency_ms"),
        "applied": members[-1][3] + 1,
    }
    for name in ("cost", "success", "error"):
        # Not sum(): it compensates rounding since Python 3.12, and the order of the log is what is claimed.
        columns |= {f"{name}_sum": reduce(operator.add, values(name), 0.0), f"{name}_count": len(values(name))}
    return columns


def lower_percentile(values: Sequence[float], q: float) -> float | None:
    return float(np.percentile(values, 100 * q, method="lower")) if values else None


observations = st.fixed_dictionaries(
    {},
    optional={
        "success": st.sampled_from([0.0, 1.0]) | st.floats(0, 1),
        "error": st.sampled_from([0.0, 1.0]),
        "cost": st.floats(0, 0.05),
        "latency_ms": st.just(0.0) | st.floats(0.01, 1e6),
        "thumbs": st.floats(-1, 1),
        "unfollowed": st.sampled_from([0.0, 1.0, 0.5]),
        "answered_by": st.sampled_from([-1.0, 0.0, 1.0, 0.5, 99.0]),
    },
)


@st.composite
def event_lists(draw, max_size=30) -> list[Outcome | SpecChange]:
    """Outcomes of two tenants in three hours among changes of specification; ordinals in any order, none twice."""
    numbers = itertools.count()
    specs = st.builds(
        specification,
        tenant=st.sampled_from(["guild", "other"]),
        default_reward=st.sampled_from([0.0, 0.25, 1.0]),
        success=st.builds(Component, weight=st.floats(0.1, 5), required=st.booleans()),
        latency_ms=st.builds(Component, weight=st.floats(0.1, 5), worst=st.just(900.0), best=st.just(20.0)),
    )
    kinds: list[Callable[[], st.SearchStrategy]] = [
        lambda: st.builds(change, specs, st.integers(1, 9), removed=st.sampled_from([False, False, False, True])),
        lambda: st.builds(
            outcome,
            st.just(next(numbers)),
            observations,
            tenant=st.sampled_from(["guild", "other"]),
            choice=st.integers(0, len(ARMS) - 1),
            decided_at_ms=st.integers(NOON_MS - HOUR_MS, NOON_MS + 2 * HOUR_MS - 1),
        ),
    ]
    size = draw(st.integers(0, max_size))
    chosen = [draw(kinds[draw(st.sampled_from([0, 1, 1, 1, 1]))]()) for _ in range(size)]
    return [change(specification(), version=0), *draw(st.permutations(chosen))]
