"""Other programs, each in the best single configuration that a short search found (docs/learning.md: what was tried).

They get the protocol's rows as they are, in the form that each takes, made before the clock starts.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from benchmarks.learning.peers import mabwiser, paretobandit, river, vowpal_wabbit
from benchmarks.learning.protocol import Learner
from benchmarks.learning.sets import Problem


class Peer(NamedTuple):
    """A program: how it is made for a problem and a seed, its package on PyPI, and its configuration in words."""

    make: Callable[[Problem, int], Learner]
    package: str
    configuration: str


PEERS: Final[Mapping[str, Peer]] = {
    "vowpal_wabbit": Peer(vowpal_wabbit.VowpalWabbit, "vowpalwabbit", vowpal_wabbit.ARGUMENTS),
    "mabwiser": Peer(mabwiser.MabWiser, "mabwiser", mabwiser.CONFIGURATION),
    "river": Peer(river.River, "river", river.CONFIGURATION),
    "paretobandit": Peer(paretobandit.ParetoBandit, "paretobandit", paretobandit.CONFIGURATION),
}
