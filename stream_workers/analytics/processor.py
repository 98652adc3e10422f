"""The analytics stage of one partition: outcomes in, sums per tenant, domain, arm, policy and time out."""

import operator
from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import Raw
from msgspec.msgpack import Decoder

from schemas.domains import DomainSpec
from schemas.errors import BadRecordError, Reason
from schemas.events import UNFOLLOWED_ARM, Outcome, Reward, SpecChange
from schemas.observations import answered_by, was_followed
from schemas.topics import KPIS
from schemas.wire import check_reward, decode, encode
from stream_workers.learning.reward import reward_of
from stream_workers.ordinals import Ordinals
from stream_workers.runtime.stage import Dead, Emit, Record, State

from .bucket import GRANULARITIES, KEPT_SECONDS, Bucket, BucketId, Measured, scan_prefix, start_of
from .measures import baseline_of, propensities_of, terms

#: Buckets kept in memory between checkpoints; about 2 kB each.  Outcomes of older times load theirs again.
CACHED_BUCKETS: Final = 16_384
#: With so many changed ones, they are stored before the checkpoint: it must not stand still for long, nor memory grow.
_CHANGED_BUCKETS: Final = 4096

_SPEC_PREFIX = b"spec/"
_CLOCK = b"clock"
_SPEC_FIELDS: Final = 5  # type, version, tenant, domain, specification
_parts = Decoder(list[Raw]).decode
_SOURCE = "outcomes"
_APPLIED: Final = operator.attrgetter("applied")


class _Open:
    """A bucket in memory."""

    __slots__ = ("applied", "bucket", "changed", "id", "until")

    def __init__(self, bucket_id: BucketId, bucket: Bucket) -> None:
        self.id = bucket_id
        self.bucket = bucket
        self.until = bucket_id.expires()  # it takes nothing from this time on, seconds since 1970
        self.applied = 0  # the offset after the last outcome that changed it
        self.changed = False  # and is not in the state yet


class _Place(NamedTuple):
    """What the buckets of a decision have in common, but for the arm."""

    minute: int  # start, seconds since 1970
    tenant: str
    domain: str
    policy: str
    spec: int


