"""Learners that are linear in the features of `feature_map`: one model of reward, a rule of exploration for each kind.

A ridge regression for each arm says what it earns and how well that is known (`updating`); the rule makes probabilities
of it (`exploration.explore`).  `DoublyRobust` corrects its regressions by importance weighting.

State, in bytes of memory, for K arms, d features, w = min(d, width), D Fourier features (`feature_map.PRESETS`),
b = 1 + w and m = b + D in whole eights: 8 K (b^2 + m^2 / 2 + 6 m) and a little; without Fourier features 8 K (b^2 + b).
A correction adds the same once, without b^2, and 8 K m.  docs/learning.md has figures by preset.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import exploration, layout
from .arrays import Arrays
from .feature_map import PRESETS
from .judging import distribute, judge, room_for
from .model import Model, model_of
from .parameters import Parameter, complete
from .policy import Batch, Setting, matches
from .quadratic import BLOCK
from .ridge import WIND_UP, forget, panel_forget, reset, reset_panels
from .updating import learn

Array = NDArray[np.float64]

MAP: Final = Parameter(
    "map", str, "small", "raw features (small), and 128 (standard) or 512 (large) random Fourier features of them",
    choices=tuple(PRESETS),
)  # fmt: skip
WIDTH: Final = Parameter("width", int, 128, "slots that raw features are folded into when there are more", 1, 256)
RIDGE: Final = Parameter("ridge", float, 1.0, "shrinkage of the reward models", 1e-6, 1e6)
BONUS: Final = Parameter(
    "bonus", float, 0.3, "weight of the upper confidence bound that is added while choosing", 0.0, 100.0
)
GAMMA: Final = Parameter("gamma", float, 50.0, "sharpness: gamma * sqrt(outcomes); lower explores more", 0.0, 1e6)
MODEL: Final = (MAP, WIDTH, RIDGE)


class Placed(NamedTuple):
    """A learner as kernels see it.  The addresses hold as long as the arrays are kept."""

    arrays: Arrays
    integers: NDArray[np.int64]  # (layout.POLICY_INTEGERS,)
    floats: Array  # (layout.POLICY_FLOATS,)


class Constants(NamedTuple):
    """Of a kind under its parameters."""

    map: str
    width: int
    ridge: float
    bonus: float
    sharpness: float
    cooling: float
    correction_ridge: float
    clip: float


class Linear:
    """See the module.  Its kinds say which rule, and under which names their parameters are."""

    kind: str
    parameters: ClassVar[tuple[Parameter, ...]]
    rule: ClassVar[int]
    corrected: ClassVar[bool] = False
    #: The parameter that is the rule's sharpness.
    sharpness: ClassVar[str | None] = None

    __slots__ = ("_arrays", "_constants", "_floats", "_integers", "_model", "setting")

    setting: Setting

    def __init__(self, setting: Setting) -> None:
        self._empty(setting)
        own, constants, model = self._arrays, self._constants, self._model
        for a in range(model.arms):
            reset(own["covariance"][a], constants.ridge)
        spare = np.empty(model.m)
        for P in own["panels"] if model.fourier else ():
            reset_panels(P, model.real_size, constants.ridge, spare)
        for P in own["shared"]:
            if model.fourier:
                reset_panels(P, model.real_size, constants.correction_ridge, spare)
            else:
                reset(P, constants.correction_ridge)

    def _empty(self, setting: Setting) -> None:
        self.setting = setting
        params = tuple((name, type(given), given) for name, given in setting.params.items())
        self._constants = constants = _constants_of(self.kind, params)
        self._model: Model = model_of(
            len(setting.arms), setting.features, constants.width, PRESETS[constants.map], corrected=self.corrected
        )
        self._arrays = Arrays(self._model.arrangement)
        self._integers = self._model.row(self._arrays, layout.LINEAR, self.rule)
        self._floats = np.array(
            [
                setting.exploration_minimum, self._model.factor, setting.forgetting, constants.ridge, constants.bonus,
                constants.sharpness, constants.cooling, constants.correction_ridge, constants.clip,
            ]
        )  # fmt: skip

    @classmethod
    def state_bytes(cls, arms: int, features: int, params: Mapping[str, float | str]) -> int:
        """Bytes of its packed state.  params: complete."""
        fourier = PRESETS[str(params["map"])]
        return model_of(arms, features, int(params["width"]), fourier, corrected=cls.corrected).packing.size

    @property
    def nbytes(self) -> int:
        """See `Policy`."""
        return self._arrays.data.nbytes

    def placed(self) -> Placed:
        """For kernels that work on many learners at once."""
        return Placed(self._arrays, self._integers, self._floats)

    def distribution(
        self, features: NDArray[np.float32], eligible: NDArray[np.bool_], costs: Array, lambda_: float
    ) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(eligible.shape), np.empty(eligible.shape)
        distribute(self._integers, self._floats, features, eligible, costs, lambda_, probabilities, estimates)
        return probabilities, estimates

    def deviations(self, features: NDArray[np.float32]) -> Array | None:
        """How unsure it is of its estimates (n, K): what `bonus` is multiplied with; None: its rule uses none."""
        if not self._constants.bonus:
            return None
        n, K = len(features), len(self.setting.arms)
        estimates, found, order = np.empty((BLOCK, K)), np.empty((n + BLOCK, K)), np.arange(n)
        room = np.empty(room_for(self._model.m, self._model.features))
        for start in range(0, n, BLOCK):
            judge(
                self._integers, self._floats, features, order[start:], min(BLOCK, n - start), np.arange(K), estimates,
                found[start:], room,
            )  # fmt: skip
        return found[:n]

    def update(self, batch: Batch) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(batch.eligible.shape), np.empty(batch.eligible.shape)
        learn(self._integers, self._floats, *batch[:7], probabilities, estimates)
        return probabilities, estimates

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """See `Policy`.  A new arm starts at the mean of the old arms' intercepts, with the prior's uncertainty.

        Other parameters hold from here on; another map or width starts over.
        """
        old, fresh = self.setting, type(self)(setting)
        if fresh._model.m != self._model.m or fresh._constants[:2] != self._constants[:2]:
            self._take(fresh)
            return
        if weight < 1.0:
            self._forget(weight)
        own, other = self._arrays, fresh._arrays
        other["theta"][:, 0] = np.add.reduce(own["theta"][:, 0]) / len(old.arms)
        by_arm = ["theta", "age", "covariance"]
        by_arm += ["correction"] if self.corrected else []
        by_arm += ["panels", "waiting", "turns"] if self._model.fourier else []
        for new, known in enumerate(matches(old.arms, setting.arms)):
            if known >= 0:
                for name in by_arm:
                    other[name][new] = own[name][known]
        for name in ("mean", "m2", "scale", "seen", "shared", "shared_waiting", "counters"):
            other[name][:] = own[name]
        other["turns"][len(setting.arms) :] = own["turns"][len(old.arms) :]
        self._take(fresh)

    def _forget(self, weight: float) -> None:
        """Give all evidence that share of its weight."""
        own, model, constants = self._arrays, self._model, self._constants
        y, room = np.empty(model.m), np.empty((3, model.m))
        theta = own["theta"]
        for a in range(model.arms):
            own_theta = theta[a : a + 1]
            forget(own["covariance"][a], own_theta[:0] if model.fourier else own_theta, weight, constants.ridge, y)
            if model.fourier:
                panel_forget(
                    own["panels"][a],
                    own_theta,
                    own["waiting"][a],
                    weight,
                    model.real_size,
                    constants.ridge,
                    WIND_UP,
                    room,
                )
        for k in range(len(own["shared"])):
            if model.fourier:
                panel_forget(
                    own["shared"][k], own["correction"], own["shared_waiting"][k], weight, model.real_size,
                    constants.correction_ridge, WIND_UP, room,
                )  # fmt: skip
            else:
                forget(own["shared"][k], own["correction"], weight, constants.correction_ridge, y)

    def _take(self, fresh: Self) -> None:
        for name in Linear.__slots__:
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


@lru_cache(maxsize=1024)
def _constants_of(name: str, params: tuple[tuple[str, type, float | str], ...]) -> Constants:
    """Of a kind by its name.  params: with their types, because 1, 1.0 and True are equal keys and not all allowed."""
    kind = next(each for each in KINDS if each.kind == name)
    given: dict[str, Any] = complete(kind.kind, kind.parameters, {name: value for name, _, value in params})
    return Constants(
        str(given["map"]),
        int(given["width"]),
        float(given["ridge"]),
        float(given.get("bonus", 0.0)),
        float(given[kind.sharpness]) if kind.sharpness else 0.0,
        float(given.get("cooling", 0.0)),
        float(given.get("correction_ridge", 1.0)),
        float(given.get("clip", 1.0)),
    )


class LinUCB(Linear):
    """LinUCB (Li, Chu, Langford, Schapire 2010): always the arm with the highest upper confidence bound."""

    kind = "linucb"
    rule = exploration.GREEDY
    parameters = (*MODEL, BONUS)
    __slots__ = ()


class Thompson(Linear):
    """Linear Thompson sampling (Agrawal, Goyal 2013), with the very probabilities of its draws."""

    kind = "thompson"
    rule = exploration.THOMPSON
    parameters = (
        *MODEL,
        Parameter("bonus", float, 0.15, "deviation of the posterior, times that of the estimate", 0.0, 100.0),
    )
    __slots__ = ()


class SquareCB(Linear):
    """SquareCB (Foster, Rakhlin 2020): an arm's probability falls with the inverse of how far it is behind."""

    kind = "squarecb"
    rule = exploration.INVERSE_GAP
    sharpness = "gamma"
    parameters = (*MODEL, BONUS, GAMMA)
    __slots__ = ()


