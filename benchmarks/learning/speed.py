"""Microseconds that deciding and learning an event takes: ten arms, 32 features, for each feature map.

`kernel_us`: requests are decided and learned in batches of 32, as a worker does, so that the time is the kernels'.
`python_us`: one event at a time through the public interface, the draw of the arm and Python's own time included.
Each is the median of several rounds, after the learner has seen enough for every part of it to be in use.
"""

import statistics
import time
from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks.learning.configurations import COMPARED, CONFIGURATIONS
from benchmarks.learning.ours import Ours
from benchmarks.learning.protocol import play
from benchmarks.learning.sets import Problem
from stream_workers.bandits.exploration import sample
from stream_workers.bandits.feature_map import PRESETS
from stream_workers.bandits.policy import Batch, Policy

ARMS: Final = 10
FEATURES: Final = 32
BATCH: Final = 32
WARM: Final = 4_096
ROUNDS: Final = 9


def run(quick: bool) -> dict[str, Any]:
    """Both figures for each map, with the spread of the rounds as their interval, and the bytes of a learner's state.

    The figures without a map's name are of the compared learner, whose map is `standard`.
    """
    figures: dict[str, Any] = {}
    for name in PRESETS:
        figures |= _of_map(name, 3 if quick else ROUNDS)
    standard = CONFIGURATIONS[COMPARED].params["map"]
    for figure in ("kernel_us", "python_us"):
        for bound in ("", "_low", "_high"):
            figures[f"{figure}{bound}"] = figures[f"{figure}_{standard}{bound}"]
    described = {"arms": ARMS, "features": FEATURES, **CONFIGURATIONS[COMPARED].described()}
    return figures | {"configuration": {"speed": described}}


def _of_map(name: str, rounds: int) -> dict[str, float]:
    drawn = made(WARM)
    compared = CONFIGURATIONS[COMPARED]
    policy = replace(compared, params={**compared.params, "map": name}).policy(drawn)
    _in_batches(policy, drawn)
    kernel = [_in_batches(policy, drawn) for _ in range(rounds)]
    python = [play(drawn, Ours(policy, drawn), 0).microseconds for _ in range(rounds)]
    return {
        **_figures(f"kernel_us_{name}", kernel),
        **_figures(f"python_us_{name}", python),
        f"state_bytes_{name}": len(policy.to_bytes()),
    }


def made(rows: int) -> Problem:
    """Requests whose right arm depends on them: the arm with the largest of ten random linear scores."""
    generator = np.random.default_rng(0)
    features = generator.random((rows, FEATURES), np.float32)
    right = np.argmax(features @ generator.normal(size=(FEATURES, ARMS)), axis=1)
    return Problem("made", features, right.astype(np.int64), ARMS)


def _in_batches(policy: Policy, problem: Problem) -> float:
    """Microseconds an event, the median over batches."""
    eligible, free, none = np.ones((BATCH, ARMS), np.bool_), np.zeros((BATCH, ARMS)), np.zeros(BATCH)
    draws = np.random.default_rng(1).random(len(problem.right))
    chosen = np.empty(BATCH, np.int64)
    spent = []
    for start in range(0, len(problem.right), BATCH):
        rows = slice(start, start + BATCH)
        begun = time.perf_counter_ns()
        probabilities, _ = policy.distribution(problem.features[rows], eligible, free, 0.0)
        logged = probabilities.astype(np.float32)
        sample(logged, draws[rows], chosen)
        decided = time.perf_counter_ns() - begun
        propensity = logged[np.arange(BATCH), chosen].astype(np.float64)
        reward = (chosen == problem.right[rows]).astype(np.float64)
        batch = Batch(problem.features[rows], eligible, chosen, propensity, reward, free, none)
        begun = time.perf_counter_ns()
        policy.update(batch)
        spent.append(decided + time.perf_counter_ns() - begun)
    return statistics.median(spent) / BATCH / 1e3


def _figures(name: str, rounds: list[float]) -> dict[str, float]:
    return {name: statistics.median(rounds), f"{name}_low": min(rounds), f"{name}_high": max(rounds)}
