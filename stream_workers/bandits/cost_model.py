"""What a request will cost with each arm: regressed from the costs that were observed.

Prices are means; a long question costs many times a short one, and a budget buys more when the dear arm is taken where
it is cheap.  An arm's cost is its price times a ratio that is linear in the request's features:

    cost(x, a) = price_a * (1 + s'phi + b_a'phi),    phi = [1, 2 z / sqrt(w)]

z are the features standardised online (as in `feature_map`, folded to at most WIDTH).  s is shared by all arms, because
what makes a request dear makes it dear with most arms: a ridge regression on all observed costs, of which the intercept
belongs to the arms.  b_a is what an arm does otherwise: a regression on the diagonal alone, so that a state grows with
the number of arms but not with its product with the square of the features.  It starts at the price: ratio 1.

Older costs lose their weight geometrically (FORGETTING for each outcome, along the direction of its features only:
Kulhavy 1987, restricted exponential forgetting), so that a price that changed without being declared is followed, and
nothing winds up where nothing is observed.

An arm without a price is taken to be free until a cost is seen; its ratio is to the domain's unit (see `Outlook`).
Ratios are bounded by LEAST (0 without a price) and MOST.  The same operations in the same order everywhere: +, -, *, /
and the square root, so that a state is the same bits on every machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .address import address_of
from .arrays import Arrays
from .feature_map import CLIP, FREEZE_AFTER, factor_of, fold
from .kernel import kernel

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

WIDTH: Final = 64
RIDGE: Final = 3.0
FORGETTING: Final = 0.998
LEAST: Final = 0.05
MOST: Final = 20.0
#: Shrinkage of what is an arm's own, but for its intercept.
_OWN_RIDGE: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What the model takes from a specification."""

    features: int  # d
    size: int  # 1 + w
    slots: Integers  # (d,) of the fold
    signs: Array  # (d,)
    units: Array  # (K,) USD, what ratios are to
    bases: Array  # (K,) ratio that is expected before anything was seen: 1, or 0 without a price

    @property
    def numbers(self) -> int:
        """Length of the state."""
        K, d, u = len(self.units), self.features, self.size
        return 1 + 3 * d + u + u * u + K * (1 + 2 * u)

    def row(self, own: Arrays) -> Integers:
        """How kernels see a model whose state is `own["costs"]`: address, sizes and addresses of what is here."""
        return np.array([own.base + own.arrangement.parts["costs"].at, *self.shared()], np.int64)

    def shared(self) -> Integers:
        """Of the row, what is the same for all models of this outlook: but for the address of the state."""
        here = [address_of(each) for each in (self.slots, self.signs, self.units, self.bases)]
        return np.array([self.numbers, self.size, *here], np.int64)


def outlook_of(prices: Array, features: int, unit: float) -> Outlook:
    """prices: (K,) USD; unit: USD, what the ratios of arms without a price are to (the budget)."""
    slots, signs = fold(features, WIDTH)
    priced = prices > 0.0
    return Outlook(
        features,
        1 + min(features, WIDTH),
        slots,
        signs,
        np.where(priced, prices, unit),
        priced.astype(np.float64),
    )


def prepare(state: Array, outlook: Outlook) -> None:
    """Write the state in which nothing was seen.  state: (outlook.numbers,)"""
    d, u = outlook.features, outlook.size
    state[:] = 0.0
    at = 1 + 3 * d + u
    state[at : at + u * u].reshape(u, u)[np.arange(u), np.arange(u)] = 1.0 / RIDGE


