"""What belongs to what: the rules of the join, functions of the decisions log and the rewards log alone.

The two logs of a partition are read at different paces, and after a crash they interleave differently.  So nothing here
asks what had been processed when; every question is answered by the logs' own times:

- **Effective time** of a record is the largest append timestamp of its topic's partition up to and including it, bad
  records too: a broker's clock that jumps back changes nothing.  D is a decision's effective time, R a reward's.  The
  watermark of a topic is the effective time of its last applied record.  Clock records only move watermarks.
- **A decision counts** unless an earlier decision of the same tenant and id that counts is still remembered at D: then
  it is a duplicate and ignored.  A decision is remembered until D + horizon + remember.  Decisions that count have the
  ordinals 0, 1, 2, ... of their partition.
- **A reward belongs** to the first decision (lowest ordinal) of its tenant and decision id that counts and has
  D - early <= R <= D + horizon + remember.  A used id may be used again once it is forgotten, so there can be two; then
  a reward in reach of both is the first one's.
- The rewards of a decision are applied in order of offset; the first observation of a component is the one that stays.
  A reward is
    *joined* when R <= D + horizon and it brings at least one new component to an outcome that has not ended
    (if R < D it is counted as *early*, too),
    *duplicate* when R <= D + horizon and all its components had been observed,
    *surplus* when R <= D + horizon and it has a new component, but the outcome was complete or has no room for it,
    *late* when R > D + horizon,
    *orphan* when it belongs to no decision, and none to come can claim it: decisions watermark > R + early.
- **An outcome ends** as *complete* with the reward after which all awaited components were observed, at max(D, R); or
  as *horizon*, at D + horizon, when the rewards watermark is greater than that.  With nothing awaited it is always the
  horizon.
- An outcome has room for `MAX_OBSERVATIONS` components, and a component that is not awaited may not take the place of
  one that is: with w awaited components, at most `MAX_OBSERVATIONS` - w others are kept.

Times are milliseconds since 1970, intervals milliseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.errors import BadRecordError, Reason
from schemas.events import MAX_EVENT_BYTES, MAX_OBSERVATIONS, Decision
from schemas.joining import EARLY_MS, REMEMBER_MS

#: What became of a reward; the values are the names under which it is counted.
Kind = Literal["rewards_joined", "rewards_duplicate", "rewards_surplus", "rewards_late"]

#: The watermark of a topic without records: before every time there is.
NEVER = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Spans:
    """The two intervals that are the joiner's own; the horizon is each decision's."""

    early_ms: int = EARLY_MS  # a reward may be appended this long before its decision
    remember_ms: int = REMEMBER_MS  # after the horizon, a decision is known for this long

    def __post_init__(self) -> None:
        if self.early_ms < 0 or self.remember_ms < 0:
            raise ValueError(
                f"early_ms is {self.early_ms} and remember_ms is {self.remember_ms}; neither may be negative"
            )

    def forgotten_after(self, decided_at: int, horizon_ms: int) -> int:
        """The last moment at which the decision is known: to a duplicate of it and to a late reward."""
        return decided_at + horizon_ms + self.remember_ms

    def reaches(self, decided_at: int, horizon_ms: int, rewarded_at: int) -> bool:
        """Whether a reward is near enough in time to be about the decision, in time or late."""
        return decided_at - self.early_ms <= rewarded_at <= decided_at + horizon_ms + self.remember_ms

    def beyond_claim(self, rewarded_at: int, decided_until: int) -> bool:
        """Whether no decision can claim the reward any more.  decided_until: the decisions watermark."""
        return decided_until > rewarded_at + self.early_ms


def absorb(kept: dict[str, float], brought: Mapping[str, float], awaited: tuple[str, ...]) -> Kind:
    """Add to `kept`, in place, what a reward that is in time brings to an outcome that has not ended."""
    if len(kept) + len(brought) + len(awaited) <= MAX_OBSERVATIONS:  # room for everything: the usual case
        before = len(kept)
        for name, value in brought.items():
            if name not in kept:
                kept[name] = value
        return "rewards_joined" if len(kept) > before else "rewards_duplicate"
    kind: Kind = "rewards_duplicate"
    expected = frozenset(awaited)
    room = MAX_OBSERVATIONS - len(expected | kept.keys())
    for name, value in brought.items():
        if name in kept:
            continue
        if name not in expected:
            if room <= 0:
                if kind == "rewards_duplicate":
                    kind = "rewards_surplus"
                continue
            room -= 1
        kept[name] = value
        kind = "rewards_joined"
    return kind


def is_complete(kept: Mapping[str, float], awaited: tuple[str, ...]) -> bool:
    """Whether everything awaited was observed.  With nothing awaited only the horizon ends an outcome."""
    if not awaited:
        return False
    for name in awaited:  # noqa: SIM110 - half the time of all() over a generator, once per reward
        if name not in kept:
            return False
    return True


def check_decision(decision: Decision, size: int) -> None:
    """Refuse a decision that nobody could learn from.  size: bytes of its record; raises BadRecordError."""
    arms = len(decision.arms)
    if decision.choice >= arms:
        raise BadRecordError(
            Reason.INVALID, f"choice is {decision.choice}, but there are {arms} arms; expected 0 to {arms - 1}"
        )
    if len(decision.propensities) != 4 * arms:
        raise BadRecordError(
            Reason.INVALID,
            f"propensities has {len(decision.propensities)} bytes; expected {4 * arms}, a float32 for each of the "
            f"{arms} arms",
        )
    if len(decision.awaited) > MAX_OBSERVATIONS:
        raise BadRecordError(
            Reason.INVALID,
            f"awaited has {len(decision.awaited)} components; an outcome holds at most {MAX_OBSERVATIONS}",
        )
    if size > MAX_EVENT_BYTES:
        # An outcome holds its decision and must fit into the topic: what is too large is refused before it is joined.
        raise BadRecordError(Reason.TOO_LARGE, f"{size} bytes; at most {MAX_EVENT_BYTES} are accepted")


def check_key(tenant: str, key: bytes | None) -> None:
    """Refuse a record that is not in its tenant's partition, or that moves another tenant's state."""
    if key != tenant.encode():
        raise BadRecordError(Reason.WRONG_KEY, f"the key is {key!r:.80}; expected the tenant, {tenant!r:.80}, in UTF-8")
