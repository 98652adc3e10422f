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
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import feature_map
from .arrays import Arrays
from .exploration import inverse_gap
from .feature_map import FeatureMap, expand
from .judging import expand_block, judge_arm
from .kernel import kernel
from .model import model_of
from .parameters import Parameter, complete
from .policy import Batch, Setting, matches
from .quadratic import BLOCK
from .ridge import LEAST_WEIGHT, WIND_UP, dot, forget, gain, product, reset, shrink

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


@kernel(f"void(f4[:,::1], b1[:,::1], f8[:,::1], f8, {_MAP}, {_MODEL}, {_PARAMS}, f8[:,::1], f8[:,::1])")
def distribute(
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    costs: Array,
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
                P[a], theta[a], correction[a], age[a], forgetting, ridge, bonus,
                columns, norms, rows, weights, variances, estimate, column,
            )  # fmt: skip
            for r in range(rows):
                estimates[start + r, a] = estimate[r]
                index[r, a] = column[r] - lambda_ * costs[start + r, a]
        for r in range(rows):
            inverse_gap(index[r], eligible[start + r], sharpness, minimum, probabilities[start + r])


@kernel(
    f"void(f4[:,::1], b1[:,::1], i8[::1], f8[::1], f8[::1], f8[:,::1], f8[::1], {_MAP}, {_MODEL}, {_PARAMS}, "
    f"{_SHARED}, f8[:,::1], f8[:,::1])",
)
def learn(
    features: NDArray[np.float32],
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensity: Array,
    reward: Array,
    costs: Array,
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
            index[a] -= lambdas[i] * costs[i, a]
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


class Placed(NamedTuple):
    """What `DoublyRobust.placed` gives.  The addresses hold as long as the arrays are kept."""

    arrays: Arrays
    addresses: NDArray[np.int64]  # see `Model.addresses`
    m: int
    numbers: tuple[float, ...]  # factor, minimum, forgetting, ridge, bonus, gamma, correction_ridge, clip


class _Constants(NamedTuple):
    ridge: float
    correction_ridge: float
    bonus: float
    gamma: float
    clip: float
    width: int


@lru_cache(maxsize=1024)
def _constants_of(params: tuple[tuple[str, type, float | str], ...]) -> _Constants:
    """params: with their types, because 1, 1.0 and True are equal keys and not all allowed."""
    params_of = complete(DoublyRobust.kind, PARAMETERS, {name: given for name, _, given in params})
    ridge, correction_ridge, bonus, gamma, clip = (
        float(params_of[name]) for name in ("ridge", "correction_ridge", "bonus", "gamma", "clip")
    )
    return _Constants(ridge, correction_ridge, bonus, gamma, clip, int(params_of["width"]))


class DoublyRobust:
    """See the module.  Parameters: `registry`."""

    kind = "doubly_robust"

    __slots__ = ("_arrays", "_constants", "_model", "setting")

    def __init__(self, setting: Setting) -> None:
        self._empty(setting)
        for a in range(len(setting.arms)):
            reset(self._P[a], self._constants.ridge)
        reset(self._shared[0], self._constants.correction_ridge)

    def _empty(self, setting: Setting) -> None:
        self.setting = setting
        self._constants = _constants_of(tuple((name, type(given), given) for name, given in setting.params.items()))
        self._model = model_of(len(setting.arms), setting.features, self._constants.width)
        self._arrays = Arrays(self._model.arrangement)

    @property
    def _map(self) -> FeatureMap:
        own, model = self._arrays, self._model
        return FeatureMap(
            own["mean"], own["m2"], own["scale"], own["seen"], model.slots, model.signs, model.factor
        )  # fmt: skip

    @property
    def _P(self) -> Array:  # noqa: N802 - as in the formulas
        return self._arrays["P"]

    @property
    def _theta(self) -> Array:
        return self._arrays["theta"]

    @property
    def _correction(self) -> Array:
        return self._arrays["correction"]

    @property
    def _shared(self) -> Array:
        return self._arrays["shared"]

    @property
    def _age(self) -> NDArray[np.int64]:
        return self._arrays["age"]

    @property
    def _counters(self) -> Array:
        return self._arrays["counters"]

    @property
    def nbytes(self) -> int:
        """See `Policy`."""
        return self._arrays.data.nbytes

    def placed(self) -> Placed:
        """Its arrays' addresses and its constants, for kernels that work on many learners at once."""
        constants, setting = self._constants, self.setting
        numbers = (
            *(self._model.factor, setting.exploration_minimum, setting.forgetting, constants.ridge),
            *(constants.bonus, constants.gamma, constants.correction_ridge, constants.clip),
        )
        return Placed(self._arrays, self._model.addresses(self._arrays), self._model.m, numbers)

    def _arguments(self) -> tuple[Any, ...]:
        """_MAP, _MODEL and _PARAMS."""
        f, constants, setting = self._map, self._constants, self.setting
        return (
            *(f.mean, f.scale, f.slots, f.signs, f.factor),
            *(self._P, self._theta, self._correction, self._age, self._counters),
            *(setting.exploration_minimum, setting.forgetting, constants.ridge, constants.bonus, constants.gamma),
        )

    def distribution(
        self,
        features: NDArray[np.float32],
        eligible: NDArray[np.bool_],
        costs: Array,
        lambda_: float,
    ) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(eligible.shape), np.empty(eligible.shape)
        arguments: tuple[Any, ...] = (features, eligible, costs, lambda_, *self._arguments(), probabilities, estimates)
        distribute(*arguments)
        return probabilities, estimates

    def update(self, batch: Batch) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(batch.eligible.shape), np.empty(batch.eligible.shape)
        f, constants = self._map, self._constants
        shared = (f.m2, f.counts, self._shared, constants.correction_ridge, constants.clip)
        arguments: tuple[Any, ...] = (*batch, *self._arguments(), *shared, probabilities, estimates)
        learn(*arguments)
        return probabilities, estimates

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """See `Policy`.  A new arm starts at the mean of the old arms' intercepts, with the prior's uncertainty.

        Another ridge, correction_ridge, bonus, gamma or clip holds from here on; another width starts over.
        """
        old, fresh, constants = self.setting, type(self)(setting), self._constants
        if fresh._model.m != self._model.m or fresh._constants.width != constants.width:
            self._take(fresh)
            return
        scratch = np.empty(self._model.m)
        if weight < 1.0:
            for a in range(len(old.arms)):
                forget(self._P[a], self._theta[a : a + 1], weight, constants.ridge, scratch)
            forget(self._shared[0], self._correction, weight, constants.correction_ridge, scratch)
        fresh._theta[:, 0] = np.add.reduce(self._theta[:, 0]) / len(old.arms)
        for new, known in enumerate(matches(old.arms, setting.arms)):
            if known >= 0:
                for name in ("P", "theta", "correction", "age"):
                    fresh._arrays[name][new] = self._arrays[name][known]
        for name in ("mean", "m2", "scale", "seen", "shared", "counters"):
            fresh._arrays[name][:] = self._arrays[name]
        self._take(fresh)

    def _take(self, fresh: Self) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def to_bytes(self) -> bytes:
        """See `Policy`."""
        return self._model.packing.pack(self._arrays)

    @classmethod
    def from_bytes(cls, data: bytes, setting: Setting) -> Self:
        """See `Policy`."""
        policy = cls.__new__(cls)
        policy._empty(setting)
        policy._model.packing.unpack(data, policy._arrays)
        return policy
