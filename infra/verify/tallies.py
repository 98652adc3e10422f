"""What is counted for one tenant's domain."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from schemas.domains import DomainSpec
from schemas.events import Outcome
from schemas.observations import was_followed
from stream_workers.learning.reward import reward_of

from .join import KINDS


@dataclass(frozen=True, slots=True)
class TenantDomainFigures:
    """One tenant's domain, as the log shows it.  Means are None when nothing of the kind was observed."""

    tenant: str
    domain: str
    interactions: int  # decisions that count
    outcomes: int  # of which have ended, as a reader of outcomes counts
    complete: int
    horizon: int
    decisions_lost: int
    reward_mean: float | None  # of outcomes, by the specification in force at their place in the log
    reward_observed_mean: float | None  # of those in which every required component was observed
    cost_mean: float | None  # USD, of outcomes in which "cost" was observed
    success_mean: float | None  # of outcomes in which "success" was observed
    latency_ms_p50: float | None  # append time of a context's first decision less the context's
    latency_ms_p99: float | None
    arms: dict[str, int]  # decisions by chosen arm
    rewards: dict[str, int]  # joined, duplicate, surplus, late; early: how many came before their decision
    unfollowed: int  # of the outcomes: nobody acted on the decision; means include what was observed of another arm


class _Mean:
    """Sum and count."""

    __slots__ = ("count", "total")

    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, value: float) -> None:
        self.total += value
        self.count += 1

    def merge(self, other: "_Mean") -> None:
        self.total += other.total
        self.count += other.count

    def value(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class Tally:
    """Sums that lead to a `TenantDomainFigures`; 8 bytes for each decision, the rest constant."""

    interactions: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    reward: _Mean = field(default_factory=_Mean)
    observed: _Mean = field(default_factory=_Mean)
    cost: _Mean = field(default_factory=_Mean)
    success: _Mean = field(default_factory=_Mean)
    latencies_ms: "array[int]" = field(default_factory=lambda: array("q"))
    arms: Counter[str] = field(default_factory=Counter)
    rewards: Counter[str] = field(default_factory=Counter)
    unfollowed: int = 0

    def outcome(self, outcome: Outcome, spec: DomainSpec | None) -> None:
        """Count an outcome.  spec: in force at its place in the log, None if there is none (no reward is known)."""
        self.ended[outcome.ended] += 1
        self.unfollowed += not was_followed(outcome.observations)
        if spec is not None:
            reward, complete = reward_of(spec, outcome.observations)
            self.reward.add(reward)
            if complete:
                self.observed.add(reward)
        for name, mean in (("cost", self.cost), ("success", self.success)):
            value = outcome.observations.get(name)
            if value is not None:
                mean.add(value)

    def merge(self, other: "Tally") -> None:
        """Add what another partition has of the same domain."""
        self.interactions += other.interactions
        self.ended.update(other.ended)
        self.lost += other.lost
        self.reward.merge(other.reward)
        self.observed.merge(other.observed)
        self.cost.merge(other.cost)
        self.success.merge(other.success)
        self.latencies_ms.extend(other.latencies_ms)
        self.arms.update(other.arms)
        self.rewards.update(other.rewards)
        self.unfollowed += other.unfollowed

    def figures(self, tenant: str, domain: str) -> TenantDomainFigures:
        """The figures."""
        p50, p99 = np.percentile(self.latencies_ms, (50, 99)) if self.latencies_ms else (None, None)
        return TenantDomainFigures(
            tenant,
            domain,
            interactions=self.interactions,
            outcomes=self.ended.total(),
            complete=self.ended["complete"],
            horizon=self.ended["horizon"],
            decisions_lost=self.lost,
            reward_mean=self.reward.value(),
            reward_observed_mean=self.observed.value(),
            cost_mean=self.cost.value(),
            success_mean=self.success.value(),
            latency_ms_p50=None if p50 is None else float(p50),
            latency_ms_p99=None if p99 is None else float(p99),
            arms=dict(sorted(self.arms.items())),
            rewards={kind: self.rewards[kind] for kind in (*KINDS, "early") if kind != "orphan"},
            unfollowed=self.unfollowed,
        )
