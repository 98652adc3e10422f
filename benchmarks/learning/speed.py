"""Microseconds that deciding and learning an event takes: ten arms, 32 features, the `standard` feature map.

`kernel_us`: requests are decided and learned in batches of 256, as a worker does, so that the time is the kernels'.
`python_us`: one event at a time through the public interface, the draw of the arm and Python's own time included.
Each is the median of several rounds, after the learner has seen enough for every part of it to be in use.
"""

import statistics
import time
from typing import Any, Final

import numpy as np

from benchmarks.learning.configurations import COMPARED, CONFIGURATIONS
from benchmarks.learning.ours import Ours
from benchmarks.learning.protocol import play
from benchmarks.learning.sets import Problem
from stream_workers.bandits.exploration import sample
from stream_workers.bandits.policy import Batch, Policy

ARMS: Final = 10
FEATURES: Final = 32
BATCH: Final = 256
WARM: Final = 4_096
ROUNDS: Final = 9


def run(quick: bool) -> dict[str, Any]:
    """Both figures, with the spread of the rounds as their interval, and the bytes of a learner's state."""
    rounds = 3 if quick else ROUNDS
    drawn = made(WARM)
    policy = CONFIGURATIONS[COMPARED].policy(drawn)
    _in_batches(policy, drawn, 0, WARM)
    kernel = [_in_batches(policy, drawn, 0, WARM) for _ in range(rounds)]
    python = [play(drawn, Ours(policy, drawn), 0).microseconds for _ in range(rounds)]
    return {
        **_figures("kernel_us", kernel),
        **_figures("python_us", python),
        "state_bytes": len(policy.to_bytes()),
        "configuration": {"speed": {"arms": ARMS, "features": FEATURES, **CONFIGURATIONS[COMPARED].described()}},
    }


def made(rows: int) -> Problem:
    """Requests whose right arm depends on them: the arm with the largest of ten random linear scores."""
    generator = np.random.default_rng(0)
    features = generator.random((rows, FEATURES), np.float32)
    right = np.argmax(features @ generator.normal(size=(FEATURES, ARMS)), axis=1)
    return Problem("made", features, right.astype(np.int64), ARMS)


def _in_batches(policy: Policy, problem: Problem, begin: int, end: int) -> float:
    """Microseconds an event."""
    eligible, free, none = np.ones((BATCH, ARMS), np.bool_), np.zeros((BATCH, ARMS)), np.zeros(BATCH)
    draws = np.random.default_rng(1).random(end)
    chosen = np.empty(BATCH, np.int64)
    spent = 0
    for start in range(begin, end, BATCH):
        rows = slice(start, start + BATCH)
        begun = time.perf_counter_ns()
        probabilities, _ = policy.distribution(problem.features[rows], eligible, free, 0.0)
        logged = probabilities.astype(np.float32)
        sample(logged, draws[rows], chosen)
        spent += time.perf_counter_ns() - begun
        propensity = logged[np.arange(BATCH), chosen].astype(np.float64)
        reward = (chosen == problem.right[rows]).astype(np.float64)
        batch = Batch(problem.features[rows], eligible, chosen, propensity, reward, free, none)
        begun = time.perf_counter_ns()
        policy.update(batch)
        spent += time.perf_counter_ns() - begun
    return spent / (end - begin) / 1e3


def _figures(name: str, rounds: list[float]) -> dict[str, float]:
    return {name: statistics.median(rounds), f"{name}_low": min(rounds), f"{name}_high": max(rounds)}
