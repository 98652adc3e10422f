"""The last KPI record of every bucket against sums made anew from the outcomes that it says it reflects.

Written apart from analytics, of which it uses nothing: counts, and sums in the order of the log in plain floats (which
makes them equal to the last bit).  What a bucket is, and what is measured of an outcome, is written down in
docs/kpis.md; here it stands a second time.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from schemas import wire
from schemas.domains import Component, DomainSpec
from schemas.errors import BadRecordError
from schemas.events import UNFOLLOWED_ARM, Decision, Granularity, Kpi, Outcome, Reward, SpecChange
from schemas.topics import KPIS

from .findings import Fault, Findings, Pending, Place
from .homes import Homes
from .record import LogRecord
from .table import Table, Tables

LENGTHS_MS: Final[dict[Granularity, int]] = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
KEPT_MS: Final[dict[Granularity, int]] = {"minute": 48 * 3_600_000, "hour": 90 * 86_400_000}
#: What analytics promises of a time: it is known to 1%, from a microsecond (below is 0) to 30 days (the most).
ACCURACY: Final = 0.01
SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 30 * 24 * 3_600_000.0
_NOUGHT: Final = -1000  # the bin of 0
_LOG_GAMMA: Final = math.log((1 + ACCURACY) / (1 - ACCURACY))

#: Buckets kept at hand; the others are in a table.
_AT_HAND: Final = 20_000

#: tenant, domain, arm, policy, specification, granularity, start
Key = tuple[str, str, str, str, int, Granularity, int]


class _Sums(Struct, array_like=True):
    """A bucket, as far as the log was read.  The first fields are those of a `Kpi` from `interactions` on."""

    interactions: int = 0
    observed: int = 0
    with_feedback: int = 0
    unfollowed: int = 0
    reward_sum: float = 0.0
    cost_sum: float = 0.0
    cost_count: int = 0
    success_sum: float = 0.0
    success_count: int = 0
    error_sum: float = 0.0
    error_count: int = 0
    fallback_sum: float = 0.0
    answered_sum: float = 0.0
    resolved_sum: float = 0.0
    resolved_count: int = 0
    paid_resolved_sum: float = 0.0
    thumbs_sum: float = 0.0
    thumbs_count: int = 0
    explored_sum: float = 0.0
    budget_sum: float = 0.0
    budgeted_cost_sum: float = 0.0
    eligible: int = 0
    value_sum: float = 0.0
    value_squares: float = 0.0
    regret_sum: float = 0.0
    regret_squares: float = 0.0
    weight_sum: float = 0.0
    weight_squares: float = 0.0
    weighted_cost_sum: float = 0.0
    price: float = 0.0
    baseline: bool = False
    latency_ms: dict[int, int] = {}
    feedback_ms: dict[int, int] = {}
    compared: bool = False
    beyond: int | None = None  # offset of the first outcome that its KPI does not reflect
    uncounted: int = 0  # how many there are
    #: Offset of its last record, and what that reflects; -1: there is none.
    record: int = -1
    applied: int = -1


_COMPARED: Final = Kpi.__struct_fields__[Kpi.__struct_fields__.index("interactions") :]
_encode = Encoder().encode
_decode_sums = Decoder(_Sums).decode
_decode_key = Decoder(Key).decode


class KpiCheck:
    """One partition: first its `kpis` topic, then the outcomes that count, in log order."""

    def __init__(
        self,
        partition: int,
        tables: Tables,
        counted: int,
        homes: Homes | None,
        findings: Findings,
        *,
        whole: bool = True,
    ) -> None:
        """counted: the outcomes offset that the last checkpoint of analytics covers; whole: `kpis` is not trimmed."""
        self._whole = whole
        self._partition = partition
        self._counted = counted
        self._homes = homes
        self._findings = findings
        self._newest = tables.table("kpis")  # by bucket: offset and value of the record with the highest `applied`
        self._dropped = tables.table("dropped")  # by bucket whose last record has no value: its offset
        self._sums = _AtHand(tables.table("sums"), self._newest)
        self._specs: dict[tuple[str, str], SpecChange] = {}
        self._prices: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}
        self._clock_ms = self._counted_clock_ms = 0  # at the end of outcomes, and where the checkpoint stands
        self.buckets = 0  # compared

    def published(self, record: LogRecord) -> None:
        """Take the next record of `kpis`."""
        if record.value is None:
            self._gone(record)
            return
        try:
            kpi = wire.decode(KPIS.name, record.value)
        except BadRecordError as error:
            self._wrong(record.offset, str(error))
            return
        if not isinstance(kpi, Kpi):
            self._findings.skip("KPI records of an older release, which today's are written beside")
            return
        key = _encode(_key(kpi))
        if record.key != key:
            self._wrong(record.offset, f"{_named(_key(kpi))}: the key is {record.key!r}; it must be {key!r}")
        self._at_home(record.offset, kpi.tenant)
        self._dropped.delete(key)
        known = self._find(key)
        if known is not None and known[1].applied == kpi.applied and known[1] != kpi:
            self._wrong(
                record.offset,
                f"{_named(_key(kpi))}: it reflects outcomes up to {kpi.applied}, as the record at offset {known[0]} "
                "does, and says something else",
            )
        if known is None or kpi.applied > known[1].applied:
            self._newest.put(key, record.offset.to_bytes(8, "big") + record.value)

    def change(self, change: SpecChange) -> None:
        """A specification comes into force."""
        name, spec = (change.tenant, change.domain), change.spec
        if spec is not None and (spec.tenant, spec.domain) != name:
            return  # analytics refuses it
        known = self._specs.get(name)
        if known is None or change.version > known.version:
            self._specs[name] = change
            dear = None if spec is None else _dearest(spec)
            self._prices[name] = {} if spec is None else {a.name: (a.price, a.name == dear) for a in spec.arms}

    def take(self, offset: int, outcome: Outcome) -> None:
        """The next outcome that counts."""
        decision, observed = outcome.decision, outcome.observations
        change = self._specs.get((decision.tenant, decision.domain))
        if change is None or change.spec is None or decision.choice >= len(decision.arms):
            return  # analytics refuses it
        if observed:
            try:
                wire.check_reward(Reward(decision.id, decision.tenant, decision.id, observed))
            except BadRecordError:
                return
        self._clock_ms = max(self._clock_ms, outcome.ended_at_ms)
        if offset < self._counted:
            self._counted_clock_ms = self._clock_ms
        followed = not observed.get("unfollowed", 0.0) > 0.0
        p = _propensities(decision)
        reward, complete = _reward(change.spec, observed)
        chosen = decision.arm if followed else _stand_in(decision, observed)
        terms = _doubly_robust(decision, p, reward) if followed and p is not None else []
        for granularity, length in LENGTHS_MS.items():
            start_ms = outcome.decided_at_ms // length * length
            kept = KEPT_MS.get(granularity)
            if kept is not None and start_ms + length + kept <= self._clock_ms // 1000 * 1000:
                continue
            changed: dict[bytes, _Sums] = {}
            for arm in (chosen, *(name for name, _ in terms)):
                key = _encode(
                    (decision.tenant, decision.domain, arm, decision.policy, decision.spec, granularity,
                     start_ms // 1000)
                )  # fmt: skip
                if key in changed:
                    continue
                sums = self._sums.get(key)
                if sums.applied <= offset:
                    sums.beyond = offset if sums.beyond is None else sums.beyond
                    sums.uncounted += 1
                    continue
                changed[key] = sums
                sums.price, sums.baseline = self._prices[decision.tenant, decision.domain].get(arm, (0.0, False))
                if arm == chosen:
                    _add(sums, change.spec, outcome, reward, complete, followed, p)
                for name, term in terms:
                    if name == arm:
                        sums.eligible += 1
                        sums.value_sum += term
                        sums.value_squares += term * term
                        sums.regret_sum += term - reward
                        sums.regret_squares += (term - reward) * (term - reward)
                if sums.applied == offset + 1:
                    self._compare(key, sums)

    def finish(self) -> None:
        """All outcomes were shown."""
        self._sums.put_away()
        for key, sums in self._sums.scan():
            if sums.beyond is None or self._is_dropped(key):
                continue
            if sums.beyond >= self._counted:
                place = Place("outcomes", self._partition, sums.beyond)
                self._findings.wait(Pending.COUNTING, place, sums.uncounted)
                continue
            if sums.record < 0 and not self._whole:
                self._findings.skip("buckets whose KPI retention may have taken")
                continue
            says = "no record says so" if sums.record < 0 else f"the last record reflects outcomes up to {sums.applied}"
            self._wrong(
                sums.record if sums.record >= 0 else None,
                f"{_named(_decode_key(key))}: the outcome at offset {sums.beyond} changes it and analytics has applied "
                f"it; {says}",
            )
        for key, value in self._newest.scan():
            if self._is_dropped(key):
                continue
            kpi: Kpi = wire.decode(KPIS.name, value[8:])
            offset = int.from_bytes(value[:8], "big")
            if _expired(_key(kpi), self._counted_clock_ms) and self._dropped.get(key) is None:
                self._wrong(offset, f"{_named(_key(kpi))}: it is kept no longer and should be dropped")
            stored = self._sums.stored(key)
            if stored is None or not stored.compared:
                self._wrong(
                    offset,
                    f"{_named(_key(kpi))}: it reflects outcomes up to {kpi.applied}; no outcome at offset "
                    f"{kpi.applied - 1} changes it",
                )
        for key, value in self._dropped.scan():
            if not _expired(_decode_key(key), self._clock_ms):
                self._wrong(
                    int.from_bytes(value, "big"), f"{_named(_decode_key(key))}: it is dropped and should be kept longer"
                )

    def _is_dropped(self, key: bytes) -> bool:
        """It had its time, and its records are gone or going."""
        if not _expired(_decode_key(key), self._clock_ms):
            return False
        return self._dropped.get(key) is not None or self._newest.get(key) is None

    def _gone(self, record: LogRecord) -> None:
        try:
            key = _decode_key(record.key or b"")
        except ValueError:
            self._wrong(
                record.offset, f"a record without a value; its key is {record.key!r:.200}, which is no bucket's"
            )
            return
        self._at_home(record.offset, key[0])
        self._dropped.put(record.key or b"", record.offset.to_bytes(8, "big"))

    def _at_home(self, offset: int, tenant: str) -> None:
        if self._homes is not None and (home := self._homes.elsewhere(tenant, self._partition)) is not None:
            detail = f"tenant {tenant!r} lives in partition {home}"
            self._findings.add(Fault.TENANT_MISPLACED, self._place(offset), detail)

    def _compare(self, key: bytes, sums: _Sums) -> None:
        sums.compared = True
        self.buckets += 1
        known = self._find(key)
        assert known is not None
        offset, kpi = known
        for name in _COMPARED:
            found, expected = getattr(kpi, name), getattr(sums, name)
            if isinstance(expected, dict):
                expected = tuple(sorted(expected.items()))
            if found != expected and not (found != found and expected != expected):  # noqa: PLR0124 - not a number
                self._wrong(offset, f"{_named(_key(kpi))}: {name} is {found!r}; its outcomes give {expected!r}")
                return

    def _find(self, key: bytes) -> tuple[int, Kpi] | None:
        value = self._newest.get(key)
        return None if value is None else (int.from_bytes(value[:8], "big"), wire.decode(KPIS.name, value[8:]))

    def _wrong(self, offset: int | None, detail: str) -> None:
        self._findings.add(Fault.KPI_WRONG, self._place(offset), detail)

    def _place(self, offset: int | None) -> Place:
        return Place(KPIS.name, self._partition, offset)


class _AtHand:
    """Sums by bucket: the last ones used in memory, all others in a table."""

    def __init__(self, table: Table, newest: Table) -> None:
        self._table = table
        self._newest = newest
        self._held: dict[bytes, _Sums] = {}

    def get(self, key: bytes) -> _Sums:
        """A bucket's sums; those of a new one, which know what its last record reflects."""
        sums = self._held.get(key)
        if sums is not None:
            return sums
        if len(self._held) >= _AT_HAND:
            self.put_away()
        sums = self.stored(key)
        if sums is None:
            sums = _Sums()
            value = self._newest.get(key)
            if value is not None:
                kpi: Kpi = wire.decode(KPIS.name, value[8:])
                sums.record, sums.applied = int.from_bytes(value[:8], "big"), kpi.applied
        self._held[key] = sums
        return sums

    def stored(self, key: bytes) -> _Sums | None:
        """What was put away of a bucket."""
        value = self._table.get(key)
        return None if value is None else _decode_sums(value)

    def put_away(self) -> None:
        """Put all into the table."""
        for key, sums in self._held.items():
            self._table.put(key, _encode(sums))
        self._held.clear()

    def scan(self) -> Iterator[tuple[bytes, _Sums]]:
        """All that was put away."""
        for key, value in self._table.scan():
            yield key, _decode_sums(value)


