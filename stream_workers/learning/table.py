"""The domains of a partition by slot, for `reading` and `many`: addresses of what learning changes, names, rewards.

A slot keeps references to its arrays.  A state whose arrays were replaced must be put again.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..bandits.address import address_of
from ..bandits.constant import Uniform
from ..bandits.doubly_robust import DoublyRobust
from ..bandits.policy import Policy
from ..columnar.memory import Bytes
from ..columnar.rows import FetchedRecords
from ..routing.routes import Lookup, grown
from . import layout
from .domain import DomainState
from .many import learn_many
from .reading import NAME_BYTES, PlainOutcomes, read

#: Numbers beyond this in a reward leave the domain to the path of single records: its arithmetic may overflow.
_LARGEST: Final = 1e150

Name = tuple[str, str]  # tenant, domain


class _Rows:
    """Rows of one array in runs: a run that was given back is used again for one of the same length."""

    def __init__(self, width: int, dtype: type) -> None:
        self.data: NDArray[Any] = np.zeros((64, width), dtype)
        self._used = 0
        self._free: dict[int, list[int]] = {}

    def take(self, rows: int) -> int:
        """The first of that many rows, all 0."""
        known = self._free.get(rows)
        if known:
            first = known.pop()
            self.data[first : first + rows] = 0
            return first
        first, self._used = self._used, self._used + rows
        if self._used > len(self.data):
            self.data = grown(self.data, self._used)
        return first

    def give_back(self, first: int, rows: int) -> None:
        """They are free again."""
        self._free.setdefault(rows, []).append(first)


class LearningTable:
    """What the kernels read; memory by slot is about 0.3 KB and 0.1 KB for each arm, component and policy."""

    def __init__(self) -> None:
        self.lookup = Lookup()
        self.domains = np.zeros((8, layout.INTEGERS), np.int64)
        self.floats = np.zeros((8, layout.FLOATS))
        self.count = np.zeros(8, np.int64)
        self.calls = 0
        self._changed = np.zeros(8, np.bool_)
        self._last = np.zeros(8, np.int64)
        self.policies = _Rows(layout.POLICY_INTEGERS, np.int64)
        self.policy_floats = _Rows(layout.POLICY_FLOATS, np.float64)
        self.arms = _Rows(NAME_BYTES + 1, np.uint8)
        self.parts = _Rows(NAME_BYTES + 1, np.uint8)
        self.part_floats = _Rows(layout.COMPONENT_FLOATS, np.float64)
        self.names: list[Name | None] = []
        self.most_arms = 1
        self._slots: dict[Name, int] = {}
        self._free: list[int] = []
        self._held: dict[int, tuple[Any, ...]] = {}

    def put(self, name: Name, state: DomainState) -> bool:
        """Let a domain's outcomes be learned here; False if it has parts that only `DomainState.learn` knows."""
        self.drop(name)
        spec, learning = state.spec, state.learning()
        numbers = [x for part in spec.reward.values() for x in (part.weight, part.worst, part.best)]
        if not all(abs(x) <= _LARGEST for x in numbers):
            return False
        if not all(isinstance(each, DoublyRobust | Uniform) for each in learning.policies):
            return False
        if not all(name.isascii() for name in (*name, *spec.reward, *(arm.name for arm in spec.arms))):
            return False
        slot = self._free.pop() if self._free else len(self.names)
        if slot == len(self.names):
            self.names.append(None)
            if slot >= len(self.domains):
                self.domains, self.floats, self.count, self._changed, self._last = (
                    grown(each, slot + 1) for each in (self.domains, self.floats, self.count, self._changed, self._last)
                )
        K, P, C = len(spec.arms), len(learning.policies), len(spec.reward)
        first, names, parts = self.policies.take(P), self.arms.take(K), self.parts.take(C)
        assert (self.policy_floats.take(P), self.part_floats.take(C)) == (first, parts)
        held = [learning.prices, learning.lambda_, learning.counts, *learning.moments]
        self.domains[slot] = (
            *(spec.features, K, first, P, names, parts, C),
            list(spec.reward).index("cost") if "cost" in spec.reward else -1,
            *(address_of(each) for each in held),
        )
        self.floats[slot] = (*learning.pace, spec.default_reward)
        for row, policy in enumerate(learning.policies, start=first):
            held += self._put_policy(row, policy)
        for row, arm in enumerate(spec.arms, start=names):
            _write(self.arms.data[row], arm.name)
        for row, (component, part) in enumerate(spec.reward.items(), start=parts):
            _write(self.parts.data[row], component)
            self.part_floats.data[row] = (part.weight, part.worst, part.best, part.required)
        self.names[slot] = name
        self._slots[name] = slot
        self._held[slot] = tuple(held)
        self.most_arms = max(self.most_arms, K)
        self.lookup.put(slot, name[0].encode(), name[1].encode(), spec.features)
        return True

    def _put_policy(self, row: int, policy: Policy) -> list[NDArray[Any]]:
        integers, floats = self.policies.data[row], self.policy_floats.data[row]
        floats[layout.MINIMUM] = policy.setting.exploration_minimum
        if isinstance(policy, Uniform):
            integers[layout.LEADER] = policy.arm()
            return []
        assert isinstance(policy, DoublyRobust)
        parts, more = policy.layout(), policy.learning()
        arrays = [*parts[:9], more.m2, more.seen, more.shared]
        integers[layout.LEADER], integers[layout.SIZE] = layout.DOUBLY_ROBUST, parts.theta.shape[1]
        integers[layout.MEAN :] = [address_of(each) for each in arrays]
        floats[:] = (*parts[9:], more.correction_ridge, more.clip)
        return arrays

    def drop(self, name: Name) -> None:
        """Its outcomes are not learned here any more."""
        slot = self._slots.pop(name, None)
        if slot is None:
            return
        domain = self.domains[slot].tolist()
        for rows in (self.policies, self.policy_floats):
            rows.give_back(domain[layout.FIRST], domain[layout.POLICIES])
        for rows in (self.parts, self.part_floats):
            rows.give_back(domain[layout.PARTS], domain[layout.COMPONENTS])
        self.arms.give_back(domain[layout.NAMES], domain[layout.ARMS])
        self.lookup.drop(slot)
        self.names[slot] = None
        self._changed[slot], self._last[slot] = False, 0
        del self._held[slot]
        self._free.append(slot)

    def read(self, records: FetchedRecords) -> tuple[PlainOutcomes, NDArray[np.int64]]:
        """The plain outcomes of a batch, and of each record its slot or why it is none (`reading`)."""
        tables = (self.domains, self.floats, self.arms.data, self.parts.data, self.part_floats.data)
        return read(records, self.lookup.arrays()[:4], tables, self.lookup.widest, self.most_arms)

    def learn(self, plain: PlainOutcomes) -> None:
        """Learn these, in log order within each domain; `take_changed` and `age` tell of which domains."""
        touched = np.empty(len(plain.slot), np.int64)
        groups = learn_many(
            self.domains, self.floats, self.policies.data, self.policy_floats.data, self.count,
            plain.slot, plain.features, plain.eligible, plain.chosen, plain.propensity, plain.reward, plain.costs,
            plain.complete, touched,
        )  # fmt: skip
        self.calls += 1
        self._changed[touched[:groups]] = True
        self._last[touched[:groups]] = self.calls

    def take_changed(self) -> list[Name]:
        """The domains that have learned here since the last call."""
        slots = np.flatnonzero(self._changed)
        self._changed[slots] = False
        found = [self.names[slot] for slot in slots.tolist()]
        return [name for name in found if name is not None]

    def age(self, name: Name) -> int:
        """The number of the call of `learn` in which a domain last learned here; 0: it did not, or is not here."""
        slot = self._slots.get(name)
        return 0 if slot is None else int(self._last[slot])


def _write(row: Bytes, name: str) -> None:
    """Its length, then itself."""
    encoded = name.encode()
    row[0] = len(encoded)
    row[1 : 1 + len(encoded)] = np.frombuffer(encoded, np.uint8)
