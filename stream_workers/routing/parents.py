"""What is known of the decisions that requests follow from (`Context.after`), at the moment they are decided.

The joiner knows all decisions that are open, with what was observed, and the learner remembers the last outcomes of
domains that others look at: both from logs, so a restart changes nothing.  Both read with a delay of milliseconds what
this very process wrote, so for the tenants that make chains it is kept here, too.  The router waits at its start until
the joiner has read what its predecessor decided: of two decisions with one id the first is known, the one that counts.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from schemas import topics, wire
from schemas.events import Decision, Outcome

from ..columnar.rows import Rows
from ..joining.processor import JoinerProcessor
from ..learning.processor import LearnerProcessor
from ..learning.recent import Ended, ended
from ..learning.reward import reward_of

#: A chain has at most so many decisions.
LONGEST: Final = 8

#: Decisions, and outcomes, of this process that are kept until learner and joiner have surely read them.
_KEPT: Final = 4096


class Parent(NamedTuple):
    """A decision, what was observed, and what it earned as far as that is known (None: nothing yet)."""

    domain: str
    arm: str
    propensity: float
    after: str | None
    chain: float | None
    observations: dict[str, float]
    reward: float | None


class Parents:
    """Of one partition.  joiner: None where there is none (an offline replay): then only what ended is known."""

    def __init__(self, learner: LearnerProcessor, joiner: JoinerProcessor | None = None) -> None:
        self._learner = learner
        self._joiner = joiner
        self._following: set[str] = set()  # tenants that sent a request with `after`
        self._decided: OrderedDict[tuple[str, str], Parent] = OrderedDict()
        self._ended: OrderedDict[tuple[str, str], Parent] = OrderedDict()
        if joiner is not None:
            joiner.tell(self.ended)

    def chain(self, tenant: str, decision: str) -> float | None:
        """Product of the propensities of what was chosen up to and including this decision; None: not known."""
        self._following.add(tenant)
        parent = self.find(tenant, decision)
        if parent is None:
            return None
        before = 1.0 if parent.after is None else parent.chain
        return None if before is None else before * parent.propensity

    def of_domain(self, tenant: str, decision: str, domain: str) -> Parent | None:
        """The nearest decision of a domain in the chain that ends with this one."""
        self._following.add(tenant)
        following: str | None = decision
        for _ in range(LONGEST):
            parent = None if following is None else self.find(tenant, following)
            if parent is None:
                return None
            if parent.domain == domain:
                return parent
            following = parent.after
        return None

    def recent_reward(self, tenant: str, domain: str, unit: str | None) -> float | None:
        """What the last outcomes of a domain earned in the mean: of a unit, or of all; None: there are none."""
        return self._learner.recent_outcomes.recent_reward((tenant, domain), unit)

    def find(self, tenant: str, decision: str) -> Parent | None:
        """A decision of a tenant, if it is known."""
        found = None if self._joiner is None else self._joiner.find_open(tenant, decision)
        if found is not None:
            return self._open(*found)
        recent = self._learner.recent_outcomes
        for owner, domain in recent.looked_at:
            if owner == tenant and (outcome := recent.find((owner, domain), decision)) is not None:
                return _over(domain, outcome)
        name = (tenant, decision)
        return self._ended.get(name) or self._decided.get(name)

    def decided(self, rows: Rows) -> None:
        """The router has decided these."""
        if self._wants_any():
            for value in self._wanted(rows.pairs()):
                self._note(value)

    def decided_one(self, key: bytes, value: bytes) -> None:
        """The router has decided this one."""
        if self._wants_any():
            for each in self._wanted([(key, value)]):
                self._note(each)

    def ended(self, rows: Rows) -> None:
        """These outcomes have ended."""
        if self._wants_any():
            for value in self._wanted(rows.pairs()):
                outcome: Outcome = wire.decode(topics.OUTCOMES.name, value)
                decision = outcome.decision
                state = self._learner.domain(decision.tenant, decision.domain)
                if state is not None:
                    self._ended[decision.tenant, decision.id] = _over(decision.domain, ended(outcome, state.spec))
                    if len(self._ended) > _KEPT:
                        self._ended.popitem(last=False)

    def _wants_any(self) -> bool:
        return bool(self._following or self._learner.recent_outcomes.looked_at)

    def _note(self, value: bytes) -> None:
        decision: Decision = wire.decode(topics.DECISIONS.name, value)
        self._decided.setdefault((decision.tenant, decision.id), self._open(decision, {}))
        if len(self._decided) > _KEPT:
            self._decided.popitem(last=False)

    def _wanted(self, pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
        tenants = self._following | {tenant for tenant, _ in self._learner.recent_outcomes.looked_at}
        keys = {tenant.encode() for tenant in tenants}
        return (value for key, value in pairs if key in keys)

    def _open(self, decision: Decision, observations: dict[str, float]) -> Parent:
        state = self._learner.domain(decision.tenant, decision.domain) if observations else None
        reward, complete = (0.0, False) if state is None else reward_of(state.spec, observations)
        propensity = float(np.frombuffer(decision.propensities, "<f4")[decision.choice])
        return Parent(
            decision.domain, decision.arm, propensity, decision.after, decision.chain, observations,
            reward if complete else None,
        )  # fmt: skip


def _over(domain: str, outcome: Ended) -> Parent:
    return Parent(
        domain, outcome.arm, outcome.propensity, outcome.after, outcome.chain, outcome.observations,
        outcome.reward if outcome.complete else None,
    )  # fmt: skip