class FastCB(Linear):
    """FastCB (Foster, Krishnamurthy 2021): as SquareCB, with gaps relative to the best arm's loss."""

    kind = "fastcb"
    rule = exploration.FAST
    sharpness = "gamma"
    # Low enough for its log to answer what another policy would have earned (docs/learning.md).
    parameters = (*MODEL, BONUS, Parameter(GAMMA.name, float, 3.0, GAMMA.meaning, GAMMA.low, GAMMA.high))
    __slots__ = ()


class EpsilonGreedy(Linear):
    """The best arm, but for a share that all have in equal parts: epsilon / sqrt(1 + cooling * outcomes)."""

    kind = "epsilon_greedy"
    rule = exploration.EPSILON
    sharpness = "epsilon"
    parameters = (
        *MODEL,
        Parameter("bonus", float, 0.0, BONUS.meaning, 0.0, 100.0),
        Parameter("epsilon", float, 0.1, "share of requests that any arm may get", 0.0, 1.0),
        Parameter("cooling", float, 0.0, "how soon that share falls, per outcome", 0.0, 1e6),
    )
    __slots__ = ()


class Softmax(Linear):
    """Probabilities in proportion to exp(sharpness sqrt(1 + cooling * outcomes) * estimate) (Boltzmann exploration)."""

    kind = "softmax"
    rule = exploration.SOFTMAX
    sharpness = "sharpness"
    parameters = (
        *MODEL,
        Parameter("bonus", float, 0.0, BONUS.meaning, 0.0, 100.0),
        Parameter("sharpness", float, 10.0, "how much a difference of estimates counts", 0.0, 1e6),
        Parameter("cooling", float, 0.01, "how soon it counts more, per outcome", 0.0, 1e6),
    )
    __slots__ = ()


class DoublyRobust(Linear):
    """Estimates corrected by what importance weighting says they get wrong (`updating`); chooses as SquareCB does."""

    kind = "doubly_robust"
    rule = exploration.INVERSE_GAP
    corrected = True
    sharpness = "gamma"
    parameters = (
        *MODEL,
        BONUS,
        GAMMA,
        Parameter("correction_ridge", float, 10000.0, "shrinkage of the doubly robust correction", 1e-6, 1e12),
        Parameter("clip", float, 20.0, "largest importance weight learned with", 1.0, 1e6),
    )
    __slots__ = ()


KINDS: Final = (LinUCB, Thompson, SquareCB, FastCB, EpsilonGreedy, Softmax, DoublyRobust)
