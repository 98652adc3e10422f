"""The linear doubly robust learner: a ridge model per arm, corrected by what importance weighting says it gets wrong.

q_a is a ridge regression of the reward on phi over the outcomes in which a was chosen (see `ridge`, `feature_map`).
The doubly robust target of an outcome (Dudik, Langford, Li 2011) is q_a + 1{a = chosen} w (r - q_a) for every
eligible arm, w = min(1 / p, clip).  Its second term is regressed on phi by one more ridge regression whose covariance
all arms share (every outcome has a target for every eligible arm).  That regression is shrunk heavily: unshrunk
weights lose more by variance than they gain.  estimate = q + correction.

It acts by `exploration.inverse_gap` with gamma = gamma * sqrt(t) on estimate + bonus * sqrt(phi' P_a phi) - lambda *
price, t the (forgotten) number of outcomes learned.

State: with m = 1 + min(d, width), 8 (K m (m + 1) / 2 + m (m + 1) / 2 + 2 K m + 3 d) bytes and a little; K = 10, d = 32:
55 KB; K = 64, d >= 128: 4.6 MB.  Time grows with K m^2.
"""

import math
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import feature_map
from .exploration import inverse_gap
from .feature_map import FeatureMap, expand
from .judging import expand_block, judge_arm
from .kernel import kernel
from .packing import pack, unpack
from .parameters import Parameter, complete
from .policy import Batch, Setting, matches
from .quadratic import BLOCK
from .ridge import LEAST_WEIGHT, WIND_UP, dot, forget, gain, product, reset, shrink, square, triangle

Array = NDArray[np.float64]

PARAMETERS = (
    Parameter("gamma", float, 50.0, "sharpness of SquareCB: gamma * sqrt(outcomes); lower explores more", 0.0, 1e6),
    Parameter("bonus", float, 0.3, "weight of the upper confidence bound that is added while choosing", 0.0, 100.0),
    Parameter("ridge", float, 1.0, "shrinkage of the reward models", 1e-6, 1e6),
    Parameter("correction_ridge", float, 10000.0, "shrinkage of the doubly robust correction", 1e-6, 1e12),
    Parameter("clip", float, 20.0, "largest importance weight learned with", 1.0, 1e6),
    Parameter("width", int, 128, "slots that features are folded into when there are more", 1, 256),
)


@kernel()
def _faded(variance: float, phi: Array, age: int, forgetting: float, ridge: float) -> float:
    """An arm's phi' P phi as it would be had forgetting been done, which waits until the arm is next chosen."""
    variance = max(variance, 0.0)
    if forgetting < 1.0:
        weight = max(forgetting**age, LEAST_WEIGHT)
        variance = min(variance / weight, max(variance, WIND_UP * dot(phi, phi) / ridge))
    return variance


@kernel()
def _judge(
    phi: Array,
    P: Array,
    theta: Array,
    correction: Array,
    age: NDArray[np.int64],
    forgetting: float,
    ridge: float,
    bonus: float,
    scratch: Array,
    estimate: Array,
    index: Array,
) -> None:
    """Write estimate (K,) and index (K,): the estimate plus the bonus."""
    for a in range(theta.shape[0]):
        estimate[a] = dot(phi, theta[a]) + dot(phi, correction[a])
        index[a] = estimate[a]
        if bonus > 0.0:
            index[a] += bonus * math.sqrt(_faded(product(P[a], phi, scratch), phi, age[a], forgetting, ridge))


_MAP = "f8[::1], f8[::1], i8[::1], f8[::1], f8"  # mean, scale, slots, signs, factor
_MODEL = "f8[:,:,::1], f8[:,::1], f8[:,::1], i8[::1], f8[::1]"  # P, theta, correction, age, counters
_PARAMS = "f8, f8, f8, f8, f8"  # minimum, forgetting, ridge, bonus, gamma
_SHARED = "f8[::1], i8[::1], f8[:,:,::1], f8, f8"  # m2, seen, shared, correction_ridge, clip