def _add(
    sums: _Sums, spec: DomainSpec, outcome: Outcome, reward: float, complete: bool, followed: bool, p: Any
) -> None:
    """Count an outcome in the bucket of the arm that acted."""
    observed = outcome.observations
    error, quality = observed.get("error"), observed.get("quality")
    resolved = min(1.0, max(0.0, observed["success"])) if "success" in observed else None
    if resolved is None and quality is not None:
        resolved = float(quality >= 0.5)
    sums.interactions += 1
    sums.observed += 1 if observed else 0
    sums.with_feedback += complete
    sums.unfollowed += 0 if followed else 1
    sums.reward_sum += reward
    if p is not None and followed:
        sums.explored_sum += 1.0 - max(p)
    if "cost" in observed:
        cost = observed["cost"]
        sums.cost_sum += cost
        sums.cost_count += 1
        sums.paid_resolved_sum += resolved or 0.0
        if spec.budget is not None:
            sums.budget_sum += spec.budget.cost_per_request
            sums.budgeted_cost_sum += cost
        if p is not None and followed:
            weight = 1.0 / p[outcome.decision.choice]
            sums.weight_sum += weight
            sums.weight_squares += weight * weight
            sums.weighted_cost_sum += weight * cost
    if "success" in observed:
        sums.success_sum += observed["success"]
        sums.success_count += 1
    if error is not None:
        sums.error_sum += error
        sums.error_count += 1
    stood_in = observed.get("fallback", 0.0) > 0.0
    sums.fallback_sum += stood_in
    if observed:
        sums.answered_sum += 1.0 if stood_in else 1.0 - min(1.0, max(0.0, error or 0.0))
    if resolved is not None:
        sums.resolved_sum += resolved
        sums.resolved_count += 1
    if "thumbs" in observed:
        sums.thumbs_sum += min(1.0, max(0.0, observed["thumbs"]))
        sums.thumbs_count += 1
    if "latency_ms" in observed:
        _count(sums.latency_ms, observed["latency_ms"])
    if outcome.ended == "complete":
        _count(sums.feedback_ms, outcome.ended_at_ms - outcome.decided_at_ms)