class AnalyticsProcessor:
    """Sums outcomes per bucket; a `Processor` of "outcomes" that emits to "kpis".

    A bucket and its `Kpi` are functions of the log: sums run in its order, an outcome written twice counts once, the
    reward is by the specification in force at the outcome's place, and late outcomes correct the minute, hour and day
    in which their decision was made.  `Kpi.applied` is the offset after the last outcome that changed the bucket, so
    two records of a bucket with the same `applied` are equal, and the one with the highest is its value, also after a
    crash has made older ones appear again.

    Minutes and hours are dropped, and their records with them, when the log's own time has gone on for as long as they
    are kept (`bucket.KEPT_SECONDS`).  That time is the latest moment at which an outcome that counted has ended.

    State: one key per bucket, one per domain's specification, the time, and those of `Ordinals`.
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
        self._prices: dict[tuple[str, str], dict[str, tuple[float, bool]]] = {}  # by arm: price, is the baseline
        for _, value in state.scan(_SPEC_PREFIX):
            self._know(decode("specs", value))
        self._clock_ms = self._stored_clock_ms = int.from_bytes(state.get(_CLOCK) or b"", "big")
        self._looked = -1  # the minute until which expired buckets were looked for
        self._open: dict[_Place, dict[str, list[_Open]]] = {}  # by arm, the shortest granularity first
        self._buckets: dict[BucketId, _Open] = {}
        self._changed: list[_Open] = []

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Handle records of "outcomes" in offset order; those that cannot be counted are dead-lettered."""
        assert topic == _SOURCE, f"analytics reads {_SOURCE}, not {topic}"
        for record in records:
            try:
                self._apply(record)
            except BadRecordError as error:
                self._dead(topic, record, error)
            if len(self._changed) >= _CHANGED_BUCKETS:
                self._store()
                self._forget_most()

    def flush(self) -> None:
        """Put the changed buckets into the state and emit a `Kpi` for each, in the order of their last changes."""
        self._store()
        self._drop()
        if self._clock_ms != self._stored_clock_ms:
            self._state.put(_CLOCK, self._clock_ms.to_bytes(8, "big"))
            self._stored_clock_ms = self._clock_ms
        self._ordinals.flush()
        self._forget_most()

    def _store(self) -> None:
        for each in sorted(self._changed, key=_APPLIED):
            value, record = each.bucket.encoded(each.id, each.applied)
            self._state.put(each.id.key(), value)
            self._emit(KPIS.name, each.id.record_key(), record)
            each.changed = False
        self._changed.clear()

    def _forget_most(self) -> None:
        if len(self._buckets) > self._cached_buckets:
            self._forget()

    def _forget(self) -> None:
        """Let go of buckets: all of them are in the state."""
        self._open.clear()
        self._buckets.clear()

    def _drop(self) -> None:
        """Drop what has expired, and have its records dropped."""
        clock_s = self._clock_ms // 1000
        if clock_s // 60 == self._looked:  # buckets expire at whole minutes
            return
        self._looked = clock_s // 60
        expired = []
        for granularity in KEPT_SECONDS:
            for key, _ in self._state.scan(scan_prefix(granularity)):  # the oldest first
                bucket_id = BucketId.of_key(key)
                if not bucket_id.expired(clock_s):
                    break
                expired.append((key, bucket_id))
        for key, bucket_id in expired:
            self._state.delete(key)
            self._emit(KPIS.name, bucket_id.record_key(), None)
        if expired:
            self._forget()

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
        self._know(SpecChange(change.version, change.tenant, change.domain, spec))
        self._state.put(_SPEC_PREFIX + encode(key), _as_it_came(value))

    def _know(self, change: SpecChange) -> None:
        key = (change.tenant, change.domain)
        self._specs[key] = change
        self._prices[key] = {} if change.spec is None else _prices(change.spec)

    def _count(self, outcome: Outcome, offset: int) -> None:
        # First of all, also for an outcome that is refused below: ordinals have no holes, and a hole would be waited
        # for by `Ordinals` for ever.
        if not self._ordinals.first(outcome.ordinal):
            return
        spec = self._checked(outcome)
        decision, observations = outcome.decision, outcome.observations
        self._clock_ms = max(self._clock_ms, outcome.ended_at_ms)
        reward, complete = reward_of(spec, observations)
        followed, propensities = was_followed(observations), propensities_of(decision)
        one = Measured.of(
            observations, reward, complete, followed=followed, propensities=propensities, choice=decision.choice,
            allowed=spec.budget.cost_per_request if spec.budget is not None else None,
            feedback_ms=outcome.ended_at_ms - outcome.decided_at_ms if outcome.ended == "complete" else None,
        )  # fmt: skip
        place = _Place(
            start_of("minute", outcome.decided_at_ms), decision.tenant, decision.domain, decision.policy, decision.spec
        )
        arm = decision.arm if followed else answered_by(decision, observations) or UNFOLLOWED_ARM
        for each in self._touched(place, arm, offset):
            each.add(one)
        if followed and propensities is not None:
            for term in terms(decision, propensities, reward):
                for each in self._touched(place, term.arm, offset):
                    each.add_term(term)

    def _checked(self, outcome: Outcome) -> DomainSpec:
        """The specification in force; BadRecordError: there is none, or the outcome cannot be counted."""
        decision = outcome.decision
        if decision.choice >= len(decision.arms):
            raise BadRecordError(
                Reason.INVALID,
                f"decision {decision.id!r} chose arm number {decision.choice} of {len(decision.arms)}; "
                "numbers start from 0",
            )
        if outcome.observations:
            check_reward(Reward(decision.id, decision.tenant, decision.id, outcome.observations))
        change = self._specs.get((decision.tenant, decision.domain))
        if change is None or change.spec is None:
            raise BadRecordError(
                Reason.UNKNOWN_DOMAIN,
                f"domain {decision.domain!r} of tenant {decision.tenant!r} has no specification at this point of the "
                "log; apply one with `croupier domains apply`",
            )
        return change.spec

    def _touched(self, place: _Place, arm: str, offset: int) -> list[Bucket]:
        """The buckets that take what is counted of an arm: of each granularity that has not expired."""
        arms = self._open.get(place)
        if arms is None:
            arms = self._open[place] = {}
        known = arms.get(arm)
        if known is None:
            known = arms[arm] = self._opened(place, arm)
        clock_s = self._clock_ms // 1000
        price, baseline = self._prices[place.tenant, place.domain].get(arm, (0.0, False))
        found = []
        for each in known:
            if each.until <= clock_s:
                continue
            if not each.changed:
                each.changed = True
                self._changed.append(each)
            each.applied = offset + 1
            each.bucket.price, each.bucket.baseline = price, baseline
            found.append(each.bucket)
        return found

    def _opened(self, place: _Place, arm: str) -> list[_Open]:
        found = []
        for granularity in GRANULARITIES:
            start = start_of(granularity, 1000 * place.minute)
            bucket_id = BucketId(granularity, start, place.tenant, place.domain, arm, place.policy, place.spec)
            each = self._buckets.get(bucket_id)
            if each is None:
                value = self._state.get(bucket_id.key())
                bucket = Bucket() if value is None else Bucket.from_bytes(value)
                each = self._buckets[bucket_id] = _Open(bucket_id, bucket)
            found.append(each)
        return found


def _prices(spec: DomainSpec) -> dict[str, tuple[float, bool]]:
    """By arm: its price, and whether it is the baseline."""
    baseline = baseline_of(spec)
    return {arm.name: (arm.price, arm.name == baseline) for arm in spec.arms}


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
