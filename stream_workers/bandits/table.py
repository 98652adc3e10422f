"""Many domains' champions by slot, so that a batch of requests of any of them is decided in one call.

A slot holds addresses of the arrays that learning changes in place, and references that keep them alive.  When a
state's arrays are replaced its `revision` becomes another: the slot is stale, and must be put again before it is used.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from . import layout
from .address import address_of
from .arrays import Arrays
from .constant import Uniform
from .cost_model import Outlook
from .deciding import decide_many
from .judging import room_for
from .linear import Linear
from .policy import Policy


class Acting(NamedTuple):
    """What a domain decides with."""

    champion: Policy
    features: int  # d
    places: NDArray[np.int64]  # of the enabled arms among all K, in order
    prices: NDArray[np.float64]  # (K,)
    own: Arrays  # "lambda" (1,); "acted" (K, 3): number, mean and sum of squared deviations of each arm's rewards
    unknown_mean: float  # what an arm that never acted is taken to be worth
    outlook: Outlook | None = None  # what costs are regressed with, in own "costs"


class Acts(Protocol):
    """A domain's state."""

    def acting(self) -> Acting:
        """What it decides with, until its revision changes."""


class DecisionTable:
    """Slots are small numbers that the caller gives out; memory is 350 bytes for each up to the highest, and theirs."""

    def __init__(self) -> None:
        self._integers = np.zeros((8, layout.INTEGERS), np.int64)
        self._floats = np.zeros((8, layout.FLOATS))
        self._count = np.zeros(8, np.int64)
        self._filled = np.zeros(8, np.bool_)
        self._most = (0, 0, 0)  # d, room for judging and enabled arms, of any slot so far
        self._held: dict[int, tuple[Any, ...]] = {}

    def put(self, slot: int, state: Acts) -> bool:
        """Let a slot decide with a state's champion; False if its kind can not (the slot is then empty)."""
        self._make_room(slot)
        acting = state.acting()
        champion, places, own = acting.champion, acting.places, acting.own
        integers, floats = self._integers[slot], self._floats[slot]
        parts = own.arrangement.parts
        head = (len(places), address_of(places), address_of(acting.prices))
        integers[layout.ENABLED : layout.COSTS] = (*head, own.base + parts["lambda"].at, own.base + parts["acted"].at)
        integers[layout.COSTS :] = acting.outlook.row(own) if acting.outlook is not None else 0
        floats[layout.UNKNOWN_MEAN] = acting.unknown_mean
        room = 0
        if isinstance(champion, Linear):
            placed = champion.placed()
            integers[: layout.POLICY_INTEGERS] = placed.integers
            floats[: layout.POLICY_FLOATS] = placed.floats
            room = room_for(integers[layout.SIZE], acting.features)
            self._held[slot] = (places, acting.prices, own, placed.arrays)
        elif isinstance(champion, Uniform):
            integers[: layout.POLICY_INTEGERS] = 0
            integers[layout.KIND], integers[layout.LEADER] = layout.CONSTANT, champion.arm()
            integers[layout.FEATURES], integers[layout.ARMS] = acting.features, len(acting.prices)
            floats[layout.MINIMUM] = champion.setting.exploration_minimum
            self._held[slot] = (places, acting.prices, own)
        else:
            integers[layout.KIND] = layout.EMPTY
            self._held.pop(slot, None)
            self._filled[slot] = False
            return False
        self._filled[slot] = True
        d, m, arms = self._most
        self._most = (max(d, acting.features), max(m, room), max(arms, len(places)))
        return True

    def drop(self, slot: int) -> None:
        """Empty a slot."""
        if self._held.pop(slot, None) is not None:
            self._integers[slot] = 0
            self._filled[slot] = False

    def decide(
        self,
        slots: NDArray[np.int64],
        features: NDArray[np.float32],
        draws: NDArray[np.float64],
        choice: NDArray[np.int64],
        propensities: NDArray[np.float32],
        scores: NDArray[np.float32],
    ) -> None:
        """Choose for n requests, each among all enabled arms of its slot, as `DomainState.decide` does, bit for bit.

        slots: (n,); features: (n, width), row i's first d are of its slot's domain; draws: (n,) uniform in [0, 1).
        Written: choice (n,), the index among the slot's enabled arms, -1 if it has none; propensities and scores
        (n, Kmax), the enabled arms in order, then zeros.

        ValueError: a slot that is empty; arrays that are too narrow for any slot there has been.
        """
        if not len(slots):
            return
        if slots.min() < 0 or slots.max() >= len(self._integers):
            raise ValueError(f"slots from {slots.min()} to {slots.max()}; the table has {len(self._integers)}")
        d, m, arms = self._most
        if not self._filled[slots].all():
            raise ValueError("a request of an empty slot: put a state into it first")
        if features.shape[1] < d or min(propensities.shape[1], scores.shape[1]) < arms:
            raise ValueError(
                f"features are {features.shape[1]} wide, propensities {propensities.shape[1]}, scores "
                f"{scores.shape[1]}; its slots need up to {d} and {arms}"
            )
        decide_many(self._integers, self._floats, self._count, slots, features, draws, choice, propensities, scores, m)

    def _make_room(self, slot: int) -> None:
        if slot >= len(self._integers):
            size = max(slot + 1, 2 * len(self._integers))
            for name in ("_integers", "_floats", "_count", "_filled"):
                old = getattr(self, name)
                larger = np.zeros((size, *old.shape[1:]), old.dtype)
                larger[: len(old)] = old
                setattr(self, name, larger)
