"""Doubly robust terms that are bounded from one side, for intervals that hold whatever the weights.

A doubly robust term is q(x, pi) + w (r - q(x, a)), w = pi(a|x) / p: with rewards in [0, 1] and no bound on w it has a
bound on neither side.  But it is unbiased for every q, so q may depend on the weight: with q no larger than k / w the
term is at least -k and has the same mean (Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro 2022, "Anytime-valid
off-policy inference for contextual bandits", Section 2.3).  That is all that an empirical Bernstein bound from below
asks.  From above it is the same with 1 - q and 1 - r.

Here for any signed measure s over the arms: a policy (s = pi), or a difference of two (s = pi - pi').  Where s is
negative the residual's other side must be bounded, so there 1 - q is no larger than k / |s / p|.  Where an arm was
never drawn (p = 0) this takes the worst that its reward can be, so that bounds hold without overlap, too.  What is
above `clip` times a residual is cut off, which only moves the bound away from the truth.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_workers.bandits.kernel import kernel

from .empirical_bernstein import rho_of

Array = NDArray[np.float64]

#: k.  The larger, the more of the model is used where weights are large; but what a limit loses at once is about
#: 5 (k + 1) / n.  The small one is best for policies that are much like what was logged, and early; the large one
#: where weights are.
BOUNDS: Final = (1.0, 25.0)
#: What is good about a residual in a bounded term weighs at most this.  Limits need no bound on that side, and what is
#: cut off widens them; but a single propensity of 1e-9 shall not end all that can be said.
FURTHEST: Final = 1e4
#: Predictions of differences are kept within this, so that their scale is little more than that of values.
AHEAD: Final = 0.25

#: What predictions of values, bounded from below, are at most.
HIGHEST_VALUE: Final = 1.0
#: The scale c that follows for each k: of values, and of differences.
VALUE_SCALES: Final = np.array([k + HIGHEST_VALUE for k in BOUNDS])
DIFFERENCE_SCALES: Final = np.array([k + 1.0 + AHEAD for k in BOUNDS])
#: For each k, when the limit is tightest: after about 1,000 terms of little variance; after 10,000 of much.
RHOS: Final = np.array([rho_of(60.0), rho_of(10.0)])


@kernel()
def model_below(s: float, p: float, q: float, k: float) -> float:
    """The model of one arm for a bound from below: q, changed so far that s / p times the residual is at least -k."""
    if s > 0.0:
        return q if s * q <= k * p else k * p / s
    if s < 0.0 and -s * (1.0 - q) > k * p:
        return 1.0 + k * p / s
    return q


@kernel()
def residual_below(s: float, p: float, residual: float, clip: float) -> float:
    """Of the arm that acted, s / p times the residual; what is good about it weighs at most `clip`."""
    weight = s / p
    if weight * residual > 0.0 and abs(weight) > clip:
        weight = clip if weight > 0.0 else -clip
    return weight * residual


@kernel()
def term_below(
    s: Array, p: Array, q: Array, chosen: int, propensity: float, reward: float, k: float, clip: float
) -> float:
    """The term of one outcome.  s, p, q: (K,), s 0 where an arm was not eligible.  At least -k less |negative s|."""
    term = 0.0
    for a in range(s.shape[0]):
        if s[a] != 0.0:
            term += s[a] * model_below(s[a], p[a], q[a], k)
    if s[chosen] != 0.0:
        residual = reward - model_below(s[chosen], propensity, q[chosen], k)
        term += residual_below(s[chosen], propensity, residual, clip)
    return term


@kernel("void(f8[:,::1], f8[:,::1], f8[:,::1], i8[::1], f8[::1], f8, f8, f8[::1])")
def _terms_below(
    s: Array, p: Array, q: Array, chosen: NDArray[np.int64], reward: Array, k: float, clip: float, out: Array
) -> None:
    for i in range(reward.shape[0]):
        c = chosen[i]
        out[i] = term_below(s[i], p[i], q[i], c, p[i, c], reward[i], k, clip)


def terms_below(
    signed: Array,
    propensities: Array,
    model: Array,
    chosen: NDArray[np.int64],
    reward: Array,
    clip: float = np.inf,
    bound: float = BOUNDS[0],
) -> Array:
    """Terms (n,) whose mean is at most that of sum_a s(a|x) r(x, a), equal to it where nothing is clipped.

    signed, propensities, model: (n, K); model in [0, 1]; reward in [0, 1].  Terms that are bounded from above are
    -terms_below(-signed, ...).
    """
    out = np.empty(len(reward))
    s, p, q = (np.ascontiguousarray(each, np.float64) for each in (signed, propensities, model))
    acts, r = np.ascontiguousarray(chosen, np.int64), np.ascontiguousarray(reward, np.float64)
    _terms_below(s, p, q, acts, r, bound, clip, out)
    return out
