"""What each policy and each fixed arm is worth, estimated while the stream runs.

At every outcome, before anybody learns from it, a policy pi gets the doubly robust term (Dudik, Langford, Li 2011)

    sum_a pi(a|x) q(x, a) + min(pi(a_i|x) / p_i, CLIP) (r - q(x, a_i))

q is the champion's estimate of before the outcome, clipped to [0, 1]; a champion without estimates is stood in for by
the arms' running means.  CLIP bounds the variance; what it cuts off is biased towards q, so it is counted how often
that happened.  A fixed arm is judged on the outcomes in which it was eligible.

Beside it run the terms that are bounded from below and from above (`pseudo_outcomes`).  Of them come the limits: an
empirical Bernstein confidence sequence (`empirical_bernstein`) for the mean, over the outcomes so far, of what the
policies then in force would have earned on average.  It holds at every moment at once, whatever the policies learned
meanwhile, however the contexts moved and however large the weights were.  The same for differences: the champion less
each fixed arm, and less each challenger.  Where outcomes name units, limits are wider by the root of the design
effect (`groups`), so that they speak of such units and not only of these.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.arrays import Arrangement, Arrays
from stream_workers.bandits.kernel import kernel

from .confidence import ALPHA, Interval, half_width
from .empirical_bernstein import joint_limit
from .groups import ROWS, add, design_effect
from .overlap import Overlap, overlap
from .pseudo_outcomes import (
    AHEAD,
    BOUNDS,
    DIFFERENCE_SCALES,
    FURTHEST,
    HIGHEST_VALUE,
    RHOS,
    VALUE_SCALES,
    model_below,
    residual_below,
)

CLIP = 100.0
#: The arms' running means begin here.
PRIOR_MEAN = 0.5

#: Of what is estimated: n, mean and sum of squared deviations of the doubly robust terms; then mean, and sum of
#: squared errors of its predictions, of the terms bounded from below, for each of BOUNDS, and of those from above.
COUNT, MEAN, M2, LOW, HIGH = 0, 1, 2, 3, 7
MOMENTS: Final = 11
#: Of a policy's weights: sum, sum of squares, largest, how many were cut off at CLIP.
WEIGHT, SQUARES, LARGEST, CLIPPED = range(4)
WEIGHTS: Final = 4

Array = NDArray[np.float64]


@kernel()
def _welford(moments: Array, term: float) -> None:
    """Welford's update of n, mean, M2."""
    moments[COUNT] += 1.0
    delta = term - moments[MEAN]
    moments[MEAN] += delta / moments[COUNT]
    moments[M2] += delta * (term - moments[MEAN])


@kernel()
def _follow(pair: Array, n: float, term: float, lowest: float, highest: float) -> None:
    """Add a bounded term to its mean, and the squared error of its prediction, which is the mean so far in limits."""
    error = term - min(max(pair[0], lowest), highest)
    pair[1] += error * error
    pair[0] += (term - pair[0]) / n


@kernel()
def _low(s: float, p: float, q: float, chosen: bool, reward: float, bound: float) -> float:
    """What an arm of measure s adds to the term that is bounded from below."""
    if s == 0.0:
        return 0.0
    model = model_below(s, p, q, bound)
    return s * model + (residual_below(s, p, reward - model, FURTHEST) if chosen else 0.0)


@kernel()
def _bounded(s: float, p: float, q: float, chosen: bool, reward: float, sign: float, into: Array) -> None:
    """Add `sign` times what an arm of measure s adds to each of the bounded terms, in the order of their moments."""
    for j in range(len(BOUNDS)):
        into[j] += sign * _low(s, p, q, chosen, reward, BOUNDS[j])
        into[len(BOUNDS) + j] -= sign * _low(-s, p, q, chosen, reward, BOUNDS[j])


