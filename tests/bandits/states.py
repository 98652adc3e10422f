"""What every learner learns from a fixed log, as a digest: `python -m tests.bandits.states`.

Printed is JSON: for each case the SHA-256 of the state's bytes, and of all that was thought and decided on the way.
"""

import hashlib
import json
import sys

import numpy as np
from numba import config

from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome
from stream_workers.bandits.policy import Batch, Setting
from stream_workers.bandits.registry import make
from stream_workers.learning.domain import DomainState, check

CASES = {
    "doubly_robust": {}, "doubly_robust ": {"map": "standard"},
    "linucb": {}, "linucb ": {"map": "standard"},
    "thompson": {}, "squarecb": {}, "squarecb ": {"map": "standard", "width": 3}, "fastcb": {}, "epsilon_greedy": {},
    "softmax": {}, "offset_tree": {}, "offset_tree ": {"map": "standard", "offset": "half"},
    "corral": {"bases": "squarecb:small,offset_tree:small"}, "fixed": {"arm": "a0"}, "uniform": {},
}  # fmt: skip


def log(n, K=4, d=5):
    """Outcomes made of whole numbers by arithmetic that is the same everywhere: no generator, no library."""
    k = np.arange(n * (d + K + 3), dtype=np.uint64)
    k = (k + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    k = (k ^ (k >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    unit = ((k ^ (k >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / float(1 << 24)
    unit = unit.reshape(n, d + K + 3)
    features = (4.0 * unit[:, :d] - 2.0).astype(np.float32)
    features[unit[:, :d] < 0.05] = np.nan
    eligible = unit[:, d : d + K] < 0.8
    eligible[:, 0] = True
    chosen = np.array(
        [np.flatnonzero(row)[int(u * row.sum())] for row, u in zip(eligible, unit[:, d + K], strict=True)]
    )
    costs = np.ascontiguousarray(unit[:, d : d + K])
    return Batch(
        features, eligible, chosen, 1.0 / eligible.sum(1), unit[:, d + K + 1].copy(), costs, unit[:, d + K + 2].copy()
    )


def digests(n):
    """Of every case without and with forgetting, after n outcomes."""
    found = {}
    for name, params in CASES.items():
        for forgetting in (1.0, 0.98):
            kind, batch = name.strip(), log(n)
            policy = make(kind, Setting(("a0", "a1", "a2", "a3"), 5, 0.05, forgetting, params))
            said = [*policy.update(batch), *policy.distribution(batch.features, batch.eligible, batch.costs, 0.2)]
            thought = b"".join(b"" if each is None else each.tobytes() for each in said)
            found[f"{name}/{forgetting}"] = [hashlib.sha256(each).hexdigest() for each in (policy.to_bytes(), thought)]
    return found


def domain_digest(n):
    """Of all that a domain learns: champion, challengers, values, checks, costs, the budget's multiplier."""
    batch, arms = log(n), tuple(Arm(f"a{i}", 0.1 * (i + 1)) for i in range(4))
    spec = DomainSpec(
        "t", "d", 5, arms, {"quality": Component(required=True), "cost": Component(weight=0.0)},
        LearnerSpec("champion", "squarecb"),
        (LearnerSpec("tree", "offset_tree"), LearnerSpec("fixed", "fixed", {"arm": "a1"})),
        horizon_ms=100, forgetting=0.99, budget=Budget(0.2), missing="mean",
    )  # fmt: skip
    state, outcomes = DomainState(spec, 1), []
    for i in range(n):
        here = np.flatnonzero(batch.eligible[i])
        p = np.full(len(here), 1 / len(here), "<f4").tobytes()
        decision = Decision(
            f"d{i}", "t", "d", tuple(f"a{a}" for a in here), here.tolist().index(batch.chosen[i]), p, p,
            batch.features[i].tobytes(), "champion", 1, 0, 100, ("quality",), i, f"unit-{i % 5}",
        )  # fmt: skip
        observed = {"quality": float(batch.reward[i]), "cost": float(batch.costs[i, batch.chosen[i]])}
        outcomes.append(Outcome(i, "complete", 10_000 + 50 * i, 10_040 + 50 * i, observed, i, decision))
        check(outcomes[-1], spec)
    state.learn(outcomes)
    return hashlib.sha256(state.to_bytes()).hexdigest()


if __name__ == "__main__":
    if config.DISABLE_JIT:
        from tests.bandits import interpreted

        interpreted.install()
    number = int(sys.argv[1])
    json.dump({**digests(number), "domain": domain_digest(10 * number)}, sys.stdout)
