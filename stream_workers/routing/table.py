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
    """Domains take a slot when their first context comes, and leave it when the learner says so."""

    def __init__(self, learner: LearnerProcessor) -> None:
        self._learner = learner
        self._numbers: dict[Name, int] = {}
        self._free: list[int] = []
        self._alone: set[Name] = set()  # domains that only decide one by one
        self._decisions = DecisionTable()
        self.lookup = Lookup()
        self.templates = Templates()
        self.widths = np.zeros((8, 2), np.int64)  # by slot: features, enabled arms
        self._most = 0  # enabled arms, of any slot so far
        learner.tell(self._leave)

    def take_up(self, records: Iterable[FetchedRecord]) -> bool:
        """Give slots to the domains that these contexts are of; whether there are new ones."""
        new = False
        for record in records:
            try:
                context = wire.decode(topics.CONTEXTS.name, record.value)
            except BadRecordError:
                continue
            name = (context.tenant, context.domain)
            if name not in self._numbers and (state := self._learner.domain(*name)) is not None:
                new = self._put((state.spec.tenant, state.spec.domain), state) or new
        return new

    def decide(self, plain: PlainContexts) -> Choices:
        """Decide contexts."""
        m, most = len(plain.row), self._most
        choices = Choices(np.empty(m, np.int64), np.empty((m, most), np.float32), np.empty((m, most), np.float32))
        self._decisions.decide(plain.slot, plain.features, plain.draws, *choices)
        return choices

    def _put(self, name: Name, state: DomainState) -> bool:
        if name in self._alone:
            return False
        number = self._free.pop() if self._free else len(self._numbers)
        terms = state.terms
        enabled = len(terms.places)
        if not enabled or not self._decisions.put(number, state):
            self._free.append(number)
            self._alone.add(name)
            return False
        if number >= len(self.widths):
            self.widths = grown(self.widths, number + 1)
        self._numbers[name] = number
        self._most = max(self._most, enabled)
        self.widths[number] = (state.spec.features, enabled)
        self.templates.put(number, common(state.spec, state.version, terms))
        self.lookup.put(number, name[0].encode(), name[1].encode(), state.spec.features)
        return True

    def _leave(self, name: Name) -> None:
        self._alone.discard(name)
        number = self._numbers.pop(name, None)
        if number is not None:
            self.lookup.drop(number)
            self.templates.drop(number)
            self._decisions.drop(number)
            self.widths[number] = 0
            self._free.append(number)
