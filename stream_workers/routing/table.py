"""The domains of a partition as the router sees them: by slot, so that whole batches are decided at once.

It follows the learner.  What it holds of a state are addresses of arrays that learning changes in place; the learner
tells when a state's arrays were replaced or it has dropped the state, whose slot is then empty before it is used again.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas import topics, wire
from schemas.errors import BadRecordError

from ..bandits.table import DecisionTable
from ..columnar.rows import FetchedRecord
from ..learning.domain import DomainState
from ..learning.processor import LearnerProcessor
from .contexts import PlainContexts
from .routes import Lookup, Templates, common, grown

Name = tuple[str, str]


class Choices(NamedTuple):
    """Decisions of m plain contexts, over the enabled arms of each."""

    choice: NDArray[np.int64]  # (m,) index among the enabled arms
    propensities: NDArray[np.float32]  # (m, most enabled arms)
    scores: NDArray[np.float32]


class RouteTable:
    """Domains take a slot when the learner has them in memory, and leave it when it has not (`cache.Follower`)."""

    def __init__(self, learner: LearnerProcessor) -> None:
        self._learner = learner
        self._numbers: dict[Name, int] = {}
        self._free: list[int] = []
        self._changes = 0
        self._decisions = DecisionTable()
        self.lookup = Lookup()
        self.templates = Templates()
        self.widths = np.zeros((8, 2), np.int64)  # by slot: features, enabled arms
        self._most = 0  # enabled arms, of any slot so far
        learner.tell(self)
        for name, state in learner.recent():
            self.entered(name, state)

    def take_up(self, records: Iterable[FetchedRecord]) -> bool:
        """Have the learner load the domains that these contexts are of; whether there are new ones."""
        before = self._changes
        for record in records:
            try:
                context = wire.decode(topics.CONTEXTS.name, record.value)
            except BadRecordError:
                continue
            self._learner.domain(context.tenant, context.domain)
        return self._changes > before

    def decide(self, plain: PlainContexts) -> Choices:
        """Decide contexts."""
        m, most = len(plain.row), self._most
        choices = Choices(np.empty(m, np.int64), np.empty((m, most), np.float32), np.empty((m, most), np.float32))
        self._decisions.decide(plain.slot, plain.features, plain.draws, *choices)
        return choices

    def entered(self, name: Name, state: DomainState) -> None:
        """Give a domain a slot, unless it decides alone: with inputs, a hard cap, or no enabled arm."""
        number = self._free.pop() if self._free else len(self._numbers)
        terms = state.terms
        enabled = len(terms.places)
        if not enabled or state.spec.inputs or terms.cap is not None or not self._decisions.put(number, state):
            self._free.append(number)
            return
        if number >= len(self.widths):
            self.widths = grown(self.widths, number + 1)
        self._numbers[name] = number
        self._changes += 1
        self._most = max(self._most, enabled)
        self.widths[number] = (state.spec.features, enabled)
        self.templates.put(number, common(state.spec, state.version, terms))
        self.lookup.put(
            number, name[0].encode(), name[1].encode(), state.spec.features, missing=state.spec.missing == "mean"
        )

    def left(self, name: Name) -> None:
        """Empty its slot."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self.lookup.drop(number)
            self.templates.drop(number)
            self._decisions.drop(number)
            self.widths[number] = 0
            self._free.append(number)
