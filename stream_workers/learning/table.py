"""The domains of a partition by slot, for `reading` and `many`: addresses of what learning changes, names, rewards.

A slot keeps references to its arrays.  A state whose arrays were replaced must be put again.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.domains import DomainSpec

from ..bandits import layout as learner
from ..bandits.address import address_of
from ..bandits.arrays import Arrays
from ..bandits.constant import Uniform
from ..bandits.linear import Linear
from ..bandits.policy import Policy
from ..columnar.memory import Bytes
from ..columnar.rows import FetchedRecords
from ..evaluation.progressive import PARTS
from ..routing.routes import Lookup, grown
from . import layout
from .domain import DomainState
from .many import count_unfollowed, learn_many
from .reading import NAME_BYTES, PlainOutcomes, read
from .terms import Terms

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


class _Shared:
    """Of all domains of the same terms: rows of names and components, and a domain's row but for what is its own."""

    __slots__ = ("floats", "moves", "row", "users")

    def __init__(self, row: NDArray[np.int64], moves: NDArray[np.int64], floats: NDArray[np.float64]) -> None:
        self.row = row
        self.moves = moves  # 1 where the row has a place in the domain's own buffer
        self.floats = floats
        self.users = 0


class LearningTable:
    """What the kernels read; memory by slot is about 0.4 KB, and 0.2 KB for each policy."""

    def __init__(self) -> None:
        self.lookup = Lookup()
        self.domains = np.zeros((8, layout.INTEGERS), np.int64)
        self.floats = np.zeros((8, layout.FLOATS))
        self.count = np.zeros(8, np.int64)
        self.calls = 0
        self._changed = np.zeros(8, np.bool_)
        self._alarmed = np.zeros(8, np.bool_)
        self._last = np.zeros(8, np.int64)
        self.policies = _Rows(learner.POLICY_INTEGERS, np.int64)
        self.policy_floats = _Rows(learner.POLICY_FLOATS, np.float64)
        self.arms = _Rows(NAME_BYTES + 1, np.uint8)
        self.parts = _Rows(NAME_BYTES + 1, np.uint8)
        self.part_floats = _Rows(layout.COMPONENT_FLOATS, np.float64)
        self.names: list[Name | None] = []
        self.most_arms = 1
        self._slots: dict[Name, int] = {}
        self._free: list[int] = []
        self._held: list[tuple[Arrays, ...] | None] = []
        self._shared: dict[Terms, _Shared] = {}
        self._terms: dict[int, Terms] = {}  # by slot

    def put(self, name: Name, state: DomainState) -> bool:
        """Let a domain's outcomes be learned here; False if it has parts that only `DomainState.learn` knows."""
        self.drop(name)
        learning = state.learning()
        if not (name[0].isascii() and name[1].isascii()):
            return False
        if learning.terms.cap is not None:
            return False
        if not all(isinstance(each, Linear | Uniform) for each in learning.policies):
            return False
        shared = self._share(state.spec, learning.terms)
        if shared is None:
            return False
        shared.users += 1
        slot = self._free.pop() if self._free else len(self.names)
        if slot == len(self.names):
            self.names.append(None)
            self._held.append(None)
            if slot >= len(self.domains):
                self.domains, self.floats, self.count, self._changed, self._alarmed, self._last = (
                    grown(each, slot + 1)
                    for each in (self.domains, self.floats, self.count, self._changed, self._alarmed, self._last)
                )
        first = self.policies.take(len(learning.policies))
        assert self.policy_floats.take(len(learning.policies)) == first
        row = self.domains[slot]
        np.add(shared.row, learning.own.base * shared.moves, out=row)
        row[layout.FIRST] = first
        self.floats[slot] = shared.floats
        self._held[slot] = (learning.own, *self._put_policies(first, learning.policies))
        self.names[slot] = name
        self._slots[name] = slot
        self._terms[slot] = learning.terms
        self.most_arms = max(self.most_arms, len(learning.terms.arms))
        self.lookup.put(
            slot, name[0].encode(), name[1].encode(), state.spec.width, missing=state.spec.missing == "mean"
        )
        return True

    def _share(self, spec: DomainSpec, terms: Terms) -> "_Shared | None":
        """What all domains of these terms have in common, written once; None if it can not be."""
        known = self._shared.get(terms)
        if known is not None:
            return known
        numbers = [x for part in spec.reward.values() for x in (part.weight, part.worst, part.best)]
        texts = (*spec.reward, *terms.arms)
        if not all(abs(x) <= _LARGEST for x in numbers) or not all(text.isascii() for text in texts):
            return None
        K, C = len(terms.arms), len(spec.reward)
        names, parts = self.arms.take(K), self.parts.take(C)
        assert self.part_floats.take(C) == parts
        for row, arm in enumerate(terms.arms, start=names):
            _write(self.arms.data[row], arm)
        for row, (component, part) in enumerate(spec.reward.items(), start=parts):
            _write(self.parts.data[row], component)
            self.part_floats.data[row] = (part.weight, part.worst, part.best, part.required)
        cost = list(spec.reward).index("cost") if "cost" in spec.reward else -1
        head = (spec.width, K, 0, len(terms.learners), names, parts, C, cost, address_of(terms.prices))
        own = terms.arrangement.at("lambda", "counts", *PARTS, "checks")
        tail = (terms.checked.size, address_of(terms.limits))
        money = terms.arrangement.at("paced", "held", "costs")
        costs = terms.outlook.shared() if terms.outlook is not None else np.zeros(6, np.int64)
        sizes = [len(head), len(own), len(tail), len(money), len(costs)]
        moves = np.repeat(np.array([0, 1, 0, 1, 0], np.int64), sizes)
        whole = np.array([*head, *own, *tail, *money, *costs], np.int64)
        found = _Shared(whole, moves, np.array([*terms.steering, spec.default_reward]))
        self._shared[terms] = found
        return found

    def _put_policies(self, first: int, policies: Sequence[Policy]) -> list[Arrays]:
        held = []
        for row, policy in enumerate(policies, start=first):
            integers, floats = self.policies.data[row], self.policy_floats.data[row]
            if isinstance(policy, Linear):
                placed = policy.placed()
                integers[:], floats[:] = placed.integers, placed.floats
                held.append(placed.arrays)
            elif isinstance(policy, Uniform):
                integers[learner.KIND], integers[learner.LEADER] = learner.CONSTANT, policy.arm()
                floats[learner.MINIMUM] = policy.setting.exploration_minimum
        return held

    def drop(self, name: Name) -> None:
        """Its outcomes are not learned here any more."""
        slot = self._slots.pop(name, None)
        if slot is None:
            return
        first, policies = self.domains[slot, [layout.FIRST, layout.POLICIES]].tolist()
        for rows in (self.policies, self.policy_floats):
            rows.give_back(first, policies)
        self._unshare(self._terms.pop(slot))
        self.lookup.drop(slot)
        self.names[slot] = None
        self._changed[slot], self._alarmed[slot], self._last[slot] = False, False, 0
        self._held[slot] = None
        self._free.append(slot)

    def _unshare(self, terms: Terms) -> None:
        shared = self._shared[terms]
        shared.users -= 1
        if not shared.users:
            self.arms.give_back(int(shared.row[layout.NAMES]), int(shared.row[layout.ARMS]))
            for rows in (self.parts, self.part_floats):
                rows.give_back(int(shared.row[layout.PARTS]), int(shared.row[layout.COMPONENTS]))
            del self._shared[terms]

    def read(self, records: FetchedRecords) -> tuple[PlainOutcomes, NDArray[np.int64]]:
        """The plain outcomes of a batch, and of each record its slot or why it is none (`reading`)."""
        tables = (self.domains, self.floats, self.arms.data, self.parts.data, self.part_floats.data)
        return read(records, self.lookup.arrays()[:4], tables, self.lookup.widest, self.most_arms)

    def learn(self, plain: PlainOutcomes) -> None:
        """Learn these, in log order within each domain; `take_changed` and `age` tell of which domains."""
        touched, alarms = np.empty(len(plain.slot), np.int64), np.empty(len(plain.slot), np.int64)
        groups = learn_many(
            self.domains, self.floats, self.policies.data, self.policy_floats.data, self.count,
            plain.slot, plain.features, plain.eligible, plain.chosen, plain.propensity, plain.propensities,
            plain.reward, plain.costs, plain.complete, plain.decided, plain.ended, plain.lapsed, plain.group,
            touched, alarms,
        )  # fmt: skip
        self.calls += 1
        self._changed[touched[:groups]] = True
        self._alarmed[touched[:groups][alarms[:groups] > 0]] = True
        self._last[touched[:groups]] = self.calls

    def pass_over(self, slots: NDArray[np.int64]) -> None:
        """Count outcomes that were not followed, of these slots."""
        found, times = np.unique(slots, return_counts=True)
        for slot, count in zip(found.tolist(), times.tolist(), strict=True):
            count_unfollowed(self.domains[slot], count)
        self.calls += 1
        self._changed[found] = True
        self._last[found] = self.calls

    def take_changed(self) -> list[Name]:
        """The domains that have learned here since the last call."""
        return self._take(self._changed)

    def take_alarmed(self) -> list[Name]:
        """The domains in which alarms were raised here since the last call."""
        return self._take(self._alarmed)

    def _take(self, flags: NDArray[np.bool_]) -> list[Name]:
        slots = np.flatnonzero(flags)
        flags[slots] = False
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
