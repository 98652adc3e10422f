"""The outcomes of tenants that have opted in: those learned while they had, and none of anybody else."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np

from schemas import wire
from schemas.domains import DomainSpec, Input
from schemas.errors import BadRecordError
from schemas.events import Outcome, SpecChange
from schemas.observations import was_followed
from schemas.topics import OUTCOMES
from stream_workers.bandits.fleet import Blocks, contribution
from stream_workers.learning.outcomes import check
from stream_workers.learning.reward import reward_of
from stream_workers.ordinals import Ordinals
from stream_workers.runtime.stage import MemoryState

#: The last outcomes of a tenant that its share is made of.
MOST_OUTCOMES: Final = 5000

Name = tuple[str, str]  # tenant, domain


class Sort(NamedTuple):
    """Domains whose features mean the same: of one name, with as many."""

    domain: str
    features: int
    inputs: tuple[Input, ...]


class _Row(NamedTuple):
    features: bytes
    arm: str
    reward: float


class Partition:
    """Reads one partition of outcomes, in order of offset."""

    def __init__(self) -> None:
        self._specs: dict[Name, SpecChange] = {}
        self._rows: dict[Name, deque[_Row]] = {}
        self._ordinals = Ordinals(MemoryState())

    def feed(self, records: Iterable[Any]) -> None:
        """Take the next records."""
        for record in records:
            try:
                event = wire.decode(OUTCOMES.name, record.value)
            except BadRecordError:
                continue
            tenant = event.tenant if isinstance(event, SpecChange) else event.decision.tenant
            if record.key != tenant.encode():
                continue
            if isinstance(event, SpecChange):
                self._change(event)
            else:
                self._take(event)

    def opted_in(self) -> dict[Name, DomainSpec]:
        """The domains that are opted in at the end of what was read."""
        return {name: each.spec for name, each in self._specs.items() if each.spec is not None and each.spec.fleet}

    def share(self, name: Name, arms: tuple[str, ...]) -> Blocks:
        """What an opted-in domain adds, over these arms."""
        spec = self.opted_in()[name]
        index = {arm: place for place, arm in enumerate(arms)}
        rows = [row for row in self._rows.get(name, ()) if row.arm in index]
        features = np.frombuffer(b"".join(row.features for row in rows), "<f4").reshape(len(rows), spec.width)
        chosen = np.array([index[row.arm] for row in rows], np.int64)
        return contribution(len(arms), features, chosen, np.array([row.reward for row in rows], np.float64))

    def _change(self, change: SpecChange) -> None:
        name = (change.tenant, change.domain)
        known = self._specs.get(name)
        if known is not None and change.version <= known.version:
            return
        self._specs[name] = change
        before, spec = None if known is None else known.spec, change.spec
        if spec is None or not spec.fleet or before is None or _sort(before) != _sort(spec):
            self._rows.pop(name, None)  # opted out, or the numbers mean something else

    def _take(self, outcome: Outcome) -> None:
        if not self._ordinals.first(outcome.ordinal):
            return
        decision = outcome.decision
        name = (decision.tenant, decision.domain)
        change = self._specs.get(name)
        if change is None or change.spec is None or not change.spec.fleet:
            return
        try:
            check(outcome, change.spec)
        except BadRecordError:
            return
        if not was_followed(outcome.observations):
            return
        reward, _ = reward_of(change.spec, outcome.observations)
        rows = self._rows.setdefault(name, deque(maxlen=MOST_OUTCOMES))
        rows.append(_Row(decision.features, decision.arm, reward))


def _sort(spec: DomainSpec) -> Sort:
    return Sort(spec.domain, spec.features, spec.inputs)


class Group(NamedTuple):
    """The opted-in tenants of one sort of domain, in order of name, with what each adds."""

    sort: Sort
    width: int
    arms: tuple[str, ...]
    arm_tenants: tuple[int, ...]
    tenants: tuple[str, ...]
    shares: tuple[Blocks, ...]


def groups(partitions: Iterable[Partition]) -> list[Group]:
    """All of them, by domain.  Arms: those that at least one tenant declares, at most 64, the most common first."""
    members: dict[Sort, list[tuple[str, DomainSpec, Partition]]] = {}
    for partition in partitions:
        for (tenant, _), spec in partition.opted_in().items():
            members.setdefault(_sort(spec), []).append((tenant, spec, partition))
    found = []
    for sort in sorted(members):
        own = sorted(members[sort], key=lambda each: each[0])
        counts: dict[str, int] = {}
        for _, spec, _ in own:
            for arm in spec.arms:
                counts[arm.name] = counts.get(arm.name, 0) + 1
        arms = tuple(sorted(sorted(counts), key=lambda arm: -counts[arm])[:64])
        shares = tuple(partition.share((tenant, sort.domain), arms) for tenant, _, partition in own)
        tenants = tuple(tenant for tenant, _, _ in own)
        found.append(Group(sort, own[0][1].width, arms, tuple(counts[arm] for arm in arms), tenants, shares))
    return found
