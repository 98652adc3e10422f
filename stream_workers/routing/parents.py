"""What is known of the decisions that requests follow from (`Context.after`), at the moment they are decided.

The joiner knows all decisions that are open, with what was observed, and the learner remembers the last outcomes of
domains that others look at: both from logs, so a restart changes nothing.  Both read with a delay of milliseconds what
this very process wrote, so for the tenants that make chains it is kept here, too.  The router waits at its start until
the joiner has read what its predecessor decided: of two decisions with one id the first is known, the one that counts.

A decision that nobody acted on (`observations.was_followed`) is as if it were not known: nothing follows from it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from schemas import topics, wire
from schemas.events import Decision, Outcome
from schemas.observations import was_followed

from ..columnar.memory import Bytes
from ..columnar.rows import Places, Rows
from ..joining.processor import JoinerProcessor
from ..learning.processor import LearnerProcessor
from ..learning.recent import Ended, ended
from ..learning.reward import reward_of

#: A chain has at most so many decisions.
LONGEST: Final = 8

#: Decisions, and outcomes, of this process that are kept until learner and joiner have surely read them.
_KEPT: Final = 4096


_FIRST: Final = np.zeros(1, np.int64)


class Parent(NamedTuple):
    """A decision, what was observed, and what it earned as far as that is known (None: nothing yet)."""

    domain: str
    arm: str
    propensity: float
    after: str | None
    chain: float | None
    observations: dict[str, float]
    reward: float | None


class _Latest:
    """The last records of one sort.  They are only looked into when somebody asks for one: hardly anybody does."""

    def __init__(self) -> None:
        self.known: OrderedDict[tuple[str, str], Parent] = OrderedDict()
        self._waiting: deque[tuple[Bytes, Places, Places]] = deque()
        self._count = 0

    def add(self, data: Bytes, at: Places, size: Places) -> None:
        """These came; the arrays are kept."""
        self._waiting.append((data, at, size))
        self._count += len(at)
        while self._count > _KEPT and len(self._waiting) > 1:
            self._count -= len(self._waiting.popleft()[1])

    def index(self, read: Callable[[bytes], tuple[tuple[str, str], Parent] | None]) -> None:
        """Know all that came.  Of several with one name the first is the one that counts."""
        while self._waiting:
            data, at, size = self._waiting.popleft()
            for begin, length in zip(at[-_KEPT:].tolist(), size[-_KEPT:].tolist(), strict=True):
                found = read(data[begin : begin + length].tobytes())
                if found is not None:
                    self.known.setdefault(*found)
        self._count = 0
        while len(self.known) > _KEPT:
            self.known.popitem(last=False)


class Parents:
    """Of one partition.  joiner: None where there is none (an offline replay): then only what ended is known."""

    def __init__(self, learner: LearnerProcessor, joiner: JoinerProcessor | None = None) -> None:
        self._learner = learner
        self._joiner = joiner
        self._following: set[str] = set()  # tenants that sent a request with `after`
        self._decided, self._ended = _Latest(), _Latest()
        self._found: dict[tuple[str, str], Parent] = {}  # in the batch that is decided now
        if joiner is not None:
            joiner.tell(self.ended)

    def begin(self) -> None:
        """Another batch is decided now: what was found before may have changed."""
        self._found.clear()

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
        name = (tenant, decision)
        parent = self._found.get(name)
        if parent is None:
            parent = self._look(tenant, decision)
            if parent is not None:
                self._found[name] = parent
        return parent

    def _look(self, tenant: str, decision: str) -> Parent | None:
        found = None if self._joiner is None else self._joiner.find_open(tenant, decision)
        if found is not None:
            return self._open(*found) if was_followed(found[1]) else None
        recent = self._learner.recent_outcomes
        for owner, domain in recent.looked_at:
            if owner == tenant and (outcome := recent.find((owner, domain), decision)) is not None:
                return _over(domain, outcome)
        name = (tenant, decision)
        self._ended.index(self._of_outcome)
        if name in self._ended.known:
            parent = self._ended.known[name]
            return parent if was_followed(parent.observations) else None
        self._decided.index(self._of_decision)
        return self._decided.known.get(name)

    def decided(self, rows: Rows) -> None:
        """The router has decided these."""
        if self._wants_any():
            self._decided.add(rows.values, rows.value_at, rows.value_size)

    def decided_one(self, value: bytes) -> None:
        """The router has decided this one."""
        if self._wants_any():
            self._decided.add(np.frombuffer(value, np.uint8), _FIRST, np.array([len(value)]))

    def ended(self, rows: Rows) -> None:
        """These outcomes have ended.  Their bytes are used again when this returns."""
        if self._wants_any() and len(rows.value_at):
            end = int(rows.value_at[-1] + rows.value_size[-1])
            self._ended.add(rows.values[:end].copy(), rows.value_at.copy(), rows.value_size.copy())

    def _wants_any(self) -> bool:
        return bool(self._following or self._learner.recent_outcomes.looked_at)

    def _of_decision(self, value: bytes) -> tuple[tuple[str, str], Parent]:
        decision: Decision = wire.decode(topics.DECISIONS.name, value)
        return (decision.tenant, decision.id), self._open(decision, {})

    def _of_outcome(self, value: bytes) -> tuple[tuple[str, str], Parent] | None:
        outcome: Outcome = wire.decode(topics.OUTCOMES.name, value)
        decision = outcome.decision
        state = self._learner.domain(decision.tenant, decision.domain)
        if state is None:
            return None
        return (decision.tenant, decision.id), _over(decision.domain, ended(outcome, state.spec))

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
