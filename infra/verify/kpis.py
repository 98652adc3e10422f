"""The last KPI record of every bucket against sums made anew from the outcomes that it says it reflects.

Written apart from analytics: counts and sums in the order of the log, in plain floats (which makes them equal to the
last bit), and every latency kept, so that quantiles and sketch are held against the latencies themselves.
"""

import math
import struct
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from ddsketch.pb.proto import pb
from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from schemas import wire
from schemas.domains import Component, DomainSpec
from schemas.errors import BadRecordError
from schemas.events import Decision, Kpi, Outcome, Reward, SpecChange
from schemas.topics import KPIS

from .findings import Fault, Findings, Pending, Place
from .homes import Homes
from .record import LogRecord
from .table import Tables

HOUR_MS: Final = 3_600_000
#: What analytics promises of a latency: it is known to 1%, from a microsecond (below is 0) to 30 days (the most).
ACCURACY: Final = 0.01
SHORTEST_MS: Final = 1e-3
LONGEST_MS: Final = 30 * 24 * HOUR_MS
_SLACK: Final = 1e-9
_GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
_FLOAT = struct.Struct("<d")


class _Sums(Struct, array_like=True):
    """A bucket, as far as the log was read."""

    interactions: int = 0
    with_feedback: int = 0
    reward_sum: float = 0.0
    cost_sum: float = 0.0
    cost_count: int = 0
    success_sum: float = 0.0
    success_count: int = 0
    error_sum: float = 0.0
    error_count: int = 0
    unfollowed: int = 0
    latencies: int = 0
    compared: bool = False
    beyond: int | None = None  # offset of the first outcome that its KPI does not reflect
    uncounted: int = 0  # how many there are


_encode = Encoder().encode
_decode_sums = Decoder(_Sums).decode
_decode_key = Decoder(tuple[str, str, str, int]).decode


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
        self._sums = tables.table("sums")
        self._latencies = tables.table("latencies")
        self._specs: dict[tuple[str, str], SpecChange] = {}
        self.buckets = 0  # compared

    def published(self, record: LogRecord) -> None:
        """Take the next record of `kpis`."""
        try:
            kpi: Kpi = wire.decode(KPIS.name, record.value)
        except BadRecordError as error:
            self._wrong(record.offset, str(error))
            return
        if record.key != kpi.tenant.encode():
            detail = f"the key is {record.key!r}; it must be the tenant, {kpi.tenant!r}"
            self._findings.add(Fault.TENANT_MISPLACED, self._place(record.offset), detail)
        elif self._homes is not None and (home := self._homes.elsewhere(kpi.tenant, self._partition)) is not None:
            detail = f"tenant {kpi.tenant!r} lives in partition {home}"
            self._findings.add(Fault.TENANT_MISPLACED, self._place(record.offset), detail)
        key = _encode((kpi.tenant, kpi.domain, kpi.arm, kpi.hour))
        known = self._find(key)
        if known is not None and known[1].applied == kpi.applied and known[1] != kpi:
            self._wrong(
                record.offset,
                f"{_named(kpi)}: it reflects outcomes up to {kpi.applied}, as the record at offset {known[0]} does, "
                "and says something else",
            )
        if known is None or kpi.applied > known[1].applied:
            assert record.value is not None
            self._newest.put(key, record.offset.to_bytes(8, "big") + record.value)

    def change(self, change: SpecChange) -> None:
        """A specification comes into force."""
        name = (change.tenant, change.domain)
        if change.spec is not None and (change.spec.tenant, change.spec.domain) != name:
            return  # analytics refuses it
        known = self._specs.get(name)
        if known is None or change.version > known.version:
            self._specs[name] = change

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
        hour = outcome.decided_at_ms // HOUR_MS * (HOUR_MS // 1000)
        key = _encode((decision.tenant, decision.domain, _arm(decision, observed), hour))
        value = self._sums.get(key)
        sums = _Sums() if value is None else _decode_sums(value)
        known = self._find(key)
        if known is None or known[1].applied <= offset:
            sums.beyond = offset if sums.beyond is None else sums.beyond
            sums.uncounted += 1
        else:
            self._add(key, sums, change.spec, observed)
            if known[1].applied == offset + 1:
                self._compare(key, sums, *known)
        self._sums.put(key, _encode(sums))

    def finish(self) -> None:
        """All outcomes were shown."""
        for key, value in self._sums.scan():
            sums = _decode_sums(value)
            if sums.beyond is None:
                continue
            if sums.beyond >= self._counted:
                place = Place("outcomes", self._partition, sums.beyond)
                self._findings.wait(Pending.COUNTING, place, sums.uncounted)
                continue
            known = self._find(key)
            if known is None and not self._whole:
                self._findings.skip("buckets whose KPI retention may have taken")
                continue
            says = (
                "no record says so" if known is None else f"the last record reflects outcomes up to {known[1].applied}"
            )
            tenant, domain, arm, hour = _decode_key(key)
            self._wrong(
                None if known is None else known[0],
                f"{tenant}/{domain}, arm {arm}, hour {hour}: the outcome at offset {sums.beyond} changes it and "
                f"analytics has applied it; {says}",
            )
        for key, value in self._newest.scan():
            stored = self._sums.get(key)
            if stored is None or not _decode_sums(stored).compared:
                kpi: Kpi = wire.decode(KPIS.name, value[8:])
                self._wrong(
                    int.from_bytes(value[:8], "big"),
                    f"{_named(kpi)}: it reflects outcomes up to {kpi.applied}; no outcome at offset {kpi.applied - 1} "
                    "changes it",
                )

    def _add(self, key: bytes, sums: _Sums, spec: DomainSpec, observed: dict[str, float]) -> None:
        reward, complete = _reward(spec, observed)
        sums.interactions += 1
        sums.with_feedback += complete
        sums.reward_sum += reward
        sums.unfollowed += observed.get("unfollowed", 0.0) > 0.0
        if "cost" in observed:
            sums.cost_sum += observed["cost"]
            sums.cost_count += 1
        if "success" in observed:
            sums.success_sum += observed["success"]
            sums.success_count += 1
        if "error" in observed:
            sums.error_sum += observed["error"]
            sums.error_count += 1
        if "latency_ms" in observed:
            latency = observed["latency_ms"]
            latency = 0.0 if latency < SHORTEST_MS else min(latency, LONGEST_MS)
            self._latencies.put(_short(key) + sums.latencies.to_bytes(8, "big"), _FLOAT.pack(latency))
            sums.latencies += 1

    def _compare(self, key: bytes, sums: _Sums, offset: int, kpi: Kpi) -> None:
        sums.compared = True
        self.buckets += 1
        for name in _Sums.__struct_fields__[:10]:
            found, expected = getattr(kpi, name), getattr(sums, name)
            if found != expected:
                self._wrong(offset, f"{_named(kpi)}: {name} is {found!r}; its outcomes give {expected!r}")
                return
        latencies = sorted(_FLOAT.unpack(value)[0] for _, value in self._latencies.scan(_short(key)))
        if (problem := _latency_problem(kpi, latencies)) is not None:
            self._wrong(offset, f"{_named(kpi)}: {problem}")

    def _find(self, key: bytes) -> tuple[int, Kpi] | None:
        value = self._newest.get(key)
        return None if value is None else (int.from_bytes(value[:8], "big"), wire.decode(KPIS.name, value[8:]))

    def _wrong(self, offset: int | None, detail: str) -> None:
        self._findings.add(Fault.KPI_WRONG, self._place(offset), detail)

    def _place(self, offset: int | None) -> Place:
        return Place(KPIS.name, self._partition, offset)


