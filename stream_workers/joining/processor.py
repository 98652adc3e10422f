"""The joiner as a stage: reads decisions and rewards of a partition, writes outcomes.  `rules` says what it does."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec.msgpack import Decoder
from numpy.typing import NDArray

from schemas.errors import BadRecordError, Reason
from schemas.events import Decision
from schemas.joining import EARLY_MS, REMEMBER_MS
from schemas.topics import DECISIONS, OUTCOMES, REWARDS
from stream_workers.columnar.rows import FetchedRecords, Rows
from stream_workers.runtime.stage import Dead, Emit, EmitRows, Record, State, one_by_one

from .batch import Batch, BatchReader, effective_times
from .columns import HELD, ORPHAN, VERDICT
from .decisions import Decisions
from .entries import encode, tenant_of
from .held import HeldRewards
from .rules import NEVER, Spans
from .tallies import BAD, REWARDS_ORPHAN, Tallies

#: watcher(records, ordinals, times): decision records that were read; ordinals (n,), -1 of those that do not count, and
#: their effective times (n,) ms.
Watcher = Callable[[FetchedRecords, NDArray[np.int64], NDArray[np.int64]], None]

_D: Final = DECISIONS.name
_R: Final = REWARDS.name
#: Records after which what is due is ended: outcomes are in the order of their ends but for so many of a topic.  The
#: learner's checks wait for more (`honesty.stretches.QUIET`).
AT_ONCE: Final = 512

_POSITION = b"m"  # next ordinal, decisions watermark, rewards watermark
_decode_position = Decoder(tuple[int, int, int]).decode
_decode_decision = Decoder(Decision).decode
_MAX_TENANT = 64  # characters, as schemas.events.Name


class JoinerProcessor:
    """One partition's join.

    early_ms, remember_ms: see `rules.Spans`; they must stay what they are for as long as the logs are replayed.
    emit_rows: takes many outcomes at once; without it they go through `emit`, one by one.
    cached_bytes: records of decisions, and of held rewards, kept in memory from one checkpoint to the next.
    plain: whether plain records are read in batches; without it all are read one by one, with the same result.
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
        emit_rows: EmitRows | None = None,
        cached_bytes: int = 16 * 1024 * 1024,
        plain: bool = True,
    ) -> None:
        self.partition = partition
        self._state = state
        self._emit_rows = emit_rows or one_by_one(emit)
        self._dead = dead
        self._spans = Spans(early_ms, remember_ms)
        self._watchers: list[Watcher] = []
        self._followers: list[Callable[[Rows], None]] = []
        position = state.get(_POSITION)
        self._position = _decode_position(position) if position else (0, NEVER, NEVER)
        ordinal, self._decided_until, self._rewarded_until = self._position
        self._tallies = Tallies(state)
        self._reader = BatchReader(self._tallies, plain)
        self._decisions = Decisions(state, self._tallies, ordinal, cached_bytes, self._ended)
        self._held = HeldRewards(state, self._tallies, self._reader, cached_bytes)

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

    def find_open(self, tenant: str, decision: str) -> tuple[Decision, dict[str, float]] | None:
        """A decision whose outcome has not ended, and what was observed of it so far; None: there is none."""
        found = self._decisions.find_open(tenant.encode(), decision.encode())
        return None if found is None else (_decode_decision(found[0]), found[1])

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody, from now on, of every decision record that is read."""
        self._watchers.append(watcher)

    def known_of(self, tenant: bytes) -> list[tuple[int, int, bytes | None]]:
        """Ordinal, effective time and record of a tenant's decisions that are open or remembered; of the latter no
        record.
        """
        return self._decisions.known_of(tenant)

    def tell(self, follower: Callable[[Rows], None]) -> None:
        """Tell somebody, from now on, of the outcomes that end."""
        self._followers.append(follower)

    def _ended(self, outcomes: Rows) -> None:
        self._emit_rows(OUTCOMES.name, outcomes)
        for follower in self._followers:
            follower(outcomes)

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Handle records of decisions or of rewards, in offset order."""
        fetched = FetchedRecords.of(records)
        if topic not in (_D, _R):
            raise ValueError(f"the joiner reads {_D} and {_R}, not {topic!r}")
        handle = self._decide if topic == _D else self._reward
        for begin in range(0, max(len(fetched), 1), AT_ONCE):
            handle(fetched[begin : begin + AT_ONCE])
            self._sweep()

    def flush(self) -> None:
        """Put what changed into the state."""
        self._decisions.flush()
        self._held.flush()
        self._tallies.flush()
        position = (self._decisions.next_ordinal, self._decided_until, self._rewarded_until)
        if position != self._position:
            self._state.put(_POSITION, encode(position))
            self._position = position

    def _decide(self, fetched: FetchedRecords) -> None:
        """Decision records: duplicates, or new decisions that take the rewards held for them."""
        if not len(fetched):
            return
        times = effective_times(fetched.timestamps, self._decided_until)
        self._decided_until = int(times[-1])
        batch = self._reader.decisions(fetched, times)
        for row, error in batch.refused:
            self._refuse(_D, fetched[row], error)
        spans = self._spans
        fresh = self._decisions.add(
            batch.data, fetched.offsets, fetched.value_at, fetched.value_size, batch.parsed, spans.remember_ms
        )
        if self._watchers:
            ordinals = self._decisions.ordinals(fresh)
            for watcher in self._watchers:
                watcher(fetched, ordinals, times)
        if self._held:
            self._join(self._held.claim(batch, fresh, spans.early_ms, spans.remember_ms))

    def _reward(self, fetched: FetchedRecords) -> None:
        """Reward records: of a known decision, waiting for one, or too old for any."""
        if not len(fetched):
            return
        times = effective_times(fetched.timestamps, self._rewarded_until)
        self._rewarded_until = int(times[-1])
        batch = self._reader.rewards(fetched, times)
        self._join(batch)
        refused = dict(batch.refused)
        verdicts = batch.parsed[:, VERDICT]
        for row in sorted((*refused, *np.flatnonzero(verdicts == ORPHAN).tolist())):
            if row in refused:
                self._refuse(_R, fetched[row], refused[row])
            else:
                self._orphan(fetched[row], self._reader.name(batch, row))
        if (verdicts == HELD).any():
            self._held.hold(fetched, batch)

    def _join(self, batch: Batch) -> None:
        spans = self._spans
        self._decisions.join(batch.data, batch.parsed, spans.early_ms, spans.remember_ms, self._decided_until)

    def _sweep(self) -> None:
        """End, give up and forget what the watermarks have passed.  When it runs changes nothing but the memory used:
        until then the same things are told by their times.
        """
        self._decisions.end_due(self._rewarded_until)
        for held in self._held.expire(self._decided_until - self._spans.early_ms):
            self._tallies.add(self._tallies.number(tenant_of(held.name).encode()), REWARDS_ORPHAN)
            self._orphan(held, held.name)
        until = min(self._decided_until, self._rewarded_until)
        if until != NEVER:
            self._decisions.forget(until - self._spans.remember_ms)

    def _orphan(self, record: Record, name: str) -> None:
        decision = name[1 + len(tenant_of(name)) :]
        detail = f"no decision with id {decision!r} is known, and none came within {self._spans.early_ms} ms"
        self._dead(_R, record, BadRecordError(Reason.ORPHAN, detail))

    def _refuse(self, topic: str, record: Record, error: BadRecordError) -> None:
        self._tallies.add(self._tallies.number(_tenant_of_key(record.key)), BAD)
        self._dead(topic, record, error)


def _tenant_of_key(key: bytes | None) -> bytes:
    """The tenant a bad record is counted for: its key's, or "" where the key is no tenant's name."""
    try:
        tenant = (key or b"").decode()
    except UnicodeDecodeError:
        return b""
    return (key or b"") if len(tenant) <= _MAX_TENANT else b""