def _count(bins: dict[int, int], value_ms: float) -> None:
    number = _NOUGHT if value_ms < SHORTEST_MS else math.ceil(math.log(min(value_ms, LONGEST_MS)) / _LOG_GAMMA)
    bins[number] = bins.get(number, 0) + 1


def _stand_in(decision: Decision, observed: dict[str, float]) -> str:
    """Whose interaction it is where nobody followed: that of whoever answered, if it is one of the arms."""
    number = observed.get("answered_by", -1.0)
    return decision.arms[int(number)] if number in range(len(decision.arms)) else UNFOLLOWED_ARM


def _propensities(decision: Decision) -> tuple[float, ...] | None:
    if len(decision.propensities) != 4 * len(decision.arms):
        return None
    p = tuple(each for (each,) in struct.iter_unpack("<f", decision.propensities))
    return p if p[decision.choice] > 0.0 and min(p) >= 0.0 and all(each <= 1.0 for each in p) else None


def _doubly_robust(decision: Decision, p: tuple[float, ...], reward: float) -> list[tuple[str, float]]:
    """What each arm that could be drawn would have earned: the score, and where it was drawn its error over p."""
    scores = [0.0] * len(p)
    if len(decision.scores) == 4 * len(p):
        scores = [each for (each,) in struct.iter_unpack("<f", decision.scores)]
    found = []
    for a, name in enumerate(decision.arms):
        if p[a] <= 0.0:
            continue
        score = 0.0 if math.isnan(scores[a]) else min(1.0, max(0.0, scores[a]))
        found.append((name, score + (reward - score) / p[a] if a == decision.choice else score))
    return found


