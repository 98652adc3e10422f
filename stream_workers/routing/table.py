"""The domains of a partition as the router sees them: by slot, for whole batches at once."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from schemas import wire
from schemas.errors import BadRecordError

from ..columnar.rows import FetchedRecord
from ..learning.domain import DomainState
from ..learning.processor import LearnerProcessor
from .contexts import PlainContexts
from .routes import Lookup, Templates, common


class RouteTable:
    """Follows the learner: whose states change, come and go."""

    def __init__(self, learner: LearnerProcessor) -> None:
        self._learner = learner
        self._slots: dict[tuple[str, str], int] = {}
        self._states: list[DomainState | None] = []
        self._versions: list[int] = []
        self._free: list[int] = []
        self.lookup = Lookup()
        self.templates = Templates()
        self.widths = np.zeros((8, 2), np.int64)  # by slot: features, enabled arms

    def refresh(self) -> None:
        for (tenant, domain), slot in list(self._slots.items()):
            state = self._learner.domain(tenant, domain)
            if state is not self._states[slot] or state is None or state.version != self._versions[slot]:
                self._drop((tenant, domain))

    def learn(self, records: Iterable[FetchedRecord]) -> bool:
        """Take up the domains that these contexts are of; whether there are new ones."""
        new = False
        for record in records:
            try:
                context = wire.decode("contexts", record.value)
            except BadRecordError:
                continue
            name = (context.tenant, context.domain)
            if name not in self._slots:
                state = self._learner.domain(*name)
                if state is not None:
                    self._put(name, state)
                    new = True
        return new

    def _put(self, name: tuple[str, str], state: DomainState) -> None:
        slot = self._free.pop() if self._free else len(self._states)
        if slot == len(self._states):
            self._states.append(None)
            self._versions.append(0)
        if slot >= len(self.widths):
            larger = np.zeros((2 * slot, 2), np.int64)
            larger[: len(self.widths)] = self.widths
            self.widths = larger
        spec = state.spec
        self._slots[name] = slot
        self._states[slot], self._versions[slot] = state, state.version
        self.widths[slot] = (spec.features, sum(arm.enabled for arm in spec.arms))
        self.templates.put(slot, common(spec, state.version))
        self.lookup.put(slot, name[0].encode(), name[1].encode(), spec.features)

    def _drop(self, name: tuple[str, str]) -> None:
        slot = self._slots.pop(name)
        self._states[slot] = None
        self.lookup.drop(slot)
        self.templates.drop(slot)
        self._free.append(slot)

    def decide(self, plain: PlainContexts) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        m = len(plain.row)
        K = int(self.widths[:, 1].max())
        choice, p, s = np.zeros(m, np.int64), np.zeros((m, K), np.float32), np.zeros((m, K), np.float32)
        for slot in np.unique(plain.slot):
            rows = np.flatnonzero(plain.slot == slot)
            state = self._states[slot]
            f = np.ascontiguousarray(plain.features[rows, : state.spec.features])
            c = state.decide(f, None, plain.draws[rows])
            enabled = np.array([i for i, arm in enumerate(state.spec.arms) if arm.enabled])
            choice[rows] = np.searchsorted(enabled, c.arm)
            p[rows, : len(enabled)] = c.propensities[:, enabled]
            s[rows, : len(enabled)] = c.scores[:, enabled]
        return choice, p, s
