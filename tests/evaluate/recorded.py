"""A domain's outcomes, of a known logging policy and known rewards: the truth about any policy is known."""

import json
from types import SimpleNamespace

import numpy as np

from infra.readable.plain import plain_record
from schemas import wire
from schemas.domains import Arm, Component, DomainSpec, LearnerSpec
from schemas.events import Decision, Outcome, SpecChange

ARMS = ("small", "medium", "large")
FEATURES = 3
SPEC = DomainSpec(
    "acme",
    "model_routing",
    FEATURES,
    tuple(Arm(name, price) for name, price in zip(ARMS, (0.001, 0.004, 0.02), strict=True)),
    {"success": Component(required=True)},
    LearnerSpec("learned", "doubly_robust"),
    (LearnerSpec("always-large", "fixed", {"arm": "large"}), LearnerSpec("coin", "uniform")),
)


def truth(features):
    """Mean rewards of the arms, (n, K)."""
    x = np.atleast_2d(features)
    odds = np.stack([0.9 * x[:, 0], 0.2 + 0.5 * x[:, 1], 0.4 - 0.8 * x[:, 0]], axis=1)
    return 1.0 / (1.0 + np.exp(-1.5 * odds))


def logging_policy(features):
    """It prefers the small model, more or less: (n, K)."""
    score = np.stack([1.0 + features[:, 2], np.zeros(len(features)), -0.5 * np.ones(len(features))], axis=1)
    p = np.exp(score)
    return 0.9 * p / p.sum(axis=1, keepdims=True) + 0.1 / 3


def features_of(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, FEATURES)).astype(np.float32)


def events(n, seed=0, spec=SPEC, *, units=0, alike=0.0, version=1):
    """A specification, then n outcomes in log order; of `units` users, whose rewards are alike by so much."""
    rng = np.random.default_rng(seed + 1)
    x = features_of(n, seed)
    p = logging_policy(x.astype(np.float64)).astype(np.float32)
    p[:, 2] = 1.0 - p[:, 0] - p[:, 1]
    mood = rng.normal(0.0, alike, max(units, 1))
    found = [SpecChange(version, spec.tenant, spec.domain, spec)]
    for i in range(n):
        unit = int(rng.integers(units)) if units else None
        choice = int(rng.choice(3, p=p[i].astype(np.float64) / p[i].astype(np.float64).sum()))
        mean = truth(x[i])[0, choice] + (0.0 if unit is None else mood[unit])
        decision = Decision(
            f"d-{i}", spec.tenant, spec.domain, ARMS, choice, p[i].tobytes(), np.zeros(3, "<f4").tobytes(),
            x[i].tobytes(), "learned", version, 0, 60_000, (), i, None if unit is None else f"user-{unit}",
        )  # fmt: skip
        found.append(
            Outcome(i, "complete", 1000 * i, 1000 * i + 500, {"success": float(rng.random() < mean)}, i, decision)
        )
    return found


def write_export(path, found):
    """As `croupier tail outcomes --json` prints it."""
    with path.open("w") as file:
        for offset, event in enumerate(found):
            record = SimpleNamespace(
                partition=0, offset=offset, timestamp=1000 * offset, key=b"acme", value=wire.encode(event)
            )
            file.write(json.dumps(plain_record("outcomes", record)) + "\n")
    return path