def _dearest(spec: DomainSpec) -> str | None:
    """The baseline, or the one enabled arm that no other is as dear as."""
    if spec.baseline is not None:
        return spec.baseline
    by_price = sorted((arm for arm in spec.arms if arm.enabled), key=lambda arm: arm.price, reverse=True)
    if not by_price or (len(by_price) > 1 and by_price[1].price == by_price[0].price):
        return None
    return by_price[0].name


def _reward(spec: DomainSpec, observed: dict[str, float]) -> tuple[float, bool]:
    """Weighted mean of utilities, and whether all that is required was observed.  In the specification's order."""
    if any(part.required and name not in observed for name, part in spec.reward.items()):
        return spec.default_reward, False
    total = weights = 0.0
    for name, part in spec.reward.items():
        utility = _utility(part, observed[name]) if name in observed else spec.default_reward
        total += part.weight * utility
        weights += part.weight
    return (spec.default_reward if weights == 0.0 else min(1.0, max(0.0, total / weights))), True


def _utility(part: Component, value: float) -> float:
    if part.best == part.worst:
        return float(value >= part.best)
    return min(1.0, max(0.0, (value - part.worst) / (part.best - part.worst)))


def _key(kpi: Kpi) -> Key:
    return (kpi.tenant, kpi.domain, kpi.arm, kpi.policy, kpi.spec, kpi.granularity, kpi.start)


def _expired(key: Key, clock_ms: int) -> bool:
    kept = KEPT_MS.get(key[5])
    return kept is not None and 1000 * key[6] + LENGTHS_MS[key[5]] + kept <= clock_ms // 1000 * 1000


def _named(key: Key) -> str:
    tenant, domain, arm, policy, spec, granularity, start = key
    return f"{tenant}/{domain}, arm {arm}, by {policy} of version {spec}, {granularity} {start}"