def carry(
    old: Array, before: Outlook, known: Sequence[int], state: Array, outlook: Outlook, repriced: Sequence[bool]
) -> None:
    """Write the state under another specification of the same features.

    known: for each arm its index among those before, or -1; repriced: whether its price was declared anew.  A price is
    taken at its word: what was learned about the arm's mean ratio is then past, and what was learned about which
    requests are dearer than others stays.
    """
    d, u = outlook.features, outlook.size
    head = 1 + 3 * d + u + u * u
    state[:head] = old[:head]
    own, theirs = state[head:].reshape(-1, 1 + 2 * u), old[head:].reshape(-1, 1 + 2 * u)
    for new, (place, changed) in enumerate(zip(known, repriced, strict=True)):
        own[new] = theirs[place] if place >= 0 else 0.0
        if changed and place >= 0:
            ratio = before.bases[place] + theirs[place, 1]
            own[new, 0] = 0.0
            own[new, 1] = 0.0
            own[new, 2 : 1 + u] = (
                theirs[place, 2 : 1 + u] / ratio if ratio > LEAST and outlook.bases[new] > 0.0 else 0.0
            )


@kernel()
def _see(
    state: Array, x: NDArray[np.float32], d: int, u: int, slots: Integers, signs: Array, factor: float, phi: Array
) -> None:
    """Write phi (u,)."""
    phi[0] = 1.0
    for j in range(1, u):
        phi[j] = 0.0
    for j in range(d):
        z = (np.float64(x[j]) - state[1 + j]) * state[1 + 2 * d + j]
        if z == z:  # noqa: PLR0124 - NaN: missing, taken to be the mean
            phi[1 + slots[j]] += signs[j] * factor * min(max(z, -CLIP), CLIP)


@kernel()
def _ratio(state: Array, d: int, u: int, arm: int, base: float, phi: Array) -> float:
    """Unbounded."""
    own, shared = 2 + 3 * d + u + u * u + arm * (1 + 2 * u), 1 + 3 * d
    ratio = base
    for j in range(u):
        ratio += (state[shared + j] * base + state[own + j]) * phi[j]
    return ratio


@kernel()
def expect(
    state: Array,
    x: NDArray[np.float32],
    slots: Integers,
    signs: Array,
    factor: float,
    units: Array,
    bases: Array,
    phi: Array,
    costs: Array,
) -> None:
    """Write what each arm is expected to cost for the row x (at least d numbers): costs (K,) USD.  phi: (u,) room."""
    d, u = slots.shape[0], phi.shape[0]
    _see(state, x, d, u, slots, signs, factor, phi)
    for a in range(units.shape[0]):
        ratio = _ratio(state, d, u, a, bases[a], phi)
        costs[a] = units[a] * min(max(ratio, LEAST * bases[a]), MOST)


@kernel()
def _observe(state: Array, x: NDArray[np.float32], d: int) -> None:
    """Welford's update of the standardiser while it is not frozen (`feature_map.observe`, in this state)."""
    if state[0] >= FREEZE_AFTER:
        return
    state[0] += 1.0
    n = state[0]
    for j in range(d):
        value = np.float64(x[j])
        if value != value:  # noqa: PLR0124 - NaN: missing, as if it had been at the mean of now
            continue
        delta = value - state[1 + j]
        state[1 + j] += delta / n
        state[1 + d + j] += delta * (value - state[1 + j])
        if n >= 2.0:
            deviation = math.sqrt(state[1 + d + j] / n)
            state[1 + 2 * d + j] = 1.0 / max(deviation, 1e-12 + 1e-6 * abs(state[1 + j]))


