"""What is kept of one bucket of time of a tenant's domain, arm, policy and specification: sums in the log's order."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple, get_args

import msgspec
from msgspec import field

from schemas import observations as names
from schemas.events import Granularity, Kpi

from . import sketch
from .measures import Term, answered, resolved
from .sums import SUMS, Sums

#: The shortest first.
GRANULARITIES: Final[tuple[Granularity, ...]] = get_args(Granularity)
SECONDS: Final[Mapping[Granularity, int]] = {"minute": 60, "hour": 3600, "day": 86_400}
#: How long buckets are kept, by the log's own time; longer than that after its end a bucket takes nothing more.  Days
#: are kept for ever.
KEPT_SECONDS: Final[Mapping[Granularity, int]] = {"minute": 48 * 3600, "hour": 90 * 86_400}

_PREFIX: Final = b"bucket/"
_LETTERS: Final[Mapping[Granularity, bytes]] = {"minute": b"m", "hour": b"h", "day": b"d"}
_BY_LETTER: Final = {letter: granularity for granularity, letter in _LETTERS.items()}
_START_BYTES: Final = 8


class BucketId(NamedTuple):
    """Which bucket."""

    granularity: Granularity
    start: int  # seconds since 1970
    tenant: str
    domain: str
    arm: str
    policy: str
    spec: int

    def key(self) -> bytes:
        """The bucket's key in the state, the oldest of a granularity first."""
        return b"".join(
            (
                _PREFIX,
                _LETTERS[self.granularity],
                self.start.to_bytes(_START_BYTES, "big", signed=True),
                msgspec.msgpack.encode(self[2:]),
            )
        )

    def record_key(self) -> bytes:
        """The key of the bucket's records in "kpis"; those of a tenant begin with `tenant_prefix`.

        No two buckets share one, whatever characters their names have.
        """
        return msgspec.msgpack.encode((*self[2:], self.granularity, self.start))

    @staticmethod
    def of_key(key: bytes) -> "BucketId":
        """Whose `key` this is; ValueError when it is none."""
        rest = key.removeprefix(_PREFIX)
        if rest == key or rest[:1] not in _BY_LETTER:
            raise ValueError(f"{key!r} is no bucket's key")
        start = int.from_bytes(rest[1 : 1 + _START_BYTES], "big", signed=True)
        try:
            return BucketId(_BY_LETTER[rest[:1]], start, *_names_of_key(rest[1 + _START_BYTES :]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{key!r} is no bucket's key: {error}") from None

    @staticmethod
    def of_record_key(key: bytes) -> "BucketId":
        """Whose `record_key` this is; ValueError when it is none."""
        try:
            tenant, domain, arm, policy, spec, granularity, start = _of_record_key(key)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{key!r} is no key of a bucket: {error}") from None
        return BucketId(granularity, start, tenant, domain, arm, policy, spec)

    @staticmethod
    def of(kpi: Kpi) -> "BucketId":
        """The bucket whose value this is."""
        return BucketId(kpi.granularity, kpi.start, kpi.tenant, kpi.domain, kpi.arm, kpi.policy, kpi.spec)

    def expired(self, clock_s: int) -> bool:
        """Whether it takes nothing more and is dropped.  clock_s: the log's time, seconds since 1970."""
        return self.expires() <= clock_s

    def expires(self) -> float:
        """When that is, by the log's time, seconds since 1970; infinite: never."""
        kept = KEPT_SECONDS.get(self.granularity)
        return math.inf if kept is None else self.start + SECONDS[self.granularity] + kept


_names_of_key = msgspec.msgpack.Decoder(tuple[str, str, str, str, int]).decode
_of_record_key = msgspec.msgpack.Decoder(tuple[str, str, str, str, int, Granularity, int]).decode
_KEY_FIELDS: Final = 7


def scan_prefix(granularity: Granularity) -> bytes:
    """What the keys of all buckets of a granularity begin with."""
    return _PREFIX + _LETTERS[granularity]


def tenant_prefix(tenant: str) -> bytes:
    """What the keys of a tenant's records in "kpis" begin with."""
    return bytes((0x90 | _KEY_FIELDS,)) + msgspec.msgpack.encode(tenant)


def start_of(granularity: Granularity, at_ms: int) -> int:
    """Start of the bucket, seconds since 1970, that a time belongs to.  at_ms: milliseconds since 1970."""
    seconds = SECONDS[granularity]
    return at_ms // (1000 * seconds) * seconds


class Bucket(Sums, array_like=True, tag="bucket.2"):
    """One bucket's sums, as `Kpi` has them.  Its bytes are a function of the outcomes added and their order."""

    price: float = 0.0
    baseline: bool = False
    latency_ms: sketch.Bins = field(default_factory=dict)
    feedback_ms: sketch.Bins = field(default_factory=dict)

    def add(self, one: "Measured") -> None:
        """Count one decision's outcome."""
        observed = one.observations
        self.interactions += 1
        self.observed += bool(observed)
        self.with_feedback += one.complete
        self.unfollowed += not one.followed
        self.reward_sum += one.reward
        self.explored_sum += one.explored
        if (cost := observed.get(names.COST)) is not None:
            self._pay(cost, one)
        if (success := observed.get(names.SUCCESS)) is not None:
            self.success_sum += success
            self.success_count += 1
        if (error := observed.get(names.ERROR)) is not None:
            self.error_sum += error
            self.error_count += 1
        if observed.get(names.FALLBACK, 0.0) > 0.0:
            self.fallback_sum += 1.0
        if one.answered is not None:
            self.answered_sum += one.answered
        if one.resolved is not None:
            self.resolved_sum += one.resolved
            self.resolved_count += 1
        if (thumbs := observed.get(names.THUMBS)) is not None:
            self.thumbs_sum += min(max(thumbs, 0.0), 1.0)
            self.thumbs_count += 1
        if one.latency_bin is not None:
            self.latency_ms[one.latency_bin] = self.latency_ms.get(one.latency_bin, 0) + 1
        if one.feedback_bin is not None:
            self.feedback_ms[one.feedback_bin] = self.feedback_ms.get(one.feedback_bin, 0) + 1

    def add_term(self, term: Term) -> None:
        """Count what an outcome says of always taking this arm."""
        self.eligible += 1
        self.value_sum += term.value
        self.value_squares += term.value * term.value
        self.regret_sum += term.regret
        self.regret_squares += term.regret * term.regret

    def _pay(self, cost: float, one: "Measured") -> None:
        self.cost_sum += cost
        self.cost_count += 1
        if one.resolved is not None:
            self.paid_resolved_sum += one.resolved
        if one.allowed is not None:
            self.budget_sum += one.allowed
            self.budgeted_cost_sum += cost
        if one.weight is not None:
            self.weight_sum += one.weight
            self.weight_squares += one.weight * one.weight
            self.weighted_cost_sum += one.weight * cost

    def kpi(self, bucket: BucketId, applied: int) -> Kpi:
        """The bucket's value as it is published.  applied: the offset after the last outcome that changed it."""
        return _decode_kpi(self.encoded(bucket, applied)[1])

    def encoded(self, bucket: BucketId, applied: int) -> tuple[bytes, bytes]:
        """The bucket's value in the state, and the record of its `kpi`."""
        values = msgspec.structs.astuple(self)
        # The same numbers in fewer bytes, as integers where they are some.
        numbers = [
            int(value) if type(value) is float and value.is_integer() and -_EXACT < value < _EXACT else value
            for value in values[:_NUMBERS]
        ]
        latency_ms, feedback_ms = sorted(self.latency_ms.items()), sorted(self.feedback_ms.items())
        granularity, start, *named = bucket
        return (
            _encode((_TAG, *numbers, dict(latency_ms), dict(feedback_ms))),
            _encode((_KPI_TAG, *named, granularity, start, applied, *numbers, latency_ms, feedback_ms)),
        )

    @staticmethod
    def from_bytes(value: bytes) -> "Bucket":
        """The bucket that `to_bytes` wrote."""
        return _decoder.decode(value)


class Measured(NamedTuple):
    """One outcome, as buckets add it."""

    observations: Mapping[str, float]
    reward: float  # by the specification in force at its place in the log
    complete: bool  # every required component was observed
    followed: bool
    explored: float  # probability that another arm than the most likely one was drawn
    resolved: float | None
    answered: float | None
    allowed: float | None  # USD that it was to cost
    weight: float | None  # 1 / propensity; None: nobody followed, or it is not known
    latency_bin: int | None
    feedback_bin: int | None

    @classmethod
    def of(
        cls,
        observations: Mapping[str, float],
        reward: float,
        complete: bool,
        *,
        followed: bool = True,
        propensities: tuple[float, ...] | None = None,
        choice: int = 0,
        allowed: float | None = None,
        feedback_ms: float | None = None,
    ) -> "Measured":
        """What follows from an outcome.  propensities: as logged; feedback_ms: None where it was not complete."""
        latency_ms = observations.get(names.LATENCY_MS)
        usable = followed and propensities is not None
        return cls(
            observations, reward, complete, followed,
            1.0 - max(propensities) if usable and propensities else 0.0,
            resolved(observations), answered(observations), allowed,
            1.0 / propensities[choice] if usable and propensities else None,
            None if latency_ms is None else sketch.bin_of(latency_ms),
            None if feedback_ms is None else sketch.bin_of(feedback_ms),
        )  # fmt: skip


_NUMBERS: Final = len(SUMS) + 2  # and price, baseline
_TAG: Final = "bucket.2"
_KPI_TAG: Final = Kpi.__struct_config__.tag
_EXACT: Final = 2.0**53
_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Bucket)
_decode_kpi = msgspec.msgpack.Decoder(Kpi).decode