@kernel()
def _add(moments: Array, term: float, bounded: Array, lowest: float, highest: float) -> None:
    """Add an outcome's terms.  lowest, highest: of the predictions of those from above, and from below."""
    _welford(moments, term)
    for j in range(len(BOUNDS)):
        _follow(moments[LOW + 2 * j : LOW + 2 * j + 2], moments[COUNT], bounded[j], -np.inf, highest)
        _follow(moments[HIGH + 2 * j : HIGH + 2 * j + 2], moments[COUNT], bounded[len(BOUNDS) + j], lowest, np.inf)


@kernel(
    "void(f8[:,:,::1], f8[:,::1], b1, b1[:,::1], i8[::1], f4[:,::1], f8[::1], i8[::1], f8, "
    "f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1])"
)
def evaluate(
    probabilities: NDArray[np.float64],
    model: Array,
    has_model: bool,
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensities: NDArray[np.float32],
    reward: Array,
    group: NDArray[np.int64],
    clip: float,
    policies: Array,
    weights: Array,
    arms: Array,
    ahead: Array,
    versus: Array,
    groups: Array,
    acted: Array,
) -> None:
    """Add n outcomes.  probabilities: (P, n, K), the champion's first; model: (n, K), ignored unless has_model.

    propensities: (n, K) as logged, that of the chosen arm above 0; group: (n,) see `groups`.  policies (P, MOMENTS),
    weights (P, WEIGHTS), arms (K, MOMENTS), ahead (K, MOMENTS: champion less arm), versus (P - 1, MOMENTS: champion
    less challenger), groups (ROWS, 2: number and sum of the champion's terms), acted (K, 3: rewards of the arm that
    acted).
    """
    P, n, K = probabilities.shape
    q, p, bounded, of_champion = np.empty(K), np.empty(K), np.empty(2 * len(BOUNDS)), np.empty(2 * len(BOUNDS))
    for i in range(n):
        c, r = chosen[i], reward[i]
        for a in range(K):
            p[a] = propensities[i, a]
            if has_model:
                q[a] = min(max(model[i, a], 0.0), 1.0)
            else:
                q[a] = acted[a, MEAN] if acted[a, COUNT] > 0.0 else PRIOR_MEAN
        residual = r - q[c]
        champion = 0.0
        for each in range(P):
            term = 0.0
            bounded[:] = 0.0
            for a in range(K):
                s = probabilities[each, i, a]
                term += s * q[a]
                _bounded(s, p[a], q[a], a == c, r, 1.0, bounded)
            weight = probabilities[each, i, c] / p[c]
            weights[each, WEIGHT] += weight
            weights[each, SQUARES] += weight * weight
            weights[each, LARGEST] = max(weights[each, LARGEST], weight)
            if weight > clip:
                weight = clip
                weights[each, CLIPPED] += 1.0
            term += weight * residual
            _add(policies[each], term, bounded, 1.0 - HIGHEST_VALUE, HIGHEST_VALUE)
            if each == 0:
                champion = term
                of_champion[:] = bounded
                add(groups, group[i], term)
                continue
            bounded[:] = 0.0
            for a in range(K):
                _bounded(probabilities[0, i, a] - probabilities[each, i, a], p[a], q[a], a == c, r, 1.0, bounded)
            _add(versus[each - 1], champion - term, bounded, -AHEAD, AHEAD)
        for a in range(K):
            if eligible[i, a]:
                here = a == c
                term = q[a]
                if here:
                    term += min(1.0 / p[a], clip) * residual
                bounded[:] = 0.0
                _bounded(1.0, p[a], q[a], here, r, 1.0, bounded)
                _add(arms[a], term, bounded, 1.0 - HIGHEST_VALUE, HIGHEST_VALUE)
                # The champion less the arm is the champion, but for what this arm adds.
                s = probabilities[0, i, a]
                bounded[:] = of_champion
                _bounded(s, p[a], q[a], here, r, -1.0, bounded)
                _bounded(s - 1.0, p[a], q[a], here, r, 1.0, bounded)
                _add(ahead[a], champion - term, bounded, -AHEAD, AHEAD)
        _welford(acted[c], r)


#: Its arrays, in the order of a state's bytes.
PARTS: Final = ("policies", "weights", "arms", "ahead", "versus", "groups", "acted")


