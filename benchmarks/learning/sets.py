"""The sixteen classification sets of PMLB-16, as bandit problems.  data/README.md says where they come from."""

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DATA: Final = Path(__file__).parent / "data"
NAMES: Final = tuple(sorted(path.name.removesuffix(".tsv.gz") for path in DATA.glob("*.tsv.gz")))
#: Rows of a set that are played at most.
ROWS: Final = 20_000


class Problem(NamedTuple):
    """A sequence of requests whose best arm is known.  Reward is 1 for the right arm, otherwise 0."""

    name: str
    features: NDArray[np.float32]  # (n, d) each in [0, 1]
    right: NDArray[np.int64]  # (n,) index of the arm that earns 1
    arms: int


@lru_cache(maxsize=len(NAMES))
def _table(name: str) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    with gzip.open(DATA / f"{name}.tsv.gz", "rt") as lines:
        next(lines)  # the header
        table = np.loadtxt(lines, delimiter="\t")
    classes, right = np.unique(table[:, -1], return_inverse=True)
    return table[:, :-1], right.astype(np.int64), len(classes)


def problem(name: str, seed: int) -> Problem:
    """The first ROWS rows of a set in the order of default_rng(seed), each feature scaled to [0, 1] over them.

    A feature that is constant over those rows is 0.
    """
    features, right, arms = _table(name)
    order = np.random.default_rng(seed).permutation(len(right))[:ROWS]
    return Problem(name, scaled(features[order]), right[order], arms)


def first(whole: Problem, rows: int) -> Problem:
    """The problem that ends after so many rows."""
    return whole._replace(features=whole.features[:rows], right=whole.right[:rows])


def scaled(features: NDArray[np.float64]) -> NDArray[np.float32]:
    """Every column to [0, 1] by its smallest and largest value; 0 where these are equal."""
    low, high = features.min(axis=0), features.max(axis=0)
    return ((features - low) / np.where(high > low, high - low, 1.0)).astype(np.float32)
