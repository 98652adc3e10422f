"""What is kept of one tenant's domain, arm and hour: running sums in the order of the log, and a latency sketch."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct, field

from schemas.events import Kpi
from schemas.observations import was_followed

from .latency import LatencySketch

HOUR_MS = 3_600_000
_PREFIX = b"bucket/"
_FIRST_FIELDS: Final = 11  # type, and the fields up to `latency`


class BucketId(NamedTuple):
    """Which bucket; ordered by hour first."""

    hour: int  # start, seconds since 1970
    tenant: str
    domain: str
    arm: str

    def key(self) -> bytes:
        """The bucket's key in the state; no two buckets share one, whatever characters their names have."""
        return _PREFIX + msgspec.msgpack.encode(self)


class Bucket(Struct, array_like=True, tag="bucket.1"):
    """One bucket's sums.  Its bytes are a function of the outcomes added and their order, not of when it was stored."""

    interactions: int = 0
    with_feedback: int = 0
    reward_sum: float = 0.0
    cost_sum: float = 0.0
    cost_count: int = 0
    success_sum: float = 0.0
    success_count: int = 0
    error_sum: float = 0.0
    error_count: int = 0
    latency: LatencySketch = field(default_factory=LatencySketch)
    unfollowed: int = 0  # of the interactions: a fallback answered, and nobody acted on the decision

    def add(self, observations: Mapping[str, float], reward: float, complete: bool) -> None:
        """Count one outcome.  observations: finite; reward: by the specification in force; complete: had feedback."""
        self.interactions += 1
        self.with_feedback += complete
        self.reward_sum += reward
        self.unfollowed += not was_followed(observations)
        if (cost := observations.get("cost")) is not None:
            self.cost_sum += cost
            self.cost_count += 1
        if (success := observations.get("success")) is not None:
            self.success_sum += success
            self.success_count += 1
        if (error := observations.get("error")) is not None:
            self.error_sum += error
            self.error_count += 1
        if (latency_ms := observations.get("latency_ms")) is not None:
            self.latency.add(latency_ms)

    def kpi(self, bucket: BucketId, applied: int) -> Kpi:
        """The bucket's value as it is published.  applied: the offset after the last outcome that was added."""
        return Kpi(
            tenant=bucket.tenant,
            domain=bucket.domain,
            arm=bucket.arm,
            hour=bucket.hour,
            interactions=self.interactions,
            with_feedback=self.with_feedback,
            reward_sum=self.reward_sum,
            cost_sum=self.cost_sum,
            cost_count=self.cost_count,
            success_sum=self.success_sum,
            success_count=self.success_count,
            error_sum=self.error_sum,
            error_count=self.error_count,
            latency_ms_p50=self.latency.quantile(0.50),
            latency_ms_p95=self.latency.quantile(0.95),
            latency_sketch=self.latency.to_bytes(),
            applied=applied,
            unfollowed=self.unfollowed,
        )

    def to_bytes(self) -> bytes:
        """The bucket's value in the state.

        Fields that came later are left out at the end while they have their defaults: the bytes that releases before
        them left for the same outcomes.
        """
        value = _encode(self)
        if self.unfollowed == 0:
            value = _encode(_parts(value)[:_FIRST_FIELDS])
        return value

    @staticmethod
    def from_bytes(value: bytes) -> "Bucket":
        """The bucket that `to_bytes` wrote."""
        return _decoder.decode(value)


def _to_plain(value: Any) -> bytes:
    assert isinstance(value, LatencySketch), type(value)
    return value.to_bytes()


def _from_plain(_type: type, value: Any) -> Any:
    return LatencySketch.from_bytes(value)


_encode = msgspec.msgpack.Encoder(enc_hook=_to_plain).encode
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decoder = msgspec.msgpack.Decoder(Bucket, dec_hook=_from_plain)


def hour_of(decided_at_ms: int) -> int:
    """Start of the hour, seconds since 1970, in which a decision was appended at `decided_at_ms`."""
    return decided_at_ms // HOUR_MS * (HOUR_MS // 1000)
