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
each fixed arm, and less each challenger.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.arrays import Arrangement, Arrays
from stream_workers.bandits.kernel import kernel

from .confidence import ALPHA, Interval
from .empirical_bernstein import limit
from .overlap import Overlap, overlap
from .pseudo_outcomes import (
    AHEAD,
    BOUND,
    DIFFERENCE_SCALE,
    HIGHEST_VALUE,
    VALUE_SCALE,
    model_below,
    residual_below,
)

CLIP = 100.0
#: The arms' running means begin here.
PRIOR_MEAN = 0.5

#: Of what is estimated: n, mean and sum of squared deviations of the doubly robust terms; then mean, and sum of
#: squared errors of its predictions, of the terms bounded from below, and the same of those bounded from above.
COUNT, MEAN, M2, LOW, LOW_SPREAD, HIGH, HIGH_SPREAD = range(7)
MOMENTS: Final = 7
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
def _add(moments: Array, term: float, low: float, high: float, highest: float, lowest: float) -> None:
    """Add an outcome's terms.  highest, lowest: between them are the predictions of `low` and of `high`."""
    _welford(moments, term)
    error = low - min(moments[LOW], highest)
    moments[LOW_SPREAD] += error * error
    moments[LOW] += (low - moments[LOW]) / moments[COUNT]
    error = high - max(moments[HIGH], lowest)
    moments[HIGH_SPREAD] += error * error
    moments[HIGH] += (high - moments[HIGH]) / moments[COUNT]


@kernel()
def _low(s: float, p: float, q: float, chosen: bool, reward: float, clip: float) -> float:
    """What an arm of measure s adds to the term that is bounded from below."""
    if s == 0.0:
        return 0.0
    model = model_below(s, p, q, BOUND)
    return s * model + (residual_below(s, p, reward - model, clip) if chosen else 0.0)


@kernel()
def _high(s: float, p: float, q: float, chosen: bool, reward: float, clip: float) -> float:
    """To the one that is bounded from above."""
    return -_low(-s, p, q, chosen, reward, clip)


@kernel(
    "void(f8[:,:,::1], f8[:,::1], b1, b1[:,::1], i8[::1], f8[:,::1], f8[::1], f8, "
    "f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1])"
)
def evaluate(
    probabilities: NDArray[np.float64],
    model: Array,
    has_model: bool,
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensities: Array,
    reward: Array,
    clip: float,
    policies: Array,
    weights: Array,
    arms: Array,
    ahead: Array,
    versus: Array,
    acted: Array,
) -> None:
    """Add n outcomes.  probabilities: (P, n, K), the champion's first; model: (n, K), ignored unless has_model.

    propensities: (n, K) as logged, that of the chosen arm above 0.  policies (P, MOMENTS), weights (P, WEIGHTS), arms
    (K, MOMENTS), ahead (K, MOMENTS: champion less arm), versus (P - 1, MOMENTS: champion less challenger), acted
    (K, 3: rewards of the arm that acted).
    """
    P, n, K = probabilities.shape
    q = np.empty(K)
    for i in range(n):
        c, r = chosen[i], reward[i]
        for a in range(K):
            if has_model:
                q[a] = min(max(model[i, a], 0.0), 1.0)
            else:
                q[a] = acted[a, MEAN] if acted[a, COUNT] > 0.0 else PRIOR_MEAN
        p = propensities[i]
        residual = r - q[c]
        champion = champion_low = champion_high = 0.0
        for each in range(P):
            term = low = high = 0.0
            for a in range(K):
                s = probabilities[each, i, a]
                term += s * q[a]
                low += _low(s, p[a], q[a], a == c, r, clip)
                high += _high(s, p[a], q[a], a == c, r, clip)
            weight = probabilities[each, i, c] / p[c]
            weights[each, WEIGHT] += weight
            weights[each, SQUARES] += weight * weight
            weights[each, LARGEST] = max(weights[each, LARGEST], weight)
            if weight > clip:
                weight = clip
                weights[each, CLIPPED] += 1.0
            term += weight * residual
            _add(policies[each], term, low, high, HIGHEST_VALUE, 1.0 - HIGHEST_VALUE)
            if each == 0:
                champion, champion_low, champion_high = term, low, high
                continue
            low = high = 0.0
            for a in range(K):
                s = probabilities[0, i, a] - probabilities[each, i, a]
                low += _low(s, p[a], q[a], a == c, r, clip)
                high += _high(s, p[a], q[a], a == c, r, clip)
            _add(versus[each - 1], champion - term, low, high, AHEAD, -AHEAD)
        for a in range(K):
            if eligible[i, a]:
                here = a == c
                term = q[a]
                if here:
                    term += min(1.0 / p[a], clip) * residual
                low = _low(1.0, p[a], q[a], here, r, clip)
                high = _high(1.0, p[a], q[a], here, r, clip)
                _add(arms[a], term, low, high, HIGHEST_VALUE, 1.0 - HIGHEST_VALUE)
                # The champion less the arm is the champion, but for what this arm adds.
                s = probabilities[0, i, a]
                low = champion_low - _low(s, p[a], q[a], here, r, clip)
                high = champion_high - _high(s, p[a], q[a], here, r, clip)
                low += _low(s - 1.0, p[a], q[a], here, r, clip)
                high += _high(s - 1.0, p[a], q[a], here, r, clip)
                _add(ahead[a], champion - term, low, high, AHEAD, -AHEAD)
        _welford(acted[c], r)