@kernel()
def _learn_one(state: Array, d: int, u: int, arm: int, base: float, ratio: float, phi: Array, y: Array) -> None:
    """Learn an observed ratio.  y: (u,) room."""
    shared, P = 1 + 3 * d, 1 + 3 * d + u
    count = P + u * u + arm * (1 + 2 * u)
    own, evidence = count + 1, count + 1 + u
    error = min(max(ratio, 0.0), MOST) - _ratio(state, d, u, arm, base, phi)
    if base > 0.0:
        zeta = 0.0
        for i in range(u):
            total = 0.0
            for j in range(u):
                total += state[P + i * u + j] * phi[j]
            y[i] = total
            zeta += total * phi[i]
        for j in range(1, u):
            state[shared + j] += y[j] * error / (1.0 + zeta)
        # Kulhavy's P - y y' epsilon / (1 + epsilon zeta), with epsilon = f - (1 - f) / zeta.
        if zeta > 1e-12:
            shrink = (FORGETTING - (1.0 - FORGETTING) / zeta) / (FORGETTING * (1.0 + zeta))
            for i in range(u):
                for j in range(u):
                    state[P + i * u + j] -= shrink * (y[i] * y[j])
    state[count] = state[count] * FORGETTING + 1.0
    norm = 1.0
    for j in range(1, u):
        state[evidence + j] = state[evidence + j] * FORGETTING + phi[j] * phi[j]
        norm += phi[j] * phi[j] / (_OWN_RIDGE + state[evidence + j])
    state[own] += error / (state[count] + 1.0)
    for j in range(1, u):
        state[own + j] += phi[j] * error / ((_OWN_RIDGE + state[evidence + j]) * norm)


@kernel()
def learn_costs(
    state: Array,
    features: NDArray[np.float32],
    chosen: Integers,
    costs: Array,
    slots: Integers,
    signs: Array,
    factor: float,
    units: Array,
    bases: Array,
    phi: Array,
    y: Array,
    expected: Array,
) -> None:
    """Learn outcomes one after another; write what was expected just before each: expected (n, K) USD.

    features: (n, d); chosen: (n,) arms; costs: (n,) USD, NaN: not observed; phi, y: (u,) room.
    """
    d, u = slots.shape[0], phi.shape[0]
    for i in range(features.shape[0]):
        expect(state, features[i], slots, signs, factor, units, bases, phi, expected[i])
        c = costs[i]
        if np.isnan(c):
            continue
        a = chosen[i]
        if state[0] < FREEZE_AFTER:
            _observe(state, features[i], d)
            _see(state, features[i], d, u, slots, signs, factor, phi)
        _learn_one(state, d, u, a, bases[a], c / units[a], phi, y)


@kernel("void(f8[::1], f4[:,::1], i8[::1], f8[::1], f8, f8[::1], f8[::1], i8, f8[:,::1])")
def _expected(
    state: Array,
    features: NDArray[np.float32],
    slots: Integers,
    signs: Array,
    factor: float,
    units: Array,
    bases: Array,
    size: int,
    costs: Array,
) -> None:
    phi = np.empty(size)
    for i in range(features.shape[0]):
        expect(state, features[i], slots, signs, factor, units, bases, phi, costs[i])


@kernel("void(f8[::1], f4[:,::1], i8[::1], f8[::1], i8[::1], f8[::1], f8, f8[::1], f8[::1], i8, f8[:,::1])")
def _learned(
    state: Array,
    features: NDArray[np.float32],
    chosen: Integers,
    costs: Array,
    slots: Integers,
    signs: Array,
    factor: float,
    units: Array,
    bases: Array,
    size: int,
    expected: Array,
) -> None:
    phi, y = np.empty(size), np.empty(size)
    learn_costs(state, features, chosen, costs, slots, signs, factor, units, bases, phi, y, expected)


def expected_costs(state: Array, outlook: Outlook, features: NDArray[np.float32]) -> Array:
    """What each arm is expected to cost for each request: (n, K) USD.  features: (n, d)."""
    costs = np.empty((len(features), len(outlook.units)))
    factor = factor_of(outlook.features, WIDTH)
    _expected(state, features, outlook.slots, outlook.signs, factor, outlook.units, outlook.bases, outlook.size, costs)
    return costs


def learned_costs(
    state: Array, outlook: Outlook, features: NDArray[np.float32], chosen: Integers, costs: Array
) -> Array:
    """Learn outcomes (see `learn_costs`); what was expected before each: (n, K) USD."""
    expected = np.empty((len(features), len(outlook.units)))
    factor = factor_of(outlook.features, WIDTH)
    _learned(
        state, features, chosen, costs, outlook.slots, outlook.signs, factor, outlook.units, outlook.bases,
        outlook.size, expected,
    )  # fmt: skip
    return expected
