"""Intervals over questions and seeds at once.

Every seed plays the same questions in another order, so its figures are no independent repetition: what is drawn anew
is both, seeds and questions, each with replacement, and an observation counts as often as its seed was drawn times as
often as its question was (the pigeonhole bootstrap: Owen 2007, The Annals of Applied Statistics 1, 386; it errs on the
wide side).  Learning is not repeated: what chance has to do with it is in the seeds.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RESAMPLES: Final = 2000
CONFIDENCE: Final = 0.95
_SEED: Final = 20_241


class Interval(NamedTuple):
    """A figure of the data as they are, and the percentile interval."""

    value: float
    low: float
    high: float

    def figures(self, name: str) -> dict[str, float]:
        """As they stand in the report: name, name_low, name_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def weights(seeds: int, questions: int, resamples: int = RESAMPLES) -> Iterator[tuple[Array, Array]]:
    """How often each seed (S,) and each question (n,) counts, for every resample; always the same."""
    rng = np.random.default_rng(_SEED)
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(seeds, size=seeds), minlength=seeds).astype(np.float64)
        yield drawn, np.bincount(rng.integers(questions, size=questions), minlength=questions).astype(np.float64)


def interval(
    figure: Callable[[Array, Array], float], seeds: int, questions: int, resamples: int = RESAMPLES
) -> Interval:
    """The interval of `figure(seeds' weights (S,), questions' weights (n,))`; all weights 1: its value."""
    found = [figure(*each) for each in weights(seeds, questions, resamples)]
    outside = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(found, (outside, 1.0 - outside)).tolist()
    return Interval(figure(np.ones(seeds), np.ones(questions)), low, high)


def over(above: NDArray[Any], below: NDArray[Any]) -> Callable[[Array, Array], float]:
    """The ratio of two sums as a figure for `interval`.  above, below: (S, n), 0 where a seed did not score one."""

    def figure(seeds: Array, questions: Array) -> float:
        return float(seeds @ above @ questions) / float(seeds @ below @ questions)

    return figure