@kernel(f"void(f4[:,::1], b1[:,::1], f8[::1], f8, {_MAP}, {_MODEL}, {_PARAMS}, f8[:,::1], f8[:,::1])")
def distribute(
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    prices: Array,
    lambda_: float,
    mean: Array,
    scale: Array,
    slots: NDArray[np.int64],
    signs: Array,
    factor: float,
    P: Array,
    theta: Array,
    correction: Array,
    age: NDArray[np.int64],
    counters: Array,
    minimum: float,
    forgetting: float,
    ridge: float,
    bonus: float,
    gamma: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Write probabilities and estimates (n, K); changes nothing else."""
    n, K = eligible.shape
    m = theta.shape[1]
    order = np.arange(n)
    columns = np.empty((m, BLOCK))
    norms, weights, variances, estimate, column = (
        np.empty(BLOCK),
        np.empty(m),
        np.empty(BLOCK),
        np.empty(BLOCK),
        np.empty(BLOCK),
    )
    index = np.empty((BLOCK, K))
    sharpness = gamma * math.sqrt(counters[1])
    for start in range(0, n, BLOCK):
        rows = min(BLOCK, n - start)
        expand_block(features, order[start:], rows, mean, scale, slots, signs, factor, columns, norms)
        for a in range(K):
            judge_arm(
                P[a], theta[a], correction[a], age[a], forgetting, ridge, bonus, lambda_ * prices[a],
                columns, norms, rows, weights, variances, estimate, column,
            )  # fmt: skip
            for r in range(rows):
                estimates[start + r, a] = estimate[r]
                index[r, a] = column[r]
        for r in range(rows):
            inverse_gap(index[r], eligible[start + r], sharpness, minimum, probabilities[start + r])


@kernel(
    f"void(f4[:,::1], b1[:,::1], i8[::1], f8[::1], f8[::1], f8[::1], f8[::1], {_MAP}, {_MODEL}, {_PARAMS}, {_SHARED}, "
    "f8[:,::1], f8[:,::1])",
)
def learn(
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensity: Array,
    reward: Array,
    prices: Array,
    lambdas: Array,
    mean: Array,
    scale: Array,
    slots: NDArray[np.int64],
    signs: Array,
    factor: float,
    P: Array,
    theta: Array,
    correction: Array,
    age: NDArray[np.int64],
    counters: Array,
    minimum: float,
    forgetting: float,
    ridge: float,
    bonus: float,
    gamma: float,
    m2: Array,
    seen: NDArray[np.int64],
    shared: Array,
    correction_ridge: float,
    clip: float,
    probabilities: Array,
    estimates: Array,
) -> None:
    """Learn n outcomes one after another; write what was thought just before each, (n, K)."""
    n, K = eligible.shape
    m = theta.shape[1]
    phi = np.empty(m)
    scratch = np.empty(m)
    index = np.empty(K)
    for i in range(n):
        expand(features[i], mean, scale, slots, signs, factor, phi)
        _judge(phi, P, theta, correction, age, forgetting, ridge, bonus, scratch, estimates[i], index)
        for a in range(K):
            index[a] -= lambdas[i] * prices[a]
        inverse_gap(index, eligible[i], gamma * math.sqrt(counters[1]), minimum, probabilities[i])

        c = chosen[i]
        residual = reward[i] - dot(phi, theta[c])
        if forgetting < 1.0:
            for a in range(K):
                age[a] += 1
            forget(P[c], theta[c : c + 1], forgetting ** age[c], ridge, scratch)
            age[c] = 0
            forget(shared[0], correction, forgetting, correction_ridge, scratch)
            residual = reward[i] - dot(phi, theta[c])

        step = gain(shared[0], phi, correction_ridge, scratch)
        weighted = min(1.0 / propensity[i], clip) * residual
        for a in range(K):
            if eligible[i, a]:
                target = weighted if a == c else 0.0
                error = step * (target - dot(phi, correction[a]))
                for j in range(m):
                    correction[a, j] += error * scratch[j]
        shrink(shared[0], scratch, step)

        step = gain(P[c], phi, ridge, scratch)
        for j in range(m):
            theta[c, j] += step * residual * scratch[j]
        shrink(P[c], scratch, step)

        feature_map.observe(features[i], mean, m2, scale, seen)
        counters[0] += 1.0
        counters[1] = forgetting * counters[1] + 1.0


class Learned(NamedTuple):
    """What `DoublyRobust.layout` gives: see `distribute`."""

    mean: Array
    scale: Array
    slots: NDArray[np.int64]
    signs: Array
    P: Array
    theta: Array
    correction: Array
    age: NDArray[np.int64]
    counters: Array
    factor: float
    minimum: float
    forgetting: float
    ridge: float
    bonus: float
    gamma: float


class Learning(NamedTuple):
    """What `DoublyRobust.learning` gives, beside its layout: see `learn`."""

    m2: Array
    seen: NDArray[np.int64]
    shared: Array
    correction_ridge: float
    clip: float


class DoublyRobust:
    """See the module.  Parameters: `registry`."""

    kind = "doubly_robust"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        params = complete(self.kind, PARAMETERS, setting.params)
        self._ridge = float(params["ridge"])
        self._correction_ridge = float(params["correction_ridge"])
        self._bonus = float(params["bonus"])
        self._gamma = float(params["gamma"])
        self._clip = float(params["clip"])
        self._width = int(params["width"])
        K, m = len(setting.arms), feature_map.size(setting.features, self._width)
        self._map = FeatureMap.fresh(setting.features, self._width)
        self._P = np.empty((K, m, m))
        for a in range(K):
            reset(self._P[a], self._ridge)
        self._theta = np.zeros((K, m))
        self._shared = np.empty((1, m, m))
        reset(self._shared[0], self._correction_ridge)
        self._correction = np.zeros((K, m))
        self._age = np.zeros(K, np.int64)
        self._counters = np.zeros(2)

    @property
    def nbytes(self) -> int:
        """See `Policy`."""
        return sum(array.nbytes for array in (*self.layout()[:9], *self.learning()[:3]))

    def layout(self) -> Learned:
        """Its arrays and constants, for kernels that work on many learners at once.  Not to be changed."""
        f, setting = self._map, self.setting
        return Learned(
            *(f.mean, f.scale, f.slots, f.signs, self._P, self._theta, self._correction, self._age, self._counters),
            *(f.factor, setting.exploration_minimum, setting.forgetting, self._ridge, self._bonus, self._gamma),
        )

    def learning(self) -> Learning:
        """What learning needs beside the layout."""
        return Learning(self._map.m2, self._map.counts, self._shared, self._correction_ridge, self._clip)

    def _arguments(self) -> tuple[Any, ...]:
        """_MAP, _MODEL and _PARAMS."""
        parts = self.layout()
        return (*parts[:4], parts.factor, *parts[4:9], *parts[10:])

    def distribution(
        self,
        features: NDArray[np.float32],
        eligible: NDArray[np.bool_],
        prices: Array,
        lambda_: float,
    ) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(eligible.shape), np.empty(eligible.shape)
        arguments: tuple[Any, ...] = (features, eligible, prices, lambda_, *self._arguments(), probabilities, estimates)
        distribute(*arguments)
        return probabilities, estimates

    def update(self, batch: Batch) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(batch.eligible.shape), np.empty(batch.eligible.shape)
        arguments: tuple[Any, ...] = (*batch, *self._arguments(), *self.learning(), probabilities, estimates)
        learn(*arguments)
        return probabilities, estimates

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """See `Policy`.  A new arm starts at the mean of the old arms' intercepts, with the prior's uncertainty.

        Another ridge, correction_ridge, bonus, gamma or clip holds from here on; another width starts over.
        """
        old, fresh = self.setting, type(self)(setting)
        if fresh._theta.shape[1] != self._theta.shape[1] or fresh._width != self._width:
            self.__dict__.update(fresh.__dict__)
            return
        scratch = np.empty(self._theta.shape[1])
        if weight < 1.0:
            for a in range(len(old.arms)):
                forget(self._P[a], self._theta[a : a + 1], weight, self._ridge, scratch)
            forget(self._shared[0], self._correction, weight, self._correction_ridge, scratch)
        fresh._theta[:, 0] = np.add.reduce(self._theta[:, 0]) / len(old.arms)
        for new, known in enumerate(matches(old.arms, setting.arms)):
            if known >= 0:
                fresh._P[new] = self._P[known]
                fresh._theta[new] = self._theta[known]
                fresh._correction[new] = self._correction[known]
                fresh._age[new] = self._age[known]
        fresh._map, fresh._shared, fresh._counters = self._map, self._shared, self._counters
        self.__dict__.update(fresh.__dict__)

    def to_bytes(self) -> bytes:
        """See `Policy`."""
        f = self._map
        return pack(
            {
                "mean": f.mean,
                "m2": f.m2,
                "scale": f.scale,
                "seen": f.counts,
                "P": triangle(self._P),
                "theta": self._theta,
                "shared": triangle(self._shared),
                "correction": self._correction,
                "age": self._age,
                "counters": self._counters,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, setting: Setting) -> Self:
        """See `Policy`."""
        policy = cls(setting)
        arrays = unpack(data)
        f, m = policy._map, policy._theta.shape[1]
        f.mean, f.m2, f.scale, f.counts = (arrays[name] for name in ("mean", "m2", "scale", "seen"))
        policy._P, policy._shared = square(arrays["P"], m), square(arrays["shared"], m)
        policy._theta, policy._correction = arrays["theta"], arrays["correction"]
        policy._age, policy._counters = arrays["age"], arrays["counters"]
        return policy
