"""Outcomes partitions for tests: records, runs of the processor over them, and the same computed naively."""

import itertools
import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from hypothesis import strategies as st

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.errors import BadRecordError, Reason
from schemas.events import UNFOLLOWED_ARM, Decision, Kpi, Outcome, SpecChange
from schemas.wire import decode, encode
from stream_workers.analytics.bucket import BucketId
from stream_workers.analytics.processor import AnalyticsProcessor
from stream_workers.runtime.stage import MemoryState, Record

HOUR_MS = 3_600_000
NOON_MS = 1_760_000_400_000 // HOUR_MS * HOUR_MS
ARMS = ("small", "large", "a/b")
LENGTHS = {"minute": 60, "hour": 3600, "day": 86_400}


@dataclass(frozen=True)
class LogRecord:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def specification(
    tenant="guild", domain="routing", default_reward=0.25, budget=None, prices=(0.0, 0.0, 0.0), **components: Component
) -> DomainSpec:
    components = components or {
        "success": Component(weight=2.0, required=True),
        "latency_ms": Component(weight=0.7, worst=3000.0, best=100.0),
        "cost": Component(weight=0.3, worst=0.02, best=0.0),
    }
    return DomainSpec(
        tenant=tenant,
        domain=domain,
        features=2,
        arms=tuple(Arm(name, price) for name, price in zip(ARMS, prices, strict=True)),
        reward=components,
        champion=LearnerSpec("first", "uniform"),
        default_reward=default_reward,
        budget=None if budget is None else Budget(budget),
    )


def change(spec: DomainSpec, version=1, *, removed=False) -> SpecChange:
    return SpecChange(version, spec.tenant, spec.domain, None if removed else spec)


def outcome(
    ordinal, observations=None, *, tenant="guild", domain="routing", choice=0, decided_at_ms=NOON_MS,
    propensities=(0.25, 0.5, 0.25), scores=(0.0, 0.0, 0.0), delay_ms=None, policy="first", spec=1,
):  # fmt: skip
    """delay_ms: until it was complete; None: it ended with its horizon, a minute."""
    decision = Decision(
        id=f"decision-{ordinal}",
        tenant=tenant,
        domain=domain,
        arms=ARMS,
        choice=choice,
        propensities=np.array(propensities, "<f4").tobytes(),
        scores=np.array(scores, "<f4").tobytes(),
        features=np.zeros(2, "<f4").tobytes(),
        policy=policy,
        spec=spec,
        learned=0,
        horizon_ms=60_000,
        awaited=("success",),
        context_offset=ordinal,
    )
    ended = decided_at_ms + (60_000 if delay_ms is None else delay_ms)
    how = "horizon" if delay_ms is None else "complete"
    return Outcome(ordinal, how, decided_at_ms, ended, observations or {}, ordinal, decision)


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
        self.values: dict[BucketId, Kpi | None] = {}
        self.dropped: list[BucketId] = []
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

    def last(self, granularity=None) -> dict[BucketId, Kpi]:
        """The last record of each bucket that has a value, perhaps only of one granularity."""
        return {
            bucket: kpi
            for bucket, kpi in self.values.items()
            if kpi is not None and granularity in {None, bucket.granularity}
        }

    def reasons(self) -> list[Reason]:
        return [error.reason for _, error in self.dead]

    def _emit(self, topic: str, key: bytes, value: bytes) -> None:
        assert topic == "kpis"
        bucket = BucketId.of_record_key(key)
        if value is None:
            self.values[bucket] = None
            self.dropped.append(bucket)
            return
        kpi = decode(topic, value)
        assert bucket == BucketId.of(kpi)
        self.values[bucket] = kpi
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
        return arms.get(event.observations.get("answered_by"), UNFOLLOWED_ARM)
    return event.decision.arm


def expired(granularity: str, start: int, clock_ms: int) -> bool:
    kept_s = {"minute": 48 * 3600, "hour": 90 * 24 * 3600}.get(granularity)
    return kept_s is not None and start + LENGTHS[granularity] + kept_s <= clock_ms // 1000


