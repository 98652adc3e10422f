"""The join said naively: both logs whole, a loop over one inside a loop over the other.

It shares no code with the stage; the rules are those in the docstring of `stream_workers/joining/rules.py`.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from schemas.errors import BadRecordError, Reason
from schemas.events import Clock, Decision, Outcome, Reward
from schemas.wire import decode


@dataclass(frozen=True)
class LogRecord:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass
class Truth:
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    dead: set[tuple[str, int, Reason]] = field(default_factory=set)
    tallies: dict[str, Counter[str]] = field(default_factory=dict)
    open: int = 0
    held: int = 0
    remembered: int = 0  # decisions that must still be known: open, or a log's end is not past their memory

    def count(self, tenant: str, what: str) -> None:
        self.tallies.setdefault(tenant, Counter())[what] += 1


def truth(decisions: list[LogRecord], rewards: list[LogRecord], early: int, remember: int) -> Truth:
    out = Truth()
    timed_decisions, decided_until = _read("decisions", decisions, out)
    timed_rewards, rewarded_until = _read("rewards", rewards, out)

    counted: list[tuple[int, Decision, LogRecord]] = []
    for time, decision, record in timed_decisions:
        known = any(
            other.tenant == decision.tenant and other.id == decision.id and then + other.horizon_ms + remember >= time
            for then, other, _ in counted
        )
        if known:
            out.count(decision.tenant, "duplicate_decisions")
        else:
            out.count(decision.tenant, "decisions")
            counted.append((time, decision, record))

    belonging: dict[int, list[tuple[int, Reward]]] = {}
    for time, reward, record in timed_rewards:
        for ordinal, (decided, decision, _) in enumerate(counted):
            same = (decision.tenant, decision.id) == (reward.tenant, reward.decision)
            if same and decided - early <= time <= decided + decision.horizon_ms + remember:
                belonging.setdefault(ordinal, []).append((time, reward))
                break
        else:
            if decided_until is not None and decided_until > time + early:
                out.count(reward.tenant, "rewards_orphan")
                out.dead.add(("rewards", record.offset, Reason.ORPHAN))
            else:
                out.held += 1

    for ordinal, (decided, decision, record) in enumerate(counted):
        _end(out, ordinal, decided, decision, record, belonging.get(ordinal, []), rewarded_until)
        until = decided + decision.horizon_ms + remember
        passed = decided_until is not None and rewarded_until is not None and min(decided_until, rewarded_until) > until
        out.remembered += not passed
    return out


def _end(
    out: Truth,
    ordinal: int,
    decided: int,
    decision: Decision,
    record: LogRecord,
    rewards: list[tuple[int, Reward]],
    rewarded_until: int | None,
) -> None:
    tenant = decision.tenant
    seen: dict[str, float] = {}
    ended: Literal["complete", "horizon"] | None = None
    ended_at = 0
    for time, reward in rewards:
        new = [name for name in reward.observations if name not in seen]
        if time > decided + decision.horizon_ms:
            out.count(tenant, "rewards_late")
        elif not new:
            out.count(tenant, "rewards_duplicate")
        elif ended:
            out.count(tenant, "rewards_surplus")
        else:
            seen.update({name: reward.observations[name] for name in new})
            out.count(tenant, "rewards_joined")
            if time < decided:
                out.count(tenant, "rewards_early")
            if decision.awaited and set(decision.awaited) <= set(seen):
                ended, ended_at = "complete", max(decided, time)
    if not ended and rewarded_until is not None and rewarded_until > decided + decision.horizon_ms:
        ended, ended_at = "horizon", decided + decision.horizon_ms
    if not ended:
        out.open += 1
        return
    out.count(tenant, f"outcomes_{ended}")
    out.outcomes[ordinal] = Outcome(ordinal, ended, decided, ended_at, seen, record.offset, decision)


def _read(topic: str, log: list[LogRecord], out: Truth) -> tuple[list[tuple[int, object, LogRecord]], int | None]:
    timed = []
    latest: int | None = None
    for record in log:
        latest = record.timestamp if latest is None else max(latest, record.timestamp)
        try:
            event = decode(topic, record.value)
        except BadRecordError as error:
            _bad(out, topic, record, error.reason)
            continue
        if isinstance(event, Clock):
            continue
        if isinstance(event, Decision) and (
            event.choice >= len(event.arms) or len(event.propensities) != 4 * len(event.arms)
        ):
            _bad(out, topic, record, Reason.INVALID)
        elif record.key != event.tenant.encode():
            _bad(out, topic, record, Reason.WRONG_KEY)
        else:
            timed.append((latest, event, record))
    return timed, latest


def _bad(out: Truth, topic: str, record: LogRecord, reason: Reason) -> None:
    out.dead.add((topic, record.offset, reason))
    out.count(record.key.decode() if record.key else "", "bad")
