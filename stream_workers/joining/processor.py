"""The joiner as a stage: reads decisions and rewards of a partition, writes outcomes.  `rules` says what it does."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Raw
from msgspec.msgpack import Decoder

from schemas import wire
from schemas.errors import BadRecordError, Reason
from schemas.events import Clock, Decision, Reward
from schemas.joining import EARLY_MS, REMEMBER_MS
from schemas.topics import DECISIONS, OUTCOMES, REWARDS
from stream_workers.runtime.stage import Dead, Emit, Record, State

from .decisions import Decisions
from .entries import Done, Entry, HeldReward, Open, OutcomeOfRecord, encode, name_of, tenant_of
from .held import HeldRewards
from .rules import NEVER, Spans, absorb, check_decision, check_key, is_complete
from .tallies import Tallies

_D: Final = DECISIONS.name
_R: Final = REWARDS.name
_POSITION = b"m"  # next ordinal, decisions watermark, rewards watermark
_decode_position = Decoder(tuple[int, int, int]).decode
_MAX_TENANT = 64  # characters, as schemas.events.Name


class JoinerProcessor:
    """One partition's join.

    early_ms, remember_ms: see `rules.Spans`; they must stay what they are for as long as the logs are replayed.
    cached: decisions and held rewards kept in memory whole from one checkpoint to the next.
    """

    def __init__(
        self,
        partition: int,
        state: State,
        emit: Emit,
        dead: Dead,
        *,
        early_ms: int = EARLY_MS,
        remember_ms: int = REMEMBER_MS,
        cached: int = 16_384,
    ) -> None:
        self.partition = partition
        self._state = state
        self._emit = emit
        self._dead = dead
        self._spans = Spans(early_ms, remember_ms)
        position = state.get(_POSITION)
        self._position = _decode_position(position) if position else (0, NEVER, NEVER)
        self._ordinal, self._decided_until, self._rewarded_until = self._position
        self._decisions = Decisions(state, cached)
        self._held = HeldRewards(state, cached)
        self._tallies = Tallies(state)

    @property
    def watermarks(self) -> dict[str, int | None]:
        """Effective time of the last applied record by topic; None where there was none."""
        return {
            _D: None if self._decided_until == NEVER else self._decided_until,
            _R: None if self._rewarded_until == NEVER else self._rewarded_until,
        }

    def tallies(self) -> dict[str, dict[str, int]]:
        """Counts by tenant; `tallies.COUNTED` names what is counted."""
        return self._tallies.copy()

    def pending(self) -> int:
        """Outcomes that have not ended and rewards that wait for their decision."""
        return self._decisions.open + len(self._held)

    def held(self) -> int:
        """How many rewards wait for a decision that is not known."""
        return len(self._held)

    def clock_wanted(self, idle_ms: Mapping[str, float]) -> tuple[str, ...]:
        """The topics that need a Clock record, so that something that is due can end although nothing else comes.

        idle_ms: by topic, milliseconds since its last record was applied (or, without one, since the partition was
        assigned).  A topic that is left out has records that were not applied yet, and is not asked for.

        The present is taken to be the latest that either topic tells, its watermark plus its idle time: one that never
        had a record, or had its last one long before a restart, tells nothing.
        """
        known = [(topic, mark) for topic, mark in self.watermarks.items() if mark is not None]
        if not known:
            return ()
        now = max(mark + idle_ms.get(topic, 0) for topic, mark in known)
        wanted = []
        held = self._held.earliest()
        if _D in idle_ms and held is not None and held + self._spans.early_ms < now:
            wanted.append(_D)
        deadline = self._decisions.earliest_deadline()
        if _R in idle_ms and deadline is not None and deadline < now:
            wanted.append(_R)
        return tuple(wanted)

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Handle records of decisions or of rewards, in offset order."""
        if topic == _D:
            for record in records:
                self._decided_until = max(self._decided_until, record.timestamp)
                try:
                    event = wire.decode(topic, record.value)
                    if type(event) is Clock:
                        continue
                    check_decision(event, len(record.value or b""))
                    check_key(event.tenant, record.key)
                except BadRecordError as error:
                    self._refuse(topic, record, error)
                    continue
                self._decide(event, record)
        elif topic == _R:
            for record in records:
                self._rewarded_until = max(self._rewarded_until, record.timestamp)
                try:
                    event = wire.decode(topic, record.value)
                    if type(event) is Clock:
                        continue
                    check_key(event.tenant, record.key)
                except BadRecordError as error:
                    self._refuse(topic, record, error)
                    continue
                self._reward(event, record)
        else:
            raise ValueError(f"the joiner reads {_D} and {_R}, not {topic!r}")
        self._sweep()

    def flush(self) -> None:
        """Put what changed into the state."""
        self._decisions.flush()
        self._held.flush()
        self._tallies.flush()
        position = (self._ordinal, self._decided_until, self._rewarded_until)
        if position != self._position:
            self._state.put(_POSITION, encode(position))
            self._position = position

    def _decide(self, decision: Decision, record: Record) -> None:
        """A decision record: a duplicate, or a new decision that takes the rewards held for it."""
        name, decided_at, spans = name_of(decision.tenant, decision.id), self._decided_until, self._spans
        before = self._decisions.latest(name)
        if before is not None and decided_at <= spans.forgotten_after(before.decided_at, before.horizon_ms):
            self._tallies.add(decision.tenant, "duplicate_decisions")
            return
        self._tallies.add(decision.tenant, "decisions")
        ordinal = self._ordinal
        self._ordinal += 1
        horizon_ms = decision.horizon_ms
        entry = Open(name, decided_at, horizon_ms, decision.awaited, {}, record.offset, Raw(record.value or b""))
        self._decisions.add(ordinal, entry)
        if self._held:
            latest = spans.forgotten_after(decided_at, horizon_ms)
            for held in self._held.claim(name, decided_at - spans.early_ms, latest):
                reward = wire.decode(_R, held.value)
                self._join(ordinal, self._decisions.entry(ordinal), reward, held.rewarded_at)

    def _reward(self, reward: Reward, record: Record) -> None:
        """A reward record: it belongs to a known decision, waits for one, or is too old for any."""
        name, rewarded_at = name_of(reward.tenant, reward.decision), self._rewarded_until
        for ordinal in self._decisions.ordinals(name):
            entry = self._decisions.entry(ordinal)
            if self._spans.reaches(entry.decided_at, entry.horizon_ms, rewarded_at):
                self._join(ordinal, entry, reward, rewarded_at)
                return
        if self._spans.beyond_claim(rewarded_at, self._decided_until):
            self._orphan(record, reward.tenant, name)
        else:
            self._held.hold(HeldReward(record.offset, record.timestamp, record.key, record.value, rewarded_at, name))

    def _join(self, ordinal: int, entry: Entry, reward: Reward, rewarded_at: int) -> None:
        """Apply a reward to the decision it belongs to."""
        tenant = reward.tenant
        if rewarded_at > entry.decided_at + entry.horizon_ms:
            self._tallies.add(tenant, "rewards_late")
            return
        if isinstance(entry, Done):
            known = entry.observed
            surplus = any(component not in known for component in reward.observations)
            self._tallies.add(tenant, "rewards_surplus" if surplus else "rewards_duplicate")
            return
        kind = absorb(entry.observations, reward.observations, entry.awaited)
        self._tallies.add(tenant, kind)
        if kind != "rewards_joined":
            return
        self._decisions.touch(ordinal)
        if rewarded_at < entry.decided_at:
            self._tallies.add(tenant, "rewards_early")
        if is_complete(entry.observations, entry.awaited):
            self._end(ordinal, entry, "complete", max(entry.decided_at, rewarded_at))

    def _end(self, ordinal: int, entry: Open, ended: Literal["complete", "horizon"], ended_at: int) -> None:
        tenant = tenant_of(entry.name)
        outcome = OutcomeOfRecord(
            ordinal, ended, entry.decided_at, ended_at, entry.observations, entry.offset, entry.decision
        )
        self._emit(OUTCOMES.name, tenant.encode(), encode(outcome))
        self._tallies.add(tenant, "outcomes_complete" if ended == "complete" else "outcomes_horizon")
        self._decisions.end(ordinal, entry)

    def _sweep(self) -> None:
        """End, give up and forget what the watermarks have passed.  When it runs changes nothing but the memory used:
        until then the same things are told by their times.
        """
        for ordinal, entry in self._decisions.due(self._rewarded_until):
            self._end(ordinal, entry, "horizon", entry.deadline)
        for held in self._held.expire(self._decided_until - self._spans.early_ms):
            self._orphan(held, tenant_of(held.name), held.name)
        self._decisions.forget(min(self._decided_until, self._rewarded_until) - self._spans.remember_ms)

    def _orphan(self, record: Record, tenant: str, name: str) -> None:
        self._tallies.add(tenant, "rewards_orphan")
        decision = name[1 + len(tenant) :]
        detail = f"no decision with id {decision!r} is known, and none came within {self._spans.early_ms} ms"
        self._dead(_R, record, BadRecordError(Reason.ORPHAN, detail))

    def _refuse(self, topic: str, record: Record, error: BadRecordError) -> None:
        self._tallies.add(_tenant_of_key(record.key), "bad")
        self._dead(topic, record, error)


def _tenant_of_key(key: bytes | None) -> str:
    """The tenant a bad record is counted for: its key's, or "" where the key is no tenant's name."""
    try:
        tenant = (key or b"").decode()
    except UnicodeDecodeError:
        return ""
    return tenant if len(tenant) <= _MAX_TENANT else ""