def naive_buckets(records: Sequence[LogRecord]) -> dict[BucketId, dict[str, object]]:
    """Every bucket's columns, computed with lists, from a partition without bad records.

    Of those that the log's time has not expired at its end.
    """
    specs, seen, clock_ms = {}, set(), 0
    rows, terms = defaultdict(list), defaultdict(list)
    for record in records:
        event = decode("outcomes", record.value)
        if isinstance(event, SpecChange):
            key = (event.tenant, event.domain)
            if key not in specs or event.version > specs[key][0]:
                specs[key] = (event.version, event.spec)
            continue
        decision = event.decision
        _, spec = specs.get((decision.tenant, decision.domain), (None, None))
        if event.ordinal in seen:
            continue
        seen.add(event.ordinal)
        if spec is None:
            continue
        clock_ms = max(clock_ms, event.ended_at_ms)
        reward, complete = naive_reward(spec, event.observations)
        followed = event.observations.get("unfollowed", 0.0) <= 0.0
        scores = np.frombuffer(decision.scores, "<f4").astype(float).clip(0, 1)
        p = np.frombuffer(decision.propensities, "<f4").astype(float)
        for granularity, length in LENGTHS.items():
            start = event.decided_at_ms // 1000 // length * length
            if expired(granularity, start, clock_ms):
                continue

            def bucket(arm, granularity=granularity, start=start, decision=decision):
                return BucketId(
                    granularity, start, decision.tenant, decision.domain, arm, decision.policy, decision.spec
                )

            chosen = bucket(naive_arm(event))
            rows[chosen].append((event, reward, complete, followed, spec, p, record.offset))
            for a, arm in enumerate(decision.arms):
                if followed:
                    drawn = a == decision.choice
                    term = scores[a] + ((reward - scores[a]) / p[a] if drawn else 0.0)
                    terms[bucket(arm)].append((term, reward, record.offset))
    return {
        bucket: _columns(rows[bucket], terms[bucket])
        for bucket in {**rows, **terms}
        if not expired(bucket.granularity, bucket.start, clock_ms)
    }


def _columns(members, terms):
    seen = [event.observations for event, *_ in members]

    def values(name, among=seen):
        return [observations[name] for observations in among if name in observations]

    paid = [member for member in members if "cost" in member[0].observations]
    weighted = [(1 / p[event.decision.choice], event) for event, _, _, followed, _, p, _ in paid if followed]
    columns = {
        "interactions": len(members),
        "observed": sum(map(bool, seen)),
        "with_feedback": sum(complete for _, _, complete, *_ in members),
        "unfollowed": sum(not followed for _, _, _, followed, *_ in members),
        "reward_sum": sum(reward for _, reward, *_ in members),
        "fallback_sum": sum(value > 0 for value in values("fallback")),
        "answered_sum": sum(
            1 - (observations.get("error", 0) if not observations.get("fallback") else 0)
            for observations in seen
            if observations
        ),
        "resolved_sum": sum(values("success")),
        "resolved_count": len(values("success")),
        "paid_resolved_sum": sum(values("success", [event.observations for event, *_ in paid])),
        "explored_sum": sum(1 - max(p) for _, _, _, followed, _, p, _ in members if followed),
        "budget_sum": sum(spec.budget.cost_per_request for _, _, _, _, spec, _, _ in paid if spec.budget),
        "budgeted_cost_sum": sum(event.observations["cost"] for event, _, _, _, spec, _, _ in paid if spec.budget),
        "eligible": len(terms),
        "value_sum": sum(term for term, _, _ in terms),
        "value_squares": sum(term**2 for term, _, _ in terms),
        "regret_sum": sum(term - reward for term, reward, _ in terms),
        "regret_squares": sum((term - reward) ** 2 for term, reward, _ in terms),
        "weight_sum": sum(weight for weight, _ in weighted),
        "weight_squares": sum(weight**2 for weight, _ in weighted),
        "weighted_cost_sum": sum(weight * event.observations["cost"] for weight, event in weighted),
        "latencies": values("latency_ms"),
        "delays": [e.ended_at_ms - e.decided_at_ms for e, *_ in members if e.ended == "complete"],
        "applied": max(each[-1] for each in (*members, *terms)) + 1,
    }
    for name in ("cost", "success", "error", "thumbs"):
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
        "thumbs": st.floats(0, 1),
        "fallback": st.sampled_from([0.0, 1.0]),
        "unfollowed": st.sampled_from([0.0, 1.0, 0.5]),
        "answered_by": st.sampled_from([-1.0, 0.0, 1.0, 0.5, 99.0]),
    },
)


@st.composite
def event_lists(draw, max_size=15) -> list[Outcome | SpecChange]:
    """Outcomes of two tenants among changes of specification; ordinals in any order, none twice.

    Times are of three hours, or of months around them, so that minutes and hours expire.
    """
    hours = draw(st.sampled_from([2, 60, 24 * 100]))
    numbers = itertools.count()
    specs = st.builds(
        specification,
        tenant=st.sampled_from(["guild", "other"]),
        default_reward=st.sampled_from([0.0, 0.25, 1.0]),
        budget=st.sampled_from([None, 0.01]),
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
            decided_at_ms=st.integers(NOON_MS - HOUR_MS, NOON_MS + hours * HOUR_MS - 1),
            propensities=st.sampled_from([(0.25, 0.5, 0.25), (0.0625, 0.0625, 0.875)]),
            scores=st.sampled_from([(0.0, 0.0, 0.0), (0.5, 1.25, -0.25)]),
            delay_ms=st.sampled_from([None, 0, 5_000, 59_999]),
            policy=st.sampled_from(["first", "second"]),
            spec=st.sampled_from([1, 2]),
        ),
    ]
    size = draw(st.integers(0, max_size))
    chosen = [draw(kinds[draw(st.sampled_from([0, 1, 1, 1, 1]))]()) for _ in range(size)]
    return [change(specification(), version=0), *draw(st.permutations(chosen))]
