"""The analytics stage of one partition: outcomes in, sums per tenant, domain, arm and hour out."""

import heapq
from collections.abc import Sequence
from typing import Final

from msgspec import Raw
from msgspec.msgpack import Decoder

from schemas.errors import BadRecordError, Reason
from schemas.events import Outcome, Reward, SpecChange
from schemas.observations import answered_by, was_followed
from schemas.wire import check_reward, decode, encode
from stream_workers.learning.reward import reward_of
from stream_workers.ordinals import Ordinals
from stream_workers.runtime.stage import Dead, Emit, Record, State

from .bucket import Bucket, BucketId, hour_of

#: Buckets kept in memory between checkpoints; about 3 kB each.  Outcomes of older hours load theirs again.
CACHED_BUCKETS: Final = 4096

_SPEC_PREFIX = b"spec/"
_SPEC_FIELDS: Final = 5  # type, version, tenant, domain, specification
_parts = Decoder(list[Raw]).decode
_SOURCE = "outcomes"


class AnalyticsProcessor:
    """Sums outcomes per bucket; a `Processor` of "outcomes" that emits to "kpis".

    A bucket and its `Kpi` are functions of the log: sums run in its order, an outcome written twice counts once, the
    reward is by the specification in force at the outcome's place, and late outcomes correct the hour in which their
    decision was made.  `Kpi.applied` is the offset after the last outcome that changed the bucket, so two records of
    a bucket with the same `applied` are equal, and the one with the highest is its value, also after a crash has made
    older ones appear again.

    State: one key per bucket, one per domain's specification, and those of `Ordinals`.
    """

    def __init__(
        self, partition: int, state: State, emit: Emit, dead: Dead, cached_buckets: int = CACHED_BUCKETS
    ) -> None:
        self.partition = partition
        self._state = state
        self._emit = emit
        self._dead = dead
        self._cached_buckets = cached_buckets
        self._ordinals = Ordinals(state)
        self._specs: dict[tuple[str, str], SpecChange] = {}  # the newest of each domain; a removal too
        for _, value in state.scan(_SPEC_PREFIX):
            change = decode("specs", value)
            self._specs[change.tenant, change.domain] = change
        self._buckets: dict[BucketId, Bucket] = {}
        self._changed: dict[BucketId, int] = {}  # with the offset after the last change

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Handle records of "outcomes" in offset order; those that cannot be counted are dead-lettered."""
        assert topic == _SOURCE, f"analytics reads {_SOURCE}, not {topic}"
        for record in records:
            try:
                self._apply(record)
            except BadRecordError as error:
                self._dead(topic, record, error)

    def flush(self) -> None:
        """Put the changed buckets into the state and emit a `Kpi` for each, in the order in which they changed."""
        for bucket_id, applied in self._changed.items():
            bucket = self._buckets[bucket_id]
            self._state.put(bucket_id.key(), bucket.to_bytes())
            self._emit("kpis", bucket_id.tenant.encode(), encode(bucket.kpi(bucket_id, applied)))
        self._changed.clear()
        self._ordinals.flush()
        excess = len(self._buckets) - self._cached_buckets
        for bucket_id in heapq.nsmallest(excess, self._buckets):  # the oldest hours
            del self._buckets[bucket_id]

    def _apply(self, record: Record) -> None:
        event = decode(_SOURCE, record.value)
        if type(event) is SpecChange:
            _check_key(record, event.tenant)
            self._change(event, record.value or b"")
        else:
            _check_key(record, event.decision.tenant)
            self._count(event, record.offset)

    def _change(self, change: SpecChange, value: bytes) -> None:
        key = (change.tenant, change.domain)
        spec = change.spec
        if spec is not None and (spec.tenant, spec.domain) != key:
            raise BadRecordError(
                Reason.INVALID,
                f"a change of domain {change.domain!r} of tenant {change.tenant!r} carries the specification of "
                f"{spec.domain!r} of {spec.tenant!r}; they must be the same",
            )
        known = self._specs.get(key)
        if known is not None and change.version <= known.version:
            return  # sent again, or overtaken by a newer one
        self._specs[key] = SpecChange(change.version, change.tenant, change.domain, spec)
        self._state.put(_SPEC_PREFIX + encode(key), _as_it_came(value))

    def _count(self, outcome: Outcome, offset: int) -> None:
        # First of all, also for an outcome that is refused below: ordinals have no holes, and a hole would be waited
        # for by `Ordinals` for ever.
        if not self._ordinals.first(outcome.ordinal):
            return
        decision = outcome.decision
        observations = outcome.observations
        if decision.choice >= len(decision.arms):
            raise BadRecordError(
                Reason.INVALID,
                f"decision {decision.id!r} chose arm number {decision.choice} of {len(decision.arms)}; "
                "numbers start from 0",
            )
        if observations:
            check_reward(Reward(decision.id, decision.tenant, decision.id, observations))
        change = self._specs.get((decision.tenant, decision.domain))
        if change is None or change.spec is None:
            raise BadRecordError(
                Reason.UNKNOWN_DOMAIN,
                f"domain {decision.domain!r} of tenant {decision.tenant!r} has no specification at this point of the "
                "log; apply one with `croupier domains apply`",
            )
        reward, complete = reward_of(change.spec, observations)
        arm = decision.arm
        if not was_followed(observations):  # then the bucket is that of whoever answered, as far as it is known
            arm = answered_by(decision, observations) or arm
        bucket_id = BucketId(hour_of(outcome.decided_at_ms), decision.tenant, decision.domain, arm)
        bucket = self._buckets.get(bucket_id)
        if bucket is None:
            bucket = self._buckets[bucket_id] = self._load(bucket_id)
        bucket.add(observations, reward, complete)
        self._changed[bucket_id] = offset + 1

    def _load(self, bucket_id: BucketId) -> Bucket:
        value = self._state.get(bucket_id.key())
        return Bucket() if value is None else Bucket.from_bytes(value)


def _as_it_came(value: bytes) -> bytes:
    """A change's record up to its specification, in the bytes of whoever wrote it.

    Encoded again it would have the fields that this release knows: another state of the same log than the release
    before left, which `verify` would call wrong.
    """
    return encode(_parts(value)[:_SPEC_FIELDS])


def _check_key(record: Record, tenant: str) -> None:
    if record.key != tenant.encode():
        raise BadRecordError(
            Reason.WRONG_KEY, f"the key is {record.key!r:.100}; it must be the tenant, {tenant!r}, in UTF-8"
        )
