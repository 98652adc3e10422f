"""The domains of a partition as the router sees them: by slot, so that whole batches are decided at once.

It follows the learner.  What it holds of a state are addresses of arrays that learning changes in place; a state whose
arrays were replaced, or that the learner has dropped or loaded anew, is found out before it is used.
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
from .routes import Lookup, Templates, common

Name = tuple[str, str]


class Choices(NamedTuple):
    """Decisions of m plain contexts, over the enabled arms of each."""

    choice: NDArray[np.int64]  # (m,) index among the enabled arms
    propensities: NDArray[np.float32]  # (m, most enabled arms)
    scores: NDArray[np.float32]


class _Slot(NamedTuple):
    name: Name
    state: DomainState
    revision: int


class RouteTable:
    """Domains take a slot when their first context comes, and leave it when the learner drops them."""

    def __init__(self, learner: LearnerProcessor) -> None:
        self._learner = learner
        self._numbers: dict[Name, int] = {}
        self._slots: dict[int, _Slot] = {}
        self._free: list[int] = []
        self._alone: set[tuple[Name, int]] = set()  # states (by revision) that only decide one by one
        self._decisions = DecisionTable()
        self.lookup = Lookup()
        self.templates = Templates()
        self.widths = np.zeros((8, 2), np.int64)  # by slot: features, enabled arms

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
                new = self._put(name, state) or new
        return new

    def follow(self, slots: NDArray[np.int64]) -> bool:
        """Whether these slots' states are still the learner's; those that are not are put again, or leave."""
        fresh = True
        for number in np.unique(slots).tolist():
            name, state, revision = self._slots[number]
            if self._learner.loaded(*name) is not state or state.revision != revision:
                self._leave(number)
                if (state_now := self._learner.domain(*name)) is not None:
                    self._put(name, state_now)
                fresh = False
        return fresh

    def forget(self) -> None:
        """Leave the slots of states that the learner no longer has in memory."""
        for number, (name, state, _) in list(self._slots.items()):
            if self._learner.loaded(*name) is not state:
                self._leave(number)
        self._alone.clear()

    def decide(self, plain: PlainContexts) -> Choices:
        """Decide contexts whose slots are fresh."""
        m, most = len(plain.row), int(self.widths[:, 1].max())
        choices = Choices(np.empty(m, np.int64), np.empty((m, most), np.float32), np.empty((m, most), np.float32))
        self._decisions.decide(plain.slot, plain.features, plain.draws, *choices)
        return choices

    def _put(self, name: Name, state: DomainState) -> bool:
        if (name, state.revision) in self._alone:
            return False
        number = self._free.pop() if self._free else len(self._slots)
        enabled = sum(arm.enabled for arm in state.spec.arms)
        if not enabled or not self._decisions.put(number, state):
            self._free.append(number)
            self._alone.add((name, state.revision))
            return False
        if number >= len(self.widths):
            larger = np.zeros((2 * number, 2), np.int64)
            larger[: len(self.widths)] = self.widths
            self.widths = larger
        self._numbers[name] = number
        self._slots[number] = _Slot(name, state, state.revision)
        self.widths[number] = (state.spec.features, enabled)
        self.templates.put(number, common(state.spec, state.version))
        self.lookup.put(number, name[0].encode(), name[1].encode(), state.spec.features)
        return True

    def _leave(self, number: int) -> None:
        del self._numbers[self._slots.pop(number).name]
        self.lookup.drop(number)
        self.templates.drop(number)
        self._decisions.drop(number)
        self.widths[number] = 0
        self._free.append(number)