def _arm(decision: Decision, observed: dict[str, float]) -> str:
    """Whose interaction it is: the chosen arm's, or, if nobody followed and it is known, of the one that answered."""
    number = observed.get("answered_by", -1.0)
    if observed.get("unfollowed", 0.0) > 0.0 and number in range(len(decision.arms)):
        return decision.arms[int(number)]
    return decision.arm


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


def _latency_problem(kpi: Kpi, latencies: list[float]) -> str | None:
    """latencies: in order."""
    for name, q in (("latency_ms_p50", 0.50), ("latency_ms_p95", 0.95)):
        found = getattr(kpi, name)
        expected = latencies[math.floor(q * (len(latencies) - 1))] if latencies else None
        if (found is None) != (expected is None) or (expected is not None and not _near(found, expected)):
            return f"{name} is {found!r}; its outcomes give {expected!r}, and 1% is allowed"
    at = 0
    for value, count in _bins(kpi.latency_sketch):
        inside = latencies[at : at + count]
        if len(inside) < count or not (_near(value, inside[0]) and _near(value, inside[-1])):
            return f"latency_sketch has {count} of {value!r} ms from rank {at} on; its outcomes have {_range(inside)}"
        at += count
    if at != len(latencies):
        return f"latency_sketch holds {at} latencies; its outcomes have {len(latencies)}"
    return None


def _bins(sketch: bytes) -> Iterator[tuple[float, int]]:
    """A sketch's latencies in order: each value, and how many there are of it."""
    message = pb.DDSketch()
    message.ParseFromString(sketch)
    if message.zeroCount:
        yield 0.0, int(message.zeroCount)
    store = message.positiveValues
    for index, count in enumerate(store.contiguousBinCounts, store.contiguousBinIndexOffset):
        if count:
            yield 2.0 * _GAMMA**index / (1.0 + _GAMMA), int(count)


def _near(found: float, expected: float) -> bool:
    return abs(found - expected) <= (ACCURACY + _SLACK) * expected


def _range(inside: list[float]) -> str:
    return f"{len(inside)} there, from {inside[0]!r} to {inside[-1]!r}" if inside else "none there"


def _named(kpi: Kpi) -> str:
    return f"{kpi.tenant}/{kpi.domain}, arm {kpi.arm}, hour {kpi.hour}"


def _short(key: bytes) -> bytes:
    return blake2b(key, digest_size=16).digest()
