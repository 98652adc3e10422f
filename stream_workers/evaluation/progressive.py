"""What each policy and each fixed arm is worth, estimated while the stream runs.

At every outcome, before anybody learns from it, a policy pi gets the doubly robust term (Dudik, Langford, Li 2011)

    sum_a pi(a|x) q(x, a) + min(pi(a_i|x) / p_i, CLIP) (r - q(x, a_i))

q is the champion's estimate of before the outcome, clipped to [0, 1]; a champion without estimates is stood in for by
the arms' running means.  CLIP bounds the variance; what it cuts off is biased towards q, so `clipped` counts how often
it happened.  A fixed arm is judged on the outcomes in which it was eligible.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.arrays import Arrangement, Arrays
from stream_workers.bandits.kernel import kernel

from .confidence import ALPHA, Interval, interval

CLIP = 100.0
#: The arms' running means begin here.
PRIOR_MEAN = 0.5


@kernel()
def _add(moments: NDArray[np.float64], term: float) -> None:
    """Welford's update of n, mean, M2."""
    moments[0] += 1.0
    delta = term - moments[1]
    moments[1] += delta / moments[0]
    moments[2] += delta * (term - moments[1])


@kernel(
    "void(f8[:,:,::1], f8[:,::1], b1, b1[:,::1], i8[::1], f8[::1], f8[::1], f8, "
    "f8[:,::1], f8[::1], f8[:,::1], f8[:,::1], f8[:,::1])"
)
def evaluate(
    probabilities: NDArray[np.float64],
    model: NDArray[np.float64],
    has_model: bool,
    eligible: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    propensity: NDArray[np.float64],
    reward: NDArray[np.float64],
    clip: float,
    policies: NDArray[np.float64],
    clipped: NDArray[np.float64],
    arms: NDArray[np.float64],
    ahead: NDArray[np.float64],
    acted: NDArray[np.float64],
) -> None:
    """Add n outcomes.  probabilities: (P, n, K), the champion's first; model: (n, K), ignored unless has_model.

    policies (P, 3), arms (K, 3), ahead (K, 3: champion less arm), acted (K, 3: rewards of the arm that acted): moments.
    """
    P, n, K = probabilities.shape
    q = np.empty(K)
    for i in range(n):
        c = chosen[i]
        for a in range(K):
            if has_model:
                q[a] = min(max(model[i, a], 0.0), 1.0)
            else:
                q[a] = acted[a, 1] if acted[a, 0] > 0.0 else PRIOR_MEAN
        residual = reward[i] - q[c]
        champion = 0.0
        for p in range(P):
            term = 0.0
            for a in range(K):
                term += probabilities[p, i, a] * q[a]
            weight = probabilities[p, i, c] / propensity[i]
            if weight > clip:
                weight = clip
                clipped[p] += 1.0
            term += weight * residual
            if p == 0:
                champion = term
            _add(policies[p], term)
        for a in range(K):
            if eligible[i, a]:
                term = q[a]
                if a == c:
                    term += min(1.0 / propensity[i], clip) * residual
                _add(arms[a], term)
                _add(ahead[a], champion - term)
        _add(acted[c], reward[i])


#: Its arrays, in the order of a state's bytes.
PARTS: Final = ("policies", "clipped", "arms", "ahead", "acted")


def parts(policies: int, arms: int) -> dict[str, tuple[type[np.float64], tuple[int, ...]]]:
    """Types and shapes of its arrays, in the order of use: deciding, too, reads what the arms that acted earned."""
    shapes = {
        "acted": (arms, 3), "policies": (policies, 3), "clipped": (policies,), "arms": (arms, 3), "ahead": (arms, 3)
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
        """Moments of each policy's value, (P, 3)."""
        return self.own["policies"]

    @property
    def clipped(self) -> NDArray[np.float64]:
        """How often each policy's weight was cut off, (P,)."""
        return self.own["clipped"]

    @property
    def arms(self) -> NDArray[np.float64]:
        """Moments of each fixed arm's value, (K, 3)."""
        return self.own["arms"]

    @property
    def ahead(self) -> NDArray[np.float64]:
        """Moments of the champion's value less each fixed arm's, (K, 3)."""
        return self.own["ahead"]

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
        propensity: NDArray[np.float64],
        reward: NDArray[np.float64],
    ) -> None:
        """Add n outcomes in log order.  probabilities: (P, n, K) in the order of names, of before each outcome."""
        evaluate(
            probabilities,
            model if model is not None else np.empty((0, len(self.arm_names))),
            model is not None,
            eligible,
            chosen,
            propensity,
            reward,
            CLIP,
            self.policies,
            self.clipped,
            self.arms,
            self.ahead,
            self.acted,
        )

    def arm_means(self) -> NDArray[np.float64]:
        """Mean reward of each arm when it acted, (K,); PRIOR_MEAN for an arm that never did."""
        return np.where(self.acted[:, 0] > 0.0, self.acted[:, 1], PRIOR_MEAN)

    def value(self, name: str) -> Interval:
        """A policy's value."""
        return _interval(self.policies[self.names.index(name)])

    def arm_value(self, arm: int) -> Interval:
        """The value of always choosing an arm, over the outcomes in which it was eligible."""
        return _interval(self.arms[arm])

    def best_arm(self) -> int | None:
        """Index of the fixed arm with the highest estimated value (the first of equals); None before any outcome."""
        known = np.flatnonzero(self.arms[:, 0] > 0.0)
        return int(known[np.argmax(self.arms[known, 1])]) if len(known) else None

    def advantage(self) -> Interval | None:
        """Champion less best fixed arm.

        Which arm is best is chosen by the same data, so its interval is at level ALPHA / K: it holds for whichever.
        """
        best = self.best_arm()
        return None if best is None else _interval(self.ahead[best], ALPHA / len(self.arm_names))

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
        for new, name in enumerate(names):
            if name in kept and name in self.names:
                old = self.names.index(name)
                other.policies[new], other.clipped[new] = self.policies[old], self.clipped[old]
        same_champion = names[0] == self.names[0] and names[0] in kept
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


def _interval(moments: NDArray[np.float64], alpha: float = ALPHA) -> Interval:
    return interval(int(moments[0]), float(moments[1]), float(moments[2]), alpha)