#: Its arrays, in the order of a state's bytes.
PARTS: Final = ("policies", "weights", "arms", "ahead", "versus", "acted")


def parts(policies: int, arms: int) -> dict[str, tuple[type[np.float64], tuple[int, ...]]]:
    """Types and shapes of its arrays, in the order of use: deciding, too, reads what the arms that acted earned."""
    shapes = {
        "acted": (arms, 3), "policies": (policies, MOMENTS), "weights": (policies, WEIGHTS), "arms": (arms, MOMENTS),
        "ahead": (arms, MOMENTS), "versus": (policies - 1, MOMENTS),
    }  # fmt: skip
    return {name: (np.float64, shape) for name, shape in shapes.items()}


class Progressive:
    """The estimates of one domain.  names: its policies, the champion first; arms: K names."""

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
    def acted(self) -> NDArray[np.float64]:
        """Moments of the rewards of each arm when it acted, (K, 3)."""
        return self.own["acted"]

    def update(
        self,
        probabilities: NDArray[np.float64],
        model: NDArray[np.float64] | None,
        eligible: NDArray[np.bool_],
        chosen: NDArray[np.int64],
        propensities: NDArray[np.float64],
        reward: NDArray[np.float64],
    ) -> None:
        """Add n outcomes in log order.

        probabilities: (P, n, K) in the order of names, of before each outcome; propensities: (n, K) as logged.
        """
        evaluate(
            probabilities,
            model if model is not None else np.empty((0, len(self.arm_names))),
            model is not None,
            eligible,
            chosen,
            propensities,
            reward,
            CLIP,
            self.policies,
            self.weights,
            self.arms,
            self.ahead,
            self.versus,
            self.acted,
        )

    def arm_means(self) -> NDArray[np.float64]:
        """Mean reward of each arm when it acted, (K,); PRIOR_MEAN for an arm that never did."""
        return np.where(self.acted[:, 0] > 0.0, self.acted[:, 1], PRIOR_MEAN)

    def value(self, name: str) -> Interval:
        """A policy's value."""
        return _value(self.policies[self.names.index(name)])

    def arm_value(self, arm: int) -> Interval:
        """The value of always choosing an arm, over the outcomes in which it was eligible."""
        return _value(self.arms[arm])

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
        return None if best is None else _difference(self.ahead[best], ALPHA / len(self.arm_names))

    def over_arm(self, arm: int) -> Interval:
        """Champion less an arm that was named beforehand, over the outcomes in which that was eligible."""
        return _difference(self.ahead[arm])

    def over_challenger(self, name: str) -> Interval:
        """Champion less a challenger.

        At level ALPHA / (P - 1), because somebody will look for the challenger that is furthest ahead.
        """
        return _difference(self.versus[self.names.index(name) - 1], ALPHA / (len(self.names) - 1))

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
                if same_champion and new and old:
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


def _value(moments: NDArray[np.float64], alpha: float = ALPHA) -> Interval:
    return _between(moments, alpha, VALUE_SCALE, 0.0, 1.0)


def _difference(moments: NDArray[np.float64], alpha: float = ALPHA) -> Interval:
    return _between(moments, alpha, DIFFERENCE_SCALE, -1.0, 1.0)


def _between(moments: NDArray[np.float64], alpha: float, scale: float, least: float, most: float) -> Interval:
    """Limits at alpha / 2 on each side, and within what rewards in [0, 1] allow."""
    n, mean, _, low, low_spread, high, high_spread = moments.tolist()
    lower = limit(int(n), low, low_spread, scale, alpha / 2.0)
    upper = -limit(int(n), -high, high_spread, scale, alpha / 2.0)
    return Interval(int(n), mean, max(lower, least), min(upper, most))
