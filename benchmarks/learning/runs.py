"""Who plays which set with which seed, and what came of it; as many at a time as there are processors."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.learning.challenger import Judged, challenger, judge
from benchmarks.learning.configurations import CONFIGURATIONS
from benchmarks.learning.ours import Ours
from benchmarks.learning.peers import PEERS
from benchmarks.learning.protocol import play
from benchmarks.learning.sets import ROWS, first, problem


class Run(NamedTuple):
    """player: a name of CONFIGURATIONS or PEERS.  rows: of the protocol's, the first so many are played."""

    player: str
    set: str
    seed: int
    delay: int = 0
    rows: int = ROWS


class Found(NamedTuple):
    """What came of a run.  judged: what its log says about a fixed challenger; of ours only."""

    loss: float
    microseconds: float
    judged: Judged | None = None


#: Told after each run: how many are done, of how many, which.
Told = Callable[[int, int, Run, Found], None]


def carry_out(run: Run) -> Found:
    """Play it in this process."""
    posed = first(problem(run.set, run.seed), run.rows)
    if run.player in PEERS:
        played = play(posed, PEERS[run.player].make(posed, run.seed), run.seed, run.delay)
        return Found(played.loss, played.microseconds)
    learner = Ours(CONFIGURATIONS[run.player].policy(posed), posed)
    played = play(posed, learner, run.seed, run.delay)
    judged = judge(
        posed, played.arms, played.rewards, learner.probabilities, learner.estimates, challenger(posed, run.seed)
    )
    return Found(played.loss, played.microseconds, judged)


def carry_out_all(runs: Sequence[Run], told: Told) -> Mapping[Run, Found]:
    """Every run in a process of a pool, the libraries in it held to one thread each."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # read by the libraries when the processes start
    found: dict[Run, Found] = {}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        waiting = {pool.submit(carry_out, run): run for run in runs}
        for done in as_completed(waiting):
            run = waiting[done]
            found[run] = done.result()
            told(len(found), len(runs), run, found[run])
    return found