def parts(policies: int, arms: int) -> dict[str, tuple[type[np.float64], tuple[int, ...]]]:
    """Types and shapes of its arrays, in the order of use: deciding, too, reads what the arms that acted earned."""
    shapes = {
        "acted": (arms, 3), "policies": (policies, MOMENTS), "weights": (policies, WEIGHTS), "arms": (arms, MOMENTS),
        "groups": (ROWS, 2), "ahead": (arms, MOMENTS), "versus": (policies - 1, MOMENTS),
    }  # fmt: skip
    return {name: (np.float64, shape) for name, shape in shapes.items()}


class Progressive:
    """The estimates of one domain: 8 (26 P + 25 K + 23) bytes.  names: its P policies, the champion first; arms: K."""

    __slots__ = ("arm_names", "names", "own")

    def __init__(self, names: tuple[str, ...], arms: tuple[str, ...], own: Arrays | None = None) -> None:
        """own: where its arrays are (`parts`), perhaps among others; without it, a buffer of its own."""
        self.names = names
        self.arm_names = arms
        self.own = own if own is not None else Arrays(Arrangement(parts(len(names), len(arms))))

    @property
    def policies(self) -> NDArray[np.float64]:
        """Moments of each policy's value, (P, MOMENTS)."""
        return self.own["policies"]

    @property
    def weights(self) -> NDArray[np.float64]:
        """Of each policy's weights, (P, WEIGHTS)."""
        return self.own["weights"]

    @property
    def arms(self) -> NDArray[np.float64]:
        """Moments of each fixed arm's value, (K, MOMENTS)."""
        return self.own["arms"]

    @property
    def ahead(self) -> NDArray[np.float64]:
        """Moments of the champion's value less each fixed arm's, (K, MOMENTS)."""
        return self.own["ahead"]

    @property
    def versus(self) -> NDArray[np.float64]:
        """Moments of the champion's value less each challenger's, (P - 1, MOMENTS)."""
        return self.own["versus"]

    @property
    def groups(self) -> NDArray[np.float64]:
        """Number and sum of the champion's terms by group of units, (ROWS, 2)."""
        return self.own["groups"]

    @property
    def acted(self) -> NDArray[np.float64]:
        """Moments of the rewards of each arm when it acted, (K, 3)."""
        return self.own["acted"]

    def update(
        self,
        probabilities: NDArray[np.float64],
        model: NDArray[np.float64] | None,
        eligible: NDArray[np.bool_],
        chosen: NDArray[np.int64],
        propensities: NDArray[np.float32],
        reward: NDArray[np.float64],
        group: NDArray[np.int64],
    ) -> None:
        """Add n outcomes in log order.

        probabilities: (P, n, K) in the order of names, of before each outcome; propensities: (n, K) as logged;
        group: (n,) of their units (`groups`).
        """
        evaluate(
            probabilities,
            model if model is not None else np.empty((0, len(self.arm_names))),
            model is not None,
            eligible,
            chosen,
            propensities,
            reward,
            group,
            CLIP,
            self.policies,
            self.weights,
            self.arms,
            self.ahead,
            self.versus,
            self.groups,
            self.acted,
        )

    def arm_means(self) -> NDArray[np.float64]:
        """Mean reward of each arm when it acted, (K,); PRIOR_MEAN for an arm that never did."""
        return np.where(self.acted[:, 0] > 0.0, self.acted[:, 1], PRIOR_MEAN)

    def design_effect(self) -> float:
        """How many times the variance of a value may be what it would be, were the outcomes of one unit not alike.

        NaN: too few to tell (`groups`); intervals are then about the units that were there.
        """
        n, mean, m2 = self.policies[0, :3].tolist()
        return design_effect(self.groups, n, mean, m2 / n if n else 0.0)

    def _wider(self) -> float:
        effect = self.design_effect()
        return 1.0 if math.isnan(effect) else math.sqrt(effect)

    def _value(self, moments: NDArray[np.float64]) -> Interval:
        return _between(moments, ALPHA, VALUE_SCALES, 0.0, 1.0, self._wider())

    def _difference(self, moments: NDArray[np.float64], alpha: float = ALPHA) -> Interval:
        return _between(moments, alpha, DIFFERENCE_SCALES, -1.0, 1.0, self._wider())

    def value(self, name: str) -> Interval:
        """A policy's value."""
        return self._value(self.policies[self.names.index(name)])

    def arm_value(self, arm: int) -> Interval:
        """The value of always choosing an arm, over the outcomes in which it was eligible."""
        return self._value(self.arms[arm])

    def overlap(self, name: str) -> Overlap:
        """How much the log says about a policy."""
        row = self.names.index(name)
        total, squares, largest, _ = self.weights[row].tolist()
        return overlap(int(self.policies[row, COUNT]), total, squares, largest)

    def best_arm(self) -> int | None:
        """Index of the fixed arm with the highest estimated value (the first of equals); None before any outcome."""
        known = np.flatnonzero(self.arms[:, COUNT] > 0.0)
        return int(known[np.argmax(self.arms[known, MEAN])]) if len(known) else None

    def advantage(self) -> Interval | None:
        """Champion less best fixed arm.

        Which arm is best is chosen by the same data, so its interval is at level ALPHA / K: it holds for whichever.
        """
        best = self.best_arm()
        return None if best is None else self._difference(self.ahead[best], ALPHA / len(self.arm_names))

    def over_arm(self, arm: int) -> Interval:
        """Champion less an arm that was named beforehand, over the outcomes in which that was eligible."""
        return self._difference(self.ahead[arm])

    def over_challenger(self, name: str) -> Interval:
        """Champion less a challenger.

        At level ALPHA / (P - 1), because somebody will look for the challenger that is furthest ahead.
        """
        return self._difference(self.versus[self.names.index(name) - 1], ALPHA / (len(self.names) - 1))

    def rearrange(
        self,
        names: tuple[str, ...],
        arms: tuple[str, ...],
        kept: frozenset[str],
        *,
        restart: bool = False,
        own: Arrays | None = None,
    ) -> "Progressive":
        """Estimates under other policies and arms.

        kept: the policies that are still what they were.  restart: the reward has been redefined; nothing before it
        can be compared with what follows.  What compares with a champion starts over with another champion.
        own: as for a new one; all 0.
        """
        other = Progressive(names, arms, own)
        if restart:
            return other
        same_champion = names[0] == self.names[0] and names[0] in kept
        for new, name in enumerate(names):
            if name in kept and name in self.names:
                old = self.names.index(name)
                other.policies[new], other.weights[new] = self.policies[old], self.weights[old]
                if not new and same_champion:
                    other.groups[:] = self.groups
                elif same_champion and old:
                    other.versus[new - 1] = self.versus[old - 1]
        for new, name in enumerate(arms):
            if name in self.arm_names:
                old = self.arm_names.index(name)
                other.arms[new], other.acted[new] = self.arms[old], self.acted[old]
                if same_champion:
                    other.ahead[new] = self.ahead[old]
        return other

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All of the state."""
        return {name: self.own[name] for name in PARTS}


def _between(
    moments: NDArray[np.float64],
    alpha: float,
    scales: NDArray[np.float64],
    least: float,
    most: float,
    wider: float,
) -> Interval:
    """Limits at alpha / 2 on each side, so many times wider, and within what rewards in [0, 1] allow."""
    n, mean = float(moments[COUNT]), float(moments[MEAN])
    low, low_spread = (moments[LOW + part : HIGH : 2].copy() for part in (0, 1))
    high, high_spread = (moments[HIGH + part : MOMENTS : 2].copy() for part in (0, 1))
    lower = joint_limit(n, low, low_spread, scales, RHOS, alpha / 2.0)
    upper = -joint_limit(n, -high, high_spread, scales, RHOS, alpha / 2.0)
    about = wider * half_width(int(n), float(moments[M2]) / n if n else 0.0, alpha)
    return Interval(
        int(n), mean, max(mean + wider * (lower - mean), least), min(mean + wider * (upper - mean), most),
        max(mean - about, least), min(mean + about, most),
    )  # fmt: skip
