"""The Offset Tree (Beygelzimer, Langford 2009): choosing among K arms as a tournament of K - 1 two-sided choices.

A fixed binary tree over the arms (`offset_tree_shape`) is trained from its leaves to its root.  At a node the winners a
and a' of its two sides meet.  An outcome teaches it only if a or a' was chosen: with r the reward, o the offset and
w = min((p_a + p_a') / p_chosen, clip) it is an example of weight w |r - o|, labelled with the chosen arm's side if
r >= o and with the other one otherwise.  Each node fits labels of 1 (left) and -1 (right) on phi (`feature_map`) by
weighted ridge regression; the prediction is its margin, and its sign says which side wins.

Offsets.  "half" is the paper's o = 1/2.  "learned" is half the sum of what both arms are estimated to earn by a ridge
regression for each arm on the raw part of phi: what is learned is then who of the two is better, not how good both
are.  With 128 Fourier features it lost .256 on PMLB-16 (5 seeds); the paper's .284 with ridge = 2, about .288 with 1.
An offset of one estimate for all arms, of a model of the node's own, or weighted by the propensities (the least
variance, if the estimates were right) lost more.

Acting.  A node gives the side that loses 1 / (2 + gamma sqrt(t) |margin|) of the probability that comes to it, which is
SquareCB for two arms: the arm that gets what is explored at a node is the other side's winner, from which that node
learns.  SquareCB over the K arms, by the largest margin or the sum of margins lost on the way to the root, lost up to
.006 more.  Under a budget a margin loses lambda times what the left winner costs more, see
`offset_tree_kernels.winners`.

Estimates are those of the arms' regressions: also with "half", where nothing else depends on them.

State, in bytes of memory, for K arms, d features, D Fourier features, b = 1 + min(d, width) and m = b + D in whole
eights: 8 (K - 1) (m^2 / 2 + 6 m) + 8 K (b^2 / 2 + 6 b) and a little.  Deciding takes time with K (m + b), an outcome as
much and m^2 for each node on the way up that learns from it, 1 to log2 K.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import feature_map
from .arrays import Arrangement, Arrays
from .feature_map import PRESETS
from .linear import MAP, WIDTH
from .offset_tree_kernels import distribute, learn
from .offset_tree_shape import Shape, balanced, rearranged, to_shape
from .packing import Packing
from .panels import padded
from .panels import size as cells_of
from .parameters import Parameter, complete
from .policy import Batch, Setting, matches
from .ridge import WIND_UP, panel_forget, reset_panels

Array = NDArray[np.float64]

PARAMETERS: Final = (
    MAP,
    WIDTH,
    Parameter("ridge", float, 1.0, "shrinkage of the nodes' models", 1e-6, 1e6),
    Parameter("offset", str, "learned", "what a reward is compared with", choices=("learned", "half")),
    Parameter("gamma", float, 200.0, "sharpness: gamma * sqrt(outcomes); lower explores more", 0.0, 1e6),
    Parameter("clip", float, 2.0, "largest importance weight learned with", 1.0, 1e6),
)

#: Shrinkage of the arms' regressions.
_BASE_RIDGE: Final = 1.0

#: In the bytes of a state, in this order.
_PACKED: Final = (
    "left", "right", "mean", "m2", "scale", "seen", "theta", "panels", "waiting", "age", "weights", "base",
    "base_panels", "base_waiting", "base_age", "turns", "counters",
)  # fmt: skip


class _Model:
    """Where the arrays are in a tree's buffer, and its constants: shared by all trees of one size."""

    def __init__(self, arms: int, features: int, width: int, fourier: int) -> None:
        fourier = fourier if features else 0
        K, N, d = arms, arms - 1, features
        self.raw: Final = feature_map.raw_size(d, width)
        self.size: Final = self.raw + fourier  # coordinates that are no padding
        self.m: Final = padded(self.size)
        self.slots, self.signs = feature_map.fold(d, width)
        self.waves: Final = feature_map.waves(d, fourier)
        self.factor: Final = feature_map.factor_of(d, width)
        m, wide, real, whole = self.m, padded(self.raw), np.float64, np.int64
        # In the order of use: what deciding reads, then what only learning does.
        self.arrangement: Final = Arrangement(
            {
                "counters": (real, (2,)),
                "mean": (real, (d,)),
                "scale": (real, (d,)),
                "left": (whole, (N,)),
                "right": (whole, (N,)),
                "weights": (real, (N, 2)),  # sum, and number, of the weights a node learned with
                "theta": (real, (N, m)),
                "base": (real, (K, wide)),
                "m2": (real, (d,)),
                "seen": (whole, (d,)),
                "age": (whole, (N,)),
                "base_age": (whole, (K,)),
                "turns": (whole, (N + K,)),  # whose turn it is to get back what the prior lost: nodes, then arms
                "waiting": (real, (N, m)),
                "base_waiting": (real, (K, wide)),
                "base_panels": (real, (K, cells_of(wide))),
                "panels": (real, (N, cells_of(m))),
            }
        )
        self.packing: Final = Packing(self.arrangement, {name: name for name in _PACKED}, form="offset_tree.1")


@lru_cache(maxsize=1024)
def _model_of(arms: int, features: int, width: int, fourier: int) -> _Model:
    return _Model(arms, features, width, fourier)


class _Constants(NamedTuple):
    fourier: int
    width: int
    ridge: float
    learned: bool
    gamma: float
    clip: float


@lru_cache(maxsize=1024)
def _constants_of(params: tuple[tuple[str, type, float | str], ...]) -> _Constants:
    """params: with their types, because 1, 1.0 and True are equal keys and not all allowed."""
    given: dict[str, Any] = complete(OffsetTree.kind, PARAMETERS, {name: value for name, _, value in params})
    return _Constants(
        PRESETS[str(given["map"])],
        int(given["width"]),
        float(given["ridge"]),
        given["offset"] == "learned",
        float(given["gamma"]),
        float(given["clip"]),
    )


class OffsetTree:
    """See the module."""

    kind = "offset_tree"

    __slots__ = ("_arrays", "_constants", "_model", "setting")

    def __init__(self, setting: Setting) -> None:
        self._empty(setting)
        own, model = self._arrays, self._model
        own["left"][:], own["right"][:] = to_shape(balanced(range(len(setting.arms))))
        spare = np.empty(max(model.m, own["base"].shape[1]))
        for P in own["panels"]:
            reset_panels(P, model.size, self._constants.ridge, spare[: model.m])
        for P in own["base_panels"]:
            reset_panels(P, model.raw, _BASE_RIDGE, spare[: own["base"].shape[1]])

    def _empty(self, setting: Setting) -> None:
        self.setting = setting
        params = tuple((name, type(given), given) for name, given in setting.params.items())
        self._constants = constants = _constants_of(params)
        self._model = _model_of(len(setting.arms), setting.features, constants.width, constants.fourier)
        self._arrays = Arrays(self._model.arrangement)

    @classmethod
    def state_bytes(cls, arms: int, features: int, params: Mapping[str, float | str]) -> int:
        """Bytes of its packed state.  params: complete."""
        return _model_of(arms, features, int(params["width"]), PRESETS[str(params["map"])]).packing.size

    @property
    def nbytes(self) -> int:
        """See `Policy`."""
        return self._arrays.data.nbytes

    @property
    def shape(self) -> Shape:
        """The tree: views of its state."""
        return Shape(self._arrays["left"], self._arrays["right"])

    def _arguments(self) -> tuple[Any, ...]:
        """The kernels' `_MAP` and `_MODEL`."""
        own, model = self._arrays, self._model
        return (
            *(own["mean"], own["scale"], model.slots, model.signs, model.factor, model.raw),
            *(model.waves.picks, model.waves.weights, model.waves.phases),
            *(own[name] for name in ("left", "right", "theta", "weights", "base", "counters")),
        )

    def distribution(
        self, features: NDArray[np.float32], eligible: NDArray[np.bool_], costs: Array, lambda_: float
    ) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(eligible.shape), np.empty(eligible.shape)
        arguments: tuple[Any, ...] = (
            *(features, eligible, costs, lambda_, *self._arguments()),
            *(self._constants.gamma, self.setting.exploration_minimum, probabilities, estimates),
        )
        distribute(*arguments)
        return probabilities, estimates

    def update(self, batch: Batch) -> tuple[Array, Array]:
        """See `Policy`."""
        probabilities, estimates = np.empty(batch.eligible.shape), np.empty(batch.eligible.shape)
        own, model, constants, setting = self._arrays, self._model, self._constants, self.setting
        logged = np.empty((0, len(setting.arms))) if batch.propensities is None else batch.propensities
        names = ("panels", "waiting", "age", "base_panels", "base_waiting", "base_age", "m2", "seen", "turns")
        arguments: tuple[Any, ...] = (
            *(batch.features, batch.eligible, batch.chosen, batch.propensity, batch.reward),
            *(batch.costs, batch.lambdas, logged, *self._arguments(), *(own[name] for name in names)),
            *(constants.gamma, setting.exploration_minimum, setting.forgetting, constants.ridge, constants.clip),
            *(constants.learned, model.size, probabilities, estimates),
        )
        learn(*arguments)
        return probabilities, estimates

    def rearrange(self, setting: Setting, weight: float = 1.0) -> None:
        """See `Policy`, and `offset_tree_shape.rearranged` for what becomes of the tree.

        A new arm's regression starts at the mean of the old arms' intercepts.  Other parameters hold from here on;
        another map or width starts over.
        """
        fresh = type(self)(setting)
        if fresh._constants[:2] != self._constants[:2] or setting.features != self.setting.features:
            self._take(fresh)
            return
        if weight < 1.0:
            self._forget(weight)
        own, other = self._arrays, fresh._arrays
        known = matches(self.setting.arms, setting.arms)
        shape, same = rearranged(self.shape, known)
        other["left"][:], other["right"][:] = shape
        N = len(setting.arms) - 1
        for new, old in same:
            other["turns"][new] = own["turns"][old]
            for name in ("theta", "panels", "waiting", "age", "weights"):
                other[name][new] = own[name][old]
        other["base"][:, 0] = np.add.reduce(own["base"][:, 0]) / len(self.setting.arms)
        for new, old in enumerate(known):
            if old >= 0:
                other["turns"][N + new] = own["turns"][len(self.setting.arms) - 1 + old]
                for name in ("base", "base_panels", "base_waiting", "base_age"):
                    other[name][new] = own[name][old]
        for name in ("mean", "m2", "scale", "seen", "counters"):
            other[name][:] = own[name]
        self._take(fresh)

    def _forget(self, weight: float) -> None:
        """Give all evidence that share of its weight."""
        own, model = self._arrays, self._model
        for names, rows, ridge in (
            (("panels", "theta", "waiting"), model.size, self._constants.ridge),
            (("base_panels", "base", "base_waiting"), model.raw, _BASE_RIDGE),
        ):
            panels, thetas, waitings = (own[name] for name in names)
            m = thetas.shape[1]
            room = np.empty((3, m))
            for k in range(len(panels)):
                panel_forget(panels[k], thetas[k : k + 1], waitings[k], weight, rows, ridge, WIND_UP, room)
        own["weights"][:] *= weight

    def _take(self, fresh: Self) -> None:
        for name in OffsetTree.__slots__:
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
